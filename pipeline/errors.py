"""Errors that a user can mend: each names the file at fault and the remedy, in one line."""

from __future__ import annotations


class UserError(Exception):
    """Base of every error that the command line shows as one line, without a traceback."""


class ConfigError(UserError):
    """A configuration file or a method name that cannot be used."""


class DataError(UserError):
    """An image, manifest, store or folder that does not hold what it should."""


class WeightsError(UserError):
    """A weights file that cannot be read or belongs to another architecture."""


class RecordError(UserError):
    """A result record that is missing, malformed or of another schema."""
