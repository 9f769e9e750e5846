"""Errors that a user can fix: each names the file at fault and the remedy, in one line."""

from __future__ import annotations


class UserError(Exception):
    """Base of every error that the command line shows as one line, without a traceback."""


class Stopped(UserError):
    """A training that was asked to stop and can be resumed; the exit status is `RESUMABLE`."""


RESUMABLE = 75
"""Exit status of a command that must be run again: the system's `EX_TEMPFAIL`."""


class ConfigError(UserError):
    """An invalid configuration file or method name."""


class DataError(UserError):
    """An image, manifest, store or folder with wrong contents."""


class WeightsError(UserError):
    """A weights file that cannot be read or belongs to another architecture."""


class RecordError(UserError):
    """A result record that is missing, malformed or has another schema."""
