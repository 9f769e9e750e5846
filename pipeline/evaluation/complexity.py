"""Size and cost of the full models: parameters, and FLOPs after two rules (Table 1, last columns).

Counting is cached by what was counted; a record that is up to date is returned without importing
the networks or torch.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from pipeline.code_hash import PYTHON, source_hash
from pipeline.config.experiment import digest_of
from pipeline.errors import RecordError
from pipeline.methods import Method
from pipeline.records import ComplexityRecord, read_record, write_record

_COUNTERS = ("complexity", "flops_fvcore", "flops_hooks")


def count_complexity(
    method: Method, size: tuple[int, int], cache_dir: Path | None = None
) -> ComplexityRecord:
    """Parameters and FLOPs of a method in its paper configuration.

    Args:
        method: what to count; its input has three channels per view.
        size: height and width in pixels; the paper's column is at 1120 x 1680.
        cache_dir: folder of `<method>.json`, read if its key is still right, written otherwise.

    Raises:
        ConfigError: the method cannot be built, or its `cost_basis` is wrong.
        DataError: `cache_dir` cannot be written.
    """
    key = complexity_key(method, size)
    target = None if cache_dir is None else cache_dir / f"{method.name}.json"
    known = None if target is None else _cached(target, key)
    if known is not None:
        return known
    record = _count(method, size, key)
    if target is not None:
        write_record(target, record)
    return record


def complexity_key(method: Method, size: tuple[int, int]) -> str:
    """SHA-256 of all that a count depends on: sources, arguments, size and library versions."""
    return digest_of(
        {
            "method": [method.name, method.entry.row, method.entry.module, method.entry.kwargs],
            "code": method.code_hash(),
            "size": list(size),
            "counters": [source_hash(f"{__package__}.{name}") for name in _COUNTERS],
            "python": PYTHON,
            "packages": [version(name) for name in ("torch", "fvcore")],
        }
    )


def _cached(path: Path, key: str) -> ComplexityRecord | None:
    try:
        record = read_record(path, ComplexityRecord)
    except RecordError:
        return None
    return record if record.key == key else None


def _count(method: Method, size: tuple[int, int], key: str) -> ComplexityRecord:
    import torch

    from pipeline.evaluation.flops_fvcore import flops_fvcore
    from pipeline.evaluation.flops_hooks import flops_paper

    channels = 3 * len(method.views)
    with torch.random.fork_rng(devices=[]):
        network = method.build_counted()
    params = sum(parameter.numel() for parameter in network.parameters())
    counted = flops_fvcore(network, channels, *size)
    # Moved there, not built there: a constructor may need values of its tensors.
    paper = flops_paper(network.to("meta"), channels, *size)
    return ComplexityRecord(
        method=method.name,
        row=method.entry.row,
        size=size,
        params=params,
        flops_fvcore=counted.total,
        flops_paper=paper,
        by_operator=counted.by_operator,
        uncounted=counted.uncounted,
        counted_at=counted.counted_at,
        surrogate=method.surrogate is not None,
        key=key,
    )
