"""Complexity stage: parameters and FLOPs of the full models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.config import Experiment
from pipeline.evaluation.complexity import count_complexity
from pipeline.methods import get_method
from pipeline.records import ComplexityRecord

_FIELDS = {"method", "params", "flops_fvcore", "flops_paper", "uncounted"}


def count_methods(
    experiment: Experiment, names: Iterable[str], size: tuple[int, int], cache: Path | None
) -> Iterator[ComplexityRecord]:
    """Count each method at `size` (height, width in pixels), one after the other.

    Raises:
        ConfigError: unknown method, before anything is counted.
        DataError: the cache folder cannot be written.
    """
    for method in [get_method(name, experiment) for name in names]:
        yield count_complexity(method, size, cache)


def complexity_line(record: ComplexityRecord, *, as_json: bool) -> str:
    """One line about a record: a JSON object, or text with M parameters and G FLOPs."""
    if as_json:
        return json.dumps(record.model_dump(include=_FIELDS))
    return (
        f"{record.method:24s} {record.params / 1e6:7.2f} M params   "
        f"{record.flops_paper / 1e9:8.2f} G (paper's rule)   "
        f"{record.flops_fvcore / 1e9:9.3f} G multiply-accumulates (fvcore)"
    )
