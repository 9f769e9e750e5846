"""Claims of the paper on our numbers, each with its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pipeline.audit import syntax
from pipeline.audit.claims import MANUAL, Claim
from pipeline.audit.evaluate import prepared
from pipeline.audit.grammar import parse
from pipeline.audit.intervals import ClaimError, Interval, Truth, negated
from pipeline.audit.tables import Table
from pipeline.errors import DataError
from pipeline.reporting.compared import comparable, tolerances
from pipeline.statistics.means import mean_of
from pipeline.verdicts import ENOUGH_SEEDS, WORSE, Judgement, Verdict, Zone, depends_on_seed, judge
from pipeline.verify.evidence import NOTHING_MEASURED, Evidence, NotRun, Place, evidence
from pipeline.verify.own import Own
from pipeline.verify.pairs import parts_of

_ABOUT_DIGITS = "it is about printed digits; dmtbench audit decides it"


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim and what became of it.

    `values`: of ours, one per seed, for a claim about a number. `ours`: their mean, or what holds,
    for readers. `seeds`: number of seeds that were compared.
    """

    claim: Claim
    judgement: Judgement
    ours: str = ""
    values: tuple[float, ...] = ()
    seeds: int = 0
    used: frozenset[Place] = field(default_factory=frozenset)


def claim_verdicts(
    claims: Sequence[Claim], own: Own, printed: Mapping[str, Table]
) -> list[ClaimVerdict]:
    """The verdict on each claim.

    Args:
        claims: of the paper.
        own: our results.
        printed: the paper's tables, as claims refer to them.

    Raises:
        DataError: an expression cannot be read or evaluated; the message names the claim.
    """
    found = []
    for claim in claims:
        try:
            found.append(_Judged(claim, own, printed).verdict())
        except ClaimError as error:
            raise DataError(f"claim {claim.id}: {error}; fix it in claims.csv") from error
    return found


