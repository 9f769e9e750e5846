"""`dmtbench`: the command line. Thin: parses arguments, calls a stage, shows errors as one line."""

from __future__ import annotations

import sys

# Each registers its commands with `app`, in the order of the help text.
from pipeline.cli import (  # noqa: F401
    data,
    deblur,
    debug,
    fetch,
    history,
    methods,
    plan,
    reports,
    runs,
    weights,
)
from pipeline.cli.app import app
from pipeline.errors import RESUMABLE, Stopped, UserError

__all__ = ["app", "main"]


def main() -> None:
    """Entry point: user errors end in one line on standard error and exit code 1.

    A training that was told to stop ends with `RESUMABLE`.
    """
    try:
        app()
    except Stopped as stopped:
        print(f"stopped: {stopped}", file=sys.stderr)
        sys.exit(RESUMABLE)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
