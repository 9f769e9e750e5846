"""What all records have in common: frozen values, known keys, sensible numbers."""

from __future__ import annotations

from collections.abc import Iterator
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
        if not all(abs(number) < _TOO_LARGE for number in _numbers(value)):
            raise ValueError("is beyond any count or measurement")
        return value


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, dict | tuple | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _numbers(part)
