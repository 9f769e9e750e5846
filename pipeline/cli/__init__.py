"""`dmtbench`: the command line. Thin: parses arguments, calls a stage, shows errors as one line."""

from __future__ import annotations

import os
import sys

# Each registers its commands with `app`, in the order of the help text: as data flows.
# isort: off
from pipeline.cli import fetch, data  # noqa: F401
from pipeline.cli import methods, plan, runs, history, weights  # noqa: F401
from pipeline.cli import reports  # noqa: F401
from pipeline.cli import deblur, debug  # noqa: F401

# isort: on
from pipeline.cli.app import Panel, app
from pipeline.errors import RESUMABLE, Disconnected, Stopped, UserError

__all__ = ["Panel", "app", "main"]


def main() -> None:
    """Entry point: user errors end in one line on standard error and exit code 1.

    A training that was asked to stop ends with exit code `RESUMABLE`.
    """
    try:
        app()
    except Stopped as stopped:
        print(f"stopped: {stopped}", file=sys.stderr)
        sys.exit(RESUMABLE)
    except Disconnected as error:
        # `torchrun` reports the process that ended first.
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
