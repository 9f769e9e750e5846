"""Errors that a user can fix: each names the file at fault and the remedy, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class UserError(Exception):
    """Base of every error that the command line shows as one line, without a traceback."""


class Stopped(UserError):
    """A training that was asked to stop and can resume; the command exits with `RESUMABLE`."""


RESUMABLE = 75
"""Exit status of a command that should be run again: the system's `EX_TEMPFAIL`."""


class ConfigError(UserError):
    """A configuration file or a method name that cannot be used."""


class DataError(UserError):
    """An image, manifest, store or folder that does not hold what it should."""


class WeightsError(UserError):
    """A weights file that cannot be read or belongs to another architecture."""


class RecordError(UserError):
    """A result record that is missing, malformed or of another schema."""


def first_problem(
    error: ValidationError, *, whole: str = "the file", unknown_key: str = "unknown key, remove it"
) -> str:
    """The first of pydantic's errors as `place: problem`, in one line.

    Args:
        error: what pydantic raised.
        whole: the place of a problem that concerns no single field.
        unknown_key: how to report a key that the schema lacks.
    """
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    what = unknown_key if first["type"] == "extra_forbidden" else first["msg"]
    return f"{where}: {what}"
