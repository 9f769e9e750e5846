"""fvcore's operation count (multiply-accumulates), without running the full-size image.

fvcore needs a real forward pass. If a network's cost is an exact linear combination of a few
integer functions of the image size, the network returns their values in `cost_basis(height,
width)`. It is then counted at as many small sizes; the coefficients are solved for in exact
fractions, and the combination is evaluated at full size.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, combinations_with_replacement
from typing import Any

import torch
from torch import nn

from pipeline.errors import ConfigError

Size = tuple[int, int]
_Basis = Callable[[int, int], tuple[int, ...]]
# From 32 pixels, the minimum of networks with four scales, up to sides that distinguish counts of
# 4-pixel tokens from counts padded to whole windows of 16 tokens.
SMALL_SIZES: tuple[Size, ...] = tuple(
    sorted(combinations_with_replacement(range(32, 193, 16), 2), key=lambda size: math.prod(size))
)


@dataclass(frozen=True)
class FvcoreCount:
    """Counts of fvcore.

    `by_operator`: multiply-accumulates by operator. `uncounted`: operators that fvcore ignores,
    with their number of calls (the maximum over the sizes run). `counted_at`: the sizes (height,
    width) that were actually run.
    """

    by_operator: dict[str, int]
    uncounted: dict[str, int]
    counted_at: tuple[Size, ...]

    @property
    def total(self) -> int:
        """Sum over the counted operators."""
        return sum(self.by_operator.values())


def flops_fvcore(
    network: nn.Module, in_channels: int, height: int, width: int, *, fit: bool = True
) -> FvcoreCount:
    """Count one forward pass of `1 x in_channels x height x width` with fvcore.

    Fused attention counts its two matrix products, so the total doesn't depend on the kernel used.

    Args:
        network: not on the meta device; the values of its weights don't matter.
        in_channels: number of input channels.
        height: height of the input in pixels.
        width: width of the input in pixels.
        fit: use the network's `cost_basis`, if it has one; `False` runs the full size.

    Raises:
        ConfigError: the network's `cost_basis` does not describe its cost.
    """
    basis: _Basis | None = getattr(network, "cost_basis", None)
    if basis is None or not fit:
        counts, uncounted = _run(network, in_channels, (height, width))
        return FvcoreCount(counts, uncounted, ((height, width),))
    sizes, check = _sizes(network, basis)
    with _one_thread():
        runs = [_run(network, in_channels, size) for size in (*sizes, check)]
    uncounted = dict(sorted(_largest([calls for _, calls in runs]).items()))
    names = sorted({name for counts, _ in runs for name in counts})
    by_operator = {}
    for name in names:
        values = [counts.get(name, 0) for counts, _ in runs]
        coefficients = _solve([basis(*size) for size in sizes], values[:-1])
        if _evaluate(coefficients, basis(*check)) != values[-1]:
            raise _misfit(network, f"{name} at {check[0]}x{check[1]} differs from its prediction")
        by_operator[name] = _whole(network, name, _evaluate(coefficients, basis(height, width)))
    return FvcoreCount(by_operator, uncounted, (*sizes, check))


def _run(network: nn.Module, in_channels: int, size: Size) -> tuple[dict[str, int], dict[str, int]]:
    with warnings.catch_warnings():
        # On import, fvcore compiles its losses, unused here, with a deprecated function.
        warnings.simplefilter("ignore", FutureWarning)
        from fvcore.nn import FlopCountAnalysis
    reference = next(chain(network.parameters(), network.buffers()), torch.empty(0))
    image = torch.zeros(1, in_channels, *size, device=reference.device)
    analysis: Any = FlopCountAnalysis(network.eval(), image)
    analysis.set_op_handle("aten::scaled_dot_product_attention", _attention)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.tracer_warnings("none")
    with torch.no_grad():
        counts = {name: int(value) for name, value in sorted(analysis.by_operator().items())}
    return counts, {name: int(calls) for name, calls in sorted(analysis.unsupported_ops().items())}


@contextmanager
def _one_thread() -> Iterator[None]:
    # Small images gain nothing from threads, which cost minutes on a busy machine.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _attention(inputs: list[Any], _: list[Any]) -> int:
    query, key, value = (item.type().sizes() for item in inputs[:3])
    return int(math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


def _largest(counters: Sequence[dict[str, int]]) -> Counter[str]:
    largest: Counter[str] = Counter()
    for counter in counters:
        largest |= Counter(counter)
    return largest


def _sizes(network: nn.Module, basis: _Basis) -> tuple[tuple[Size, ...], Size]:
    """The smallest sizes with linearly independent basis values, and one more to check the fit."""
    wanted = len(basis(*SMALL_SIZES[0]))
    chosen: list[Size] = []
    for size in SMALL_SIZES:
        if len(chosen) < wanted and _rank([basis(*s) for s in (*chosen, size)]) > len(chosen):
            chosen.append(size)
    if len(chosen) < wanted:
        raise _misfit(network, "its values are linearly dependent at all sizes up to 192x192")
    return tuple(chosen), next(size for size in SMALL_SIZES if size not in chosen)


def _eliminate(rows: Sequence[Sequence[int]], columns: int) -> list[list[Fraction]]:
    """Reduced row echelon form over the first `columns` columns, without zero rows."""
    pending = [[Fraction(value) for value in row] for row in rows]
    done: list[list[Fraction]] = []
    for column in range(columns):
        pivot = next((row for row in pending if row[column]), None)
        if pivot is None:
            continue
        pending.remove(pivot)
        scaled = [value / pivot[column] for value in pivot]
        pending = [_clear(row, scaled, column) for row in pending]
        done = [*(_clear(row, scaled, column) for row in done), scaled]
    return done


def _clear(row: list[Fraction], pivot: list[Fraction], column: int) -> list[Fraction]:
    return [value - row[column] * other for value, other in zip(row, pivot, strict=True)]


def _rank(rows: Sequence[Sequence[int]]) -> int:
    return len(_eliminate(rows, len(rows[0])))


def _solve(rows: Sequence[Sequence[int]], values: Sequence[int]) -> list[Fraction]:
    augmented = [[*row, value] for row, value in zip(rows, values, strict=True)]
    return [row[-1] for row in _eliminate(augmented, len(rows))]


def _evaluate(coefficients: Sequence[Fraction], basis: Sequence[int]) -> Fraction:
    return sum((c * b for c, b in zip(coefficients, basis, strict=True)), Fraction(0))


def _whole(network: nn.Module, name: str, value: Fraction) -> int:
    if value.denominator != 1 or value < 0:
        raise _misfit(network, f"the count of {name} comes out as {value}, not a whole number")
    return int(value)


def _misfit(network: nn.Module, reason: str) -> ConfigError:
    return ConfigError(
        f"{type(network).__name__}.cost_basis does not describe the network's cost: {reason}; "
        "fix it, or remove it to count at full size"
    )
