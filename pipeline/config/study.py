"""The block `study` of an experiment file: which differences are tested over seeds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from pipeline.config.blocks import Listed, Strict

FEWEST_SEEDS = 3
"""Repetitions that a study needs: with two, Student's t has a single degree of freedom."""

ClaimId = Annotated[str, Field(pattern=r"^C[0-9]{2,}$")]
Question = Annotated[str, Field(min_length=1, max_length=200)]


class Compared(Strict):
    """Two methods or ablations that are compared, `one` minus `other`, and the question behind."""

    one: str
    other: str
    question: Question


class Study(Strict):
    """What the page `ablation.md` of an experiment tests.

    `claims`: those of `reports/published/claims.csv` whose pairs are compared. `selection`: the
    claim about the weights of adaptive selection. `margin`: differences in dB, either way, that
    count as none; two one-sided tests must show that one is smaller. `comparisons`: further pairs;
    an ablation that is in no pair is compared with its base.
    """

    claims: Listed[tuple[ClaimId, ...]]
    selection: ClaimId | None = None
    margin: float = Field(gt=0, le=10)
    comparisons: Listed[tuple[Compared, ...]] = ()

    @field_validator("claims")
    @classmethod
    def _each_once(cls, claims: tuple[str, ...]) -> tuple[str, ...]:
        if len({*claims}) < len(claims):
            raise ValueError("a claim is named twice")
        return claims