@dataclass(frozen=True)
class _Judged:
    claim: Claim
    own: Own
    printed: Mapping[str, Table]

    def verdict(self) -> ClaimVerdict:
        if self.claim.kind == MANUAL:
            return self._left_open("not run", "no result record decides it")
        if _is_about_digits(parse(self.claim.expression)):
            return self._left_open("not run", _ABOUT_DIGITS)
        found = self._on_means(0.0)
        try:
            self._evaluated(found)
        except NotRun as error:
            return self._left_open("not run", str(error))
        used = frozenset(found.used)
        if not used:
            return self._left_open("not run", NOTHING_MEASURED)
        strange = {row for table, row, _ in used if not self._is_comparable(table, row)}
        if strange:
            rows = ", ".join(sorted(strange))
            return self._left_open("not comparable", f"{rows}: see the cells", used)
        seeds = self._seeds(used)
        if seeds is None:
            return self._left_open("not run", "its methods have no repetition in common", used)
        return self._on_number(used, seeds) if self._is_number else self._on_truth(used, seeds)

    def _on_number(self, used: frozenset[Place], seeds: list[int]) -> ClaimVerdict:
        """A number per seed, compared with the printed one."""
        values = [float(self._number(self._on_seed(seed)).middle) for seed in seeds or [0]]
        # What the protocol leaves open may move every cell; the printed number is rounded too.
        moved = self._number(self._on_means(1.0))
        target, half = Interval.printed(self.claim.published), (moved.high - moved.low) / 2
        zone = Zone(float(target.low - half), float(target.high + half), None if seeds else 0.0)
        judgement = judge(values, zone, seeded=bool(seeds), higher_is_better=True)
        ours = f"{sum(values) / len(values):.4g}"
        return ClaimVerdict(self.claim, judgement, ours, tuple(values), len(seeds), used)

    def _on_truth(self, used: frozenset[Place], seeds: list[int]) -> ClaimVerdict:
        """A statement, on the means and on their intervals over seeds."""
        on_means = self._truth(self._on_means(0.0))
        ours = {True: "holds", False: "does not hold", None: "open"}[on_means]
        if 0 < len(seeds) < ENOUGH_SEEDS:
            reason = f"the spread over seeds is unknown: {len(seeds)} of {ENOUGH_SEEDS} seeds"
            judgement = Judgement("inconclusive", f"{ours} on the means; {reason}")
        else:
            certain = self._truth(evidence(self.printed, self._interval)) if seeds else on_means
            judgement = {
                True: Judgement("reproduced", "holds for all values in the intervals"),
                False: Judgement(WORSE, "holds for no value in the intervals"),
                None: Judgement("inconclusive", "holds for some values in the intervals"),
            }[certain]
        return ClaimVerdict(self.claim, judgement, ours, (), len(seeds), used)

    # What expressions are evaluated on -----------------------------------------------------------

    def _on_means(self, protocol: float) -> Evidence:
        """The means, give or take this share of what the protocol leaves open."""

        def measured(place: Place) -> tuple[float, float] | None:
            values = self._values(place)
            if not values:
                return None
            mean = sum(values.values()) / len(values)
            half = protocol * tolerances().of(place[2].metric).protocol.value
            return mean - half, mean + half

        return evidence(self.printed, measured)

    def _on_seed(self, seed: int) -> Evidence:
        def measured(place: Place) -> tuple[float, float] | None:
            values = self._values(place)
            value = values.get(seed, next(iter(values.values()), None))
            return None if value is None else (value, value)

        return evidence(self.printed, measured)

    def _interval(self, place: Place) -> tuple[float, float] | None:
        """The 95 % interval of a mean over seeds; a single value if there is no seed."""
        values = list(self._values(place).values())
        if not values:
            return None
        spread = None if self._is_seeded(place) else 0.0
        return mean_of(values, spread=spread).interval()

    def _values(self, place: Place) -> dict[int, float]:
        """Our values by repetition; empty if one is missing."""
        found = self.own.values(*place)
        known = {seed: value for seed, value in found.items() if value is not None}
        return known if len(known) == len(found) else {}

    def _seeds(self, used: frozenset[Place]) -> list[int] | None:
        """Repetitions that all rows have; empty if none depends on a seed, `None` if none fits."""
        seeded = [set(self._values(place)) for place in used if self._is_seeded(place)]
        if not seeded:
            return []
        return sorted(set.intersection(*seeded)) or None

    def _is_seeded(self, place: Place) -> bool:
        table, row, _ = place
        return any(map(depends_on_seed, self.own.records(table, row)))

    def _is_comparable(self, table: str, row: str) -> bool:
        return all(map(comparable, self.own.records(table, row)))

    # Evaluation -----------------------------------------------------------------------------------

    @property
    def _is_number(self) -> bool:
        body, _, _ = prepared(self.claim.expression, self._on_means(0.0))
        return isinstance(body, syntax.NUMERIC)

    def _evaluated(self, on: Evidence) -> Interval | Truth:
        body, evaluation, names = prepared(self.claim.expression, on)
        if isinstance(body, syntax.NUMERIC):
            return evaluation.number(cast(syntax.Numeric, body), names)
        return evaluation.truth(cast(syntax.Statement, body), names)

    def _number(self, on: Evidence) -> Interval:
        return cast(Interval, self._evaluated(on))

    def _truth(self, on: Evidence) -> Truth:
        truth = cast(Truth, self._evaluated(on))
        return truth if self.claim.published == "true" else negated(truth)

    def _left_open(
        self, verdict: Verdict, reason: str, used: frozenset[Place] = frozenset()
    ) -> ClaimVerdict:
        return ClaimVerdict(self.claim, Judgement(verdict, reason), used=used)


def _is_about_digits(node: object) -> bool:
    """Whether an expression asks for equal numbers, which only printed ones can be."""
    if isinstance(node, syntax.EqualSteps):
        return True
    if isinstance(node, syntax.Compare) and node.operator in ("=", "!=", "rounds to"):
        return True
    return any(map(_is_about_digits, parts_of(node)))
