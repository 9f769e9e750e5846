"""All verdicts of an experiment, and the statistics behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from pipeline.audit.claims import MANUAL, Claim
from pipeline.statistics.ranking import Agreement
from pipeline.verdicts import VERDICTS, WORSE, Verdict
from pipeline.verify.cells import Cell, agreements, cell_verdicts
from pipeline.verify.claims import ClaimVerdict, claim_verdicts
from pipeline.verify.comparisons import Comparison, compare
from pipeline.verify.evidence import printed_tables
from pipeline.verify.explained import Explained, explain
from pipeline.verify.own import Column, Own
from pipeline.verify.pairs import Pair, pairs_of
from pipeline.verify.power import Power, power_of_claims


@dataclass(frozen=True)
class Verification:
    """What `dmtbench verify` finds out about one experiment.

    `published`: the paper's tables, `t1` and `t2`. `explained`: rows that differ, and why that may
    be. `stale`: methods whose records were made by other code.
    """

    experiment: str
    published: Mapping[str, pd.DataFrame]
    cells: Sequence[Cell]
    claims: Sequence[ClaimVerdict]
    comparisons: Sequence[Comparison]
    power: Sequence[Power]
    explained: Sequence[Explained] = ()
    stale: frozenset[str] = frozenset()

    @cached_property
    def agreements(self) -> dict[tuple[str, Column], tuple[int, Agreement]]:
        """Number of rows and Kendall's τ by table and column."""
        return agreements(list(self.cells))

    def counts(self) -> dict[Verdict, tuple[int, int]]:
        """Number of cells and claims with each verdict."""
        cells = Counter(cell.judgement.verdict for cell in self.cells)
        claims = Counter(claim.judgement.verdict for claim in self.claims)
        return {verdict: (cells[verdict], claims[verdict]) for verdict in VERDICTS}

    @property
    def is_worse(self) -> bool:
        """Whether a cell or claim differs, on the worse side."""
        return any(self.counts()[WORSE])

    def published_difference(self, pair: Pair) -> float:
        """The paper's difference of a pair."""
        return published_difference(self.published, pair)


def published_difference(published: Mapping[str, pd.DataFrame], pair: Pair) -> float:
    """The paper's difference of a pair, in the unit of its column.

    Args:
        published: the paper's tables, `t1` and `t2`.
        pair: both rows must be there.
    """
    frame = published[pair.table]
    names = frame["method"].astype(str)
    name = pair.column.name if pair.column.name in frame else pair.column.metric
    one, other = (float(frame[name][names == row].iloc[0]) for row in (pair.one, pair.other))
    return one - other


def verify(
    own: Own,
    published: Mapping[str, pd.DataFrame],
    claims: Sequence[Claim],
    *,
    experiment: str = "",
    stale: frozenset[str] = frozenset(),
) -> Verification:
    """Compare our results with the paper's tables and claims.

    Args:
        own: our results.
        published: the paper's tables, `t1` and `t2`.
        claims: of the paper.
        experiment: its name.
        stale: methods whose records were made by other code.

    Raises:
        RecordError: the records of one row do not belong together.
        DataError: a claim cannot be read.
        ConfigError: the tolerances cannot be used.
    """
    printed = printed_tables(published)
    verdicts = claim_verdicts(claims, own, printed)
    pairs: dict[Pair, list[str]] = {}
    for claim in claims:
        if claim.kind != MANUAL:
            for pair in pairs_of(claim.expression, printed):
                pairs.setdefault(pair, []).append(claim.id)
    comparisons = compare(pairs.items(), own)
    cells = cell_verdicts(own, published)
    return Verification(
        experiment,
        published,
        cells,
        verdicts,
        comparisons,
        power_of_claims(claims, comparisons, printed),
        explain(cells, own),
        stale,
    )
