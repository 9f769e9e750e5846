"""Signals of a network's modules as text, CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files import atomic_file

if TYPE_CHECKING:
    from pipeline.training.module_signals import ModuleSignals, Signals

HEADINGS = ("module", "kind", "output sd", "/ input", "gradient", "weights", "update", "dead")
_LEFT = 2


def signals_text(signals: Signals, depth: int) -> Iterator[str]:
    """Lines of aligned tables, one table for each step.

    Columns: standard deviation of the output, and over that of the input; norm of the gradient and
    of the weights; norm of the last update over that of the weights; dead of all channels.

    Args:
        signals: what was measured.
        depth: of names that are shown: `dmssrms.0.fusion` has 3 parts.

    Yields:
        Lines without their ends.
    """
    yield f"{signals.subject}; {signals.batch}"
    for step, group in groupby(signals.modules, key=lambda one: one.step):
        modules = [*group]
        shown = [one for one in modules if one.module.count(".") < depth]
        yield f"after {step} steps:"
        yield from _table([HEADINGS, *(_cells(one) for one in shown)])
        hidden = len(modules) - len(shown)
        if hidden:
            yield f"{hidden} modules with longer names are not shown: --depth, --csv"


def _cells(one: ModuleSignals) -> tuple[str, ...]:
    dead = "–" if one.dead is None else f"{one.dead} of {one.channels}"
    return (
        one.module,
        one.kind,
        _number(one.output_sd, ".4f"),
        _number(one.ratio, ".3f"),
        _number(one.gradient_norm, ".2e"),
        _number(one.weight_norm, ".3f"),
        _number(one.update_ratio, ".1e"),
        dead,
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if place < _LEFT else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def signals_json(signals: Signals) -> Iterator[str]:
    """A JSON object for each step and module; `null` for what is unknown or not finite."""
    for one in signals.modules:
        yield json.dumps({name: _finite(value) for name, value in _fields(one).items()})


def write_signals_csv(signals: Signals, path: Path) -> None:
    """Write one row for each step and module.

    Raises:
        DataError: the folder is read-only or full.
    """
    import pandas as pd

    with atomic_file(path) as temporary:
        pd.DataFrame([_fields(one) for one in signals.modules]).to_csv(temporary, index=False)


def _fields(one: ModuleSignals) -> dict[str, Any]:
    return {**asdict(one), "ratio": one.ratio}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
