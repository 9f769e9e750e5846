"""Counted parameters and FLOPs compared with the paper's Table 1, with a reason for each gap.

The paper doesn't say at which size it counts FLOPs: Canon's image size reproduces its column
(reconstruction).
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from pipeline.data.canon import CANON_SIZE
from pipeline.records import ComplexityRecord

Quantity = Literal["params", "flops"]
QUANTITIES: tuple[Quantity, ...] = ("params", "flops")
EQUAL, EQUAL_FVCORE, NO_NETWORK = "equal", "equal by fvcore", "no network"
UNKNOWN = "no reason known; find it and enter it in reports/published/complexity_notes.csv"

_COLUMNS = (
    *("method", "network", "params, M", "Table 1", "difference"),
    *("FLOPs, G", "fvcore, G", "Table 1", "difference"),
)
_WIDTHS = (10, 20, 9, 8, 10, 9, 9, 8, 15)
_INDENT = 11


@dataclass(frozen=True)
class Comparison:
    """One network compared with a row of the paper's Table 1.

    `record`: what was counted, `None` where there is no network. `published`: the printed number
    of `params` (10^6) and of `flops` (10^9), where one is printed. `reasons`: for differences.
    """

    method: str
    network: str
    record: ComplexityRecord | None
    published: Mapping[Quantity, float]
    reasons: Mapping[Quantity, str] = field(default_factory=dict)

    def counted(self, quantity: Quantity) -> float | None:
        """Our count, in the units of `published`: for `flops`, by the rule behind the paper's."""
        if self.record is None:
            return None
        return self.record.params / 1e6 if quantity == "params" else self.record.flops_paper / 1e9

    def verdict(self, quantity: Quantity) -> str:
        """`equal` where the printed digits are met, else the difference, ours minus published.

        FLOPs may be met by fvcore's count instead of the paper's rule: `equal by fvcore`. Empty
        where one of the two numbers is missing, or FLOPs were counted at another size than the
        paper's.
        """
        ours, target = self.counted(quantity), self.published.get(quantity)
        if self.record is None or ours is None or target is None:
            return ""
        if quantity == "flops" and self.record.size != CANON_SIZE:
            return ""
        if _same_digits(ours, target):
            return EQUAL
        if quantity == "flops" and _same_digits(self.record.flops_fvcore / 1e9, target):
            return EQUAL_FVCORE
        return f"{ours - target:+.2f}"

    def reason(self, quantity: Quantity) -> str:
        """Why there is a difference; empty where there is none, `UNKNOWN` where none is known."""
        if self.record is None:
            return self.reasons.get(quantity, "")
        if self.verdict(quantity) in ("", EQUAL, EQUAL_FVCORE):
            return ""
        return self.reasons.get(quantity) or UNKNOWN


def published_numbers(params_m: object, flops_g: object) -> dict[Quantity, float]:
    """The printed numbers of a row of Table 1, without those that the paper leaves out."""
    numbers = {"params": float(str(params_m)), "flops": float(str(flops_g))}
    return {name: numbers[name] for name in QUANTITIES if not np.isnan(numbers[name])}


def heading() -> str:
    """The line above the lines of `comparison_text`."""
    return _line(_COLUMNS)


def comparison_text(one: Comparison) -> str:
    """A line of numbers, and below it the reasons for what differs, wrapped and indented."""
    record = one.record
    fvcore = None if record is None else record.flops_fvcore / 1e9
    cells = [one.method, one.network]
    for quantity in QUANTITIES:
        cells.append(_number(one.counted(quantity)))
        cells += [] if quantity == "params" else [_number(fvcore)]
        cells += [_number(one.published.get(quantity)), one.verdict(quantity)]
    lines = [_line(cells)]
    for quantity in QUANTITIES:
        if reason := one.reason(quantity):
            indent, name = " " * _INDENT, "FLOPs" if quantity == "flops" else quantity
            wrapper = textwrap.TextWrapper(
                100, initial_indent=indent, subsequent_indent=indent + "  "
            )
            lines += wrapper.wrap(f"{name}: {reason}")
    return "\n".join(lines)


def comparison_json(one: Comparison) -> str:
    """The same as one JSON object; counts exact, differences in the printed units."""
    record = one.record
    known = ("params", "flops_paper", "flops_fvcore")
    data = {
        "row": one.method,
        "network": one.network,
        "method": None if record is None else record.method,
        "size": None if record is None else record.size,
        **{name: None if record is None else getattr(record, name) for name in known},
        "published": {
            "params_m": one.published.get("params"),
            "flops_g": one.published.get("flops"),
        },
        "verdict": {quantity: one.verdict(quantity) for quantity in QUANTITIES},
        "reason": {quantity: one.reason(quantity) for quantity in QUANTITIES},
    }
    return json.dumps(data)


def _same_digits(ours: float, printed: float) -> bool:
    return f"{ours:.2f}" == f"{printed:.2f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _line(cells: tuple[str, ...] | list[str]) -> str:
    texts = [
        cell.ljust(width) if place < 2 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    ]
    return " ".join(texts).rstrip()
