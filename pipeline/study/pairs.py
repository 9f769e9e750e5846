"""The pairs that a study compares: those of claims, of questions, and ablations with their base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from pipeline.audit.claims import MANUAL, Claim
from pipeline.config.experiment import Experiment
from pipeline.config.study import Study
from pipeline.errors import ConfigError
from pipeline.verify.evidence import printed_tables
from pipeline.verify.own import TABLE1, TITLES, Column
from pipeline.verify.pairs import Pair, pairs_of
from pipeline.verify.verification import published_difference

COLUMN = Column("combined", "psnr")
"""What is compared: PSNR over indoor and outdoor scenes."""
_NOTHING = "nothing"


@dataclass(frozen=True)
class StudyPair:
    """Two methods; the difference is that of `one` minus `other`.

    `claims`: ids of the claims about it. `question`: for readers. `published`: the difference in
    the paper's tables in dB; `None` if they don't have it.
    """

    one: str
    other: str
    question: str
    claims: tuple[str, ...] = ()
    published: float | None = None

    @property
    def names(self) -> frozenset[str]:
        """Both methods, in no order."""
        return frozenset({self.one, self.other})


@dataclass(frozen=True)
class StudyClaim:
    """A claim and its pairs; `untested`: why there are none."""

    claim: Claim
    pairs: tuple[StudyPair, ...]
    untested: str = ""


def study_of(experiment: Experiment) -> Study:
    """The block `study` of an experiment.

    Raises:
        ConfigError: it has none.
    """
    if experiment.study is None:
        raise ConfigError(
            f"experiment {experiment.name!r} has no block `study`; config/study.yaml has one"
        )
    return experiment.study


def claims_of_study(
    experiment: Experiment, claims: Sequence[Claim], published: Mapping[str, pd.DataFrame]
) -> list[StudyClaim]:
    """The claims that the experiment names, each with the pairs of methods that it compares.

    Args:
        experiment: has a study.
        claims: of the paper.
        published: the paper's tables, `t1` and `t2`.

    Raises:
        ConfigError: there is no such claim, or it compares nothing in combined PSNR.
    """
    return [
        _claim(experiment, claim_of(name, claims), published)
        for name in study_of(experiment).claims
    ]


def claim_of(name: str, claims: Sequence[Claim]) -> Claim:
    """The claim of this id.

    Raises:
        ConfigError: there is none.
    """
    for claim in claims:
        if claim.id == name:
            return claim
    raise ConfigError(f"study: names the claim {name}, which claims.csv lacks; remove it")


def pairs_of_study(experiment: Experiment, claims: Sequence[StudyClaim]) -> list[StudyPair]:
    """All pairs of a study, each once: those of its claims, then those of the paper's reader.

    An ablation that is in no pair is compared with its base.

    Args:
        experiment: has a study.
        claims: as `claims_of_study` returns them.
    """
    found: dict[frozenset[str], StudyPair] = {}
    for claim in claims:
        for pair in claim.pairs:
            known = found.setdefault(pair.names, pair)
            both = dict.fromkeys((*known.claims, *pair.claims))
            found[pair.names] = replace(known, claims=tuple(both))
    for compared in study_of(experiment).comparisons:
        pair = StudyPair(compared.one, compared.other, compared.question)
        found.setdefault(pair.names, pair)
    compared_already = {name for names in found for name in names}
    for name, ablation in experiment.ablations.items():
        if name not in compared_already:
            rows = (ablation.row, experiment.entry(ablation.base).row)
            pair = StudyPair(name, ablation.base, "{} against {}".format(*rows))
            found[pair.names] = pair
    return list(found.values())


def _claim(
    experiment: Experiment, claim: Claim, published: Mapping[str, pd.DataFrame]
) -> StudyClaim:
    if claim.decidable_by == _NOTHING:
        return StudyClaim(claim, (), claim.reason)
    printed = [] if claim.kind == MANUAL else pairs_of(claim.expression, printed_tables(published))
    pairs = [pair for pair in printed if pair.column == COLUMN]
    if not pairs:
        raise ConfigError(f"study: claim {claim.id} compares no rows in combined PSNR; remove it")
    missing = {
        f"row {row} of {TITLES[pair.table]}"
        for pair in pairs
        for row in (pair.one, pair.other)
        if _method(experiment, pair.table, row) is None
    }
    if missing:
        return StudyClaim(claim, (), f"not run: {', '.join(sorted(missing))}")
    return StudyClaim(claim, tuple(_pairs(experiment, claim, pairs, published)))


def _pairs(
    experiment: Experiment,
    claim: Claim,
    pairs: Sequence[Pair],
    published: Mapping[str, pd.DataFrame],
) -> Iterator[StudyPair]:
    for pair in pairs:
        one, other = (_method(experiment, pair.table, row) for row in (pair.one, pair.other))
        assert one is not None
        assert other is not None
        printed = published_difference(published, pair)
        yield StudyPair(one, other, claim.statement, (claim.id,), printed)


def _method(experiment: Experiment, table: str, row: str) -> str | None:
    """The method of a row of the paper, if the experiment trains or scores it."""
    if table == TABLE1:
        rows = {entry.row: name for name, entry in experiment.methods.items()}
    else:
        rows = {str(number): name for number, name in experiment.table2_rows().items()}
    name = rows.get(row)
    return name if name is not None and experiment.runs(name) else None
