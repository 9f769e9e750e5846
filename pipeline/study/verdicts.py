"""The one rule of a study's verdicts: which direction a difference has at this scale, if any.

No verdict says `reproduced`: a study has other data, other widths and other training lengths than
the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.audit.claims import Claim
from pipeline.study.pairs import StudyClaim
from pipeline.verdicts import LEVEL

SAME, OPPOSITE = "same direction", "opposite direction"
HIGHER, LOWER = "higher", "lower"
UNDECIDED, UNTESTED, NOT_RUN = "undecided", "not tested", "not run"
DESCRIBED = "described below"
HOLDS = "holds at this scale"


@dataclass(frozen=True)
class Difference:
    """A difference in dB and its tests.

    `p`: of the t-test over seeds. `equivalence_p`: of two one-sided tests of a difference within
    `margin`. Both are adjusted for all pairs of the study.
    """

    value: float
    p: float
    equivalence_p: float
    margin: float


def pair_verdict(found: Difference, published: float | None) -> str:
    """The verdict on a pair.

    Args:
        found: our difference.
        published: the paper's difference; `None`, or 0, for a question without an expected sign.

    >>> pair_verdict(Difference(0.3, p=0.01, equivalence_p=1.0, margin=0.1), published=0.77)
    'same direction'
    >>> pair_verdict(Difference(0.3, p=0.2, equivalence_p=0.8, margin=0.1), published=0.77)
    'undecided'
    >>> pair_verdict(Difference(0.01, p=0.2, equivalence_p=0.001, margin=0.1), published=0.77)
    'no difference larger than 0.1 dB'
    """
    if found.p < LEVEL:
        if not published:
            return HIGHER if found.value > 0 else LOWER
        return SAME if (found.value > 0) == (published > 0) else OPPOSITE
    return equal_within(found.margin) if found.equivalence_p < LEVEL else UNDECIDED


def equal_within(margin: float) -> str:
    """The verdict on a difference that is shown to be smaller than the margin in dB."""
    return f"no difference larger than {margin:g} dB"


def claim_frame(
    claims: Sequence[StudyClaim],
    pairs: pd.DataFrame,
    rows: Mapping[str, str],
    described: Sequence[Claim] = (),
) -> pd.DataFrame:
    """The verdict on each claim, one a row.

    Args:
        claims: of the study.
        pairs: as `pipeline.study.comparing.compared` returns them.
        rows: labels of the methods.
        described: claims that no pair decides, but that a section of the page is about.

    Returns:
        Columns `claim`, `statement`, `published`, `verdict`, `reason` (may be empty).
    """
    verdicts = {
        frozenset((row["one"], row["other"])): str(row["verdict"])
        for row in pairs.to_dict("records")
    }
    found = []
    for one in claims:
        verdict, reason = _claim_verdict(one, verdicts, rows)
        found.append([one.claim.id, one.claim.statement, one.claim.published, verdict, reason])
    found += [[one.id, one.statement, one.published, DESCRIBED, one.reason] for one in described]
    return pd.DataFrame(found, columns=["claim", "statement", "published", "verdict", "reason"])


def _claim_verdict(
    claim: StudyClaim, verdicts: Mapping[frozenset[str], str], rows: Mapping[str, str]
) -> tuple[str, str]:
    if claim.untested:
        return (NOT_RUN if claim.claim.decidable_by != "nothing" else UNTESTED), claim.untested
    found = {
        f"{rows[pair.one]} over {rows[pair.other]}": verdicts[pair.names] for pair in claim.pairs
    }
    if len(found) == 1:
        return next(iter(found.values())), ""
    return _order_verdict(found)


def _order_verdict(found: Mapping[str, str]) -> tuple[str, str]:
    """A claim about several pairs needs every one of them."""
    reversed_at = [step for step, verdict in found.items() if verdict == OPPOSITE]
    reason = "; ".join(f"{step}: {verdict}" for step, verdict in found.items() if verdict != SAME)
    if reversed_at:
        return f"fails at {', '.join(reversed_at)}", reason
    return (UNDECIDED, reason) if reason else (HOLDS, "")
