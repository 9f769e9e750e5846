"""`dmtbench`: the command line. Thin: parses arguments, calls a stage, shows errors as one line."""

from __future__ import annotations

import errno
import io
import os
import sys

# Each registers its commands with `app`, in the order of the help text: as data flows.
# isort: off
from pipeline.cli import fetch, data  # noqa: F401
from pipeline.cli import methods, plan, runs, history, listing, weights  # noqa: F401
from pipeline.cli import audit, reports, figures, cite, networks, study, tracking  # noqa: F401
from pipeline.cli import deblur, export, debug, signals, sensitivity, gpu_check  # noqa: F401

# isort: on
from pipeline.cli.app import Panel, app
from pipeline.code_hash import code_hashed_once
from pipeline.compute.cache_folders import provide_cache_folders
from pipeline.compute.said_once import complain
from pipeline.errors import Disconnected, Stopped, UserError
from pipeline.exit_codes import FAILED, INTERRUPTED, RESUMABLE

_ACCESS = "choose a place that you may read and write, or change its permissions"
_SPACE = "free some space or choose another disk"
_PATH = "check this path: a file may be where a folder should be"
_FIXABLE = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _ACCESS),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _SPACE),
    **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST), _PATH),
    **dict.fromkeys((errno.ELOOP, errno.ENAMETOOLONG), _PATH),
    **dict.fromkeys((errno.EIO, errno.ESTALE), "check the disk or the network drive"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "raise the limit of open files (ulimit -n)"),
}
"""Errors of the operating system that say something about the machine, with the remedy."""

__all__ = ["Panel", "app", "main"]


def main() -> None:
    """Entry point: user errors end in one line on standard error and exit code 1.

    So do errors of the operating system that a user can fix: permissions, full disks and the like.
    A training that was asked to stop ends with exit code `RESUMABLE`.
    """
    _escape_what_cannot_be_shown()
    try:
        provide_cache_folders(os.environ)
        with code_hashed_once():
            app()
    except Stopped as stopped:
        complain(f"stopped: {stopped}")
        sys.exit(RESUMABLE)
    except Disconnected as error:
        # `torchrun` reports the process that ended first.
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            complain(f"error: {error}")
        sys.exit(FAILED)
    except UserError as error:
        complain(f"error: {error}")
        sys.exit(FAILED)
    except OSError as error:
        if error.errno not in _FIXABLE:
            raise
        where = f"{error.filename}: " if error.filename else ""
        complain(f"error: {where}{error.strerror}; {_FIXABLE[error.errno]}")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _escape_what_cannot_be_shown() -> None:
    """In place of an error: where the language setting has no letter for a name, show its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
