"""Errors that a user can mend: each names the file at fault and the remedy, in one line."""

from __future__ import annotations


class UserError(Exception):
    """Base of every error that the command line shows as one line, without a traceback."""


class Stopped(UserError):
    """A training that was told to stop and can go on; the command ends with status `RESUMABLE`."""


RESUMABLE = 75
"""Exit status of a command that is to be run again: `EX_TEMPFAIL` of the system."""


class ConfigError(UserError):
    """A configuration file or a method name that cannot be used."""


class DataError(UserError):
    """An image, manifest, store or folder that does not hold what it should."""


class WeightsError(UserError):
    """A weights file that cannot be read or belongs to another architecture."""


class RecordError(UserError):
    """A result record that is missing, malformed or of another schema."""
