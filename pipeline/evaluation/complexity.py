"""Size and cost of the full models: parameters and FLOPs by two rules (Table 1, last columns).

Counts are cached under a hash of everything they depend on; a current record is returned without
importing the networks or torch.
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
    """Count parameters and FLOPs of a method in its full configuration.

    Args:
        method: the method; its input has three channels per view.
        size: height and width in pixels. The paper doesn't state the size of its column;
            `CANON_SIZE` reproduces it (reconstruction).
        cache_dir: folder of `<method>.json`, which is read if its key is current, else written.

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
    height, width = size
    counted = flops_fvcore(network, channels, height, width)
    # Moved to the meta device, not built there: a constructor may need tensor values.
    paper = flops_paper(network.to("meta"), channels, height, width)
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
