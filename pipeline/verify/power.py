"""How many seeds it takes to see a difference that the paper claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.audit import syntax
from pipeline.audit.claims import MANUAL, Claim
from pipeline.audit.grammar import parse
from pipeline.audit.tables import Table
from pipeline.statistics.power import seeds_needed
from pipeline.verify.comparisons import Comparison
from pipeline.verify.pairs import pairs_of

_METRIC = "psnr"
RATIOS = (0.5, 1.0, 2.0)
"""Spreads for which the number of seeds is stated if none is known, as shares of the difference."""


@dataclass(frozen=True)
class Power:
    """Seeds that a paired comparison needs for a claimed difference in dB.

    `spread`: standard deviation of the paired difference over seeds, and `seeds` what follows from
    it; `None` if it is unknown, or no number is enough. `by_ratio`: the seeds for each of `RATIOS`.
    `dataset`: on which the spread was measured.
    """

    claim: str
    difference: float
    spread: float | None
    dataset: str
    seeds: int | None
    by_ratio: tuple[int | None, ...]

    @property
    def text(self) -> str:
        """One sentence."""
        what = f"{self.difference:+.2f} dB ({self.claim})"
        if self.spread is not None:
            needed = "more than a million" if self.seeds is None else str(self.seeds)
            return (
                f"{what}: {needed} seeds, at the spread of {self.spread:.3f} dB that the paired "
                f"difference has on {self.dataset}."
            )
        listed = ", ".join(
            f"{seeds} at {ratio * abs(self.difference):.2f} dB"
            for seeds, ratio in zip(self.by_ratio, RATIOS, strict=True)
        )
        return f"{what}: the spread of the paired difference is unknown; {listed}."


def power_of_claims(
    claims: Sequence[Claim], comparisons: Sequence[Comparison], printed: Mapping[str, Table]
) -> list[Power]:
    """The seeds for every claim that one row lies so many dB above another.

    Raises:
        ClaimError: an expression cannot be read.
    """
    known = {comparison.pair: comparison for comparison in comparisons}
    return [
        _power(
            claim, [known[pair] for pair in pairs_of(claim.expression, printed) if pair in known]
        )
        for claim in _differences(claims)
    ]


def _differences(claims: Sequence[Claim]) -> Iterator[Claim]:
    for claim in claims:
        if claim.kind == MANUAL:
            continue
        match parse(claim.expression):
            case syntax.Sum(terms=(("+", syntax.Cell() as one), ("-", syntax.Cell() as other))):
                if one.column == other.column and one.column.text.endswith(_METRIC):
                    yield claim


def _power(claim: Claim, found: Sequence[Comparison]) -> Power:
    difference = float(claim.published)
    spread = found[0].seed_spread if found else None
    return Power(
        claim=claim.id,
        difference=difference,
        spread=spread,
        dataset=found[0].dataset if found else "",
        seeds=None if spread is None else seeds_needed(difference, spread),
        by_ratio=tuple(seeds_needed(difference, ratio * abs(difference)) for ratio in RATIOS),
    )
