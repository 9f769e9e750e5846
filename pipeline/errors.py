"""Errors that a user can fix: each message names the file at fault and the remedy, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class UserError(Exception):
    """Base class of errors that the command line shows as one line, without a traceback."""


class Stopped(UserError):
    """A training was requested to stop and can resume; the command exits with `RESUMABLE`."""


class Disconnected(UserError):
    """Another process of the same training has ended."""


RESUMABLE = 75
"""Exit status of a command that should be run again: `EX_TEMPFAIL` of sysexits.h."""

PARTIAL = 3
"""Exit status of a command that did only some of what it was asked to do."""


class ConfigError(UserError):
    """A configuration file or a method name that cannot be used."""


class DataError(UserError):
    """An image, manifest, store or folder with missing, damaged or wrong content."""


class WeightsError(UserError):
    """A weights file that cannot be read or belongs to another architecture."""


class NoMemory(UserError):
    """A GPU or a machine with too little memory for what it is asked to compute."""


class ControlError(UserError):
    """Scores that cannot be right: a control is off, or a known mistake explains them."""


class RecordError(UserError):
    """A result record that is missing, malformed or does not match its schema."""


def first_problem(
    error: ValidationError, *, whole: str = "the file", unknown_key: str = "unknown key, remove it"
) -> str:
    """Pydantic's first error as one line, `place: problem`.

    Args:
        error: raised by pydantic.
        whole: the place of a problem that does not belong to a single field.
        unknown_key: the problem to report for a key that is not in the schema.
    """
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    what = (
        unknown_key
        if first["type"] == "extra_forbidden"
        else first["msg"].removeprefix("Value error, ")
    )
    return f"{one_line(where)}: {one_line(what)}"


_LONGEST = 300


def one_line(text: str) -> str:
    """Text from a file as a message can hold it: short, and with escapes for control characters.

    >>> one_line("a\\nb")
    'a\\\\nb'
    """
    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:_LONGEST])
    return printable if len(text) <= _LONGEST else f"{printable}…"
