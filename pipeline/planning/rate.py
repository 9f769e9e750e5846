"""This machine's speed and the operations of trainings, as a separate process reports them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Rated:
    """Measured and counted.

    `flops`: floating-point operations per second of a 3x3 convolution on all threads. `flop`:
    operations of each training, by method; those whose network cannot be counted are missing.
    """

    flops: Positive
    flop: dict[str, Positive]


RATED = TypeAdapter(Rated)
"""Reads and writes it as JSON."""
