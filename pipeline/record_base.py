"""What all records have in common: frozen values, known keys, sensible numbers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

_TOO_LARGE = 2**63


class Record(BaseModel):
    """Base of all records."""

    # JSON has neither infinities nor NaN: they would be read back as `null`.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _is_a_sensible_number(cls, value: Any) -> Any:
        """Tables and plots overflow beyond."""
        if not _is_sensible(value):
            raise ValueError("is beyond any count or measurement")
        return value


def _is_sensible(value: Any) -> bool:
    if isinstance(value, int | float):
        return abs(value) < _TOO_LARGE
    if isinstance(value, dict):
        return all(map(_is_sensible, value.values()))
    return all(map(_is_sensible, value)) if isinstance(value, tuple | list) else True
