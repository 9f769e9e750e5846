"""Verdicts and comparisons as flat tables, for CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pandas as pd

from pipeline.verify.cells import Cell
from pipeline.verify.claims import ClaimVerdict
from pipeline.verify.comparisons import Comparison
from pipeline.verify.verification import Verification

VERDICT_COLUMNS = (
    *("kind", "id", "table", "row", "column", "statement", "label", "n_seeds", "ours"),
    *("sd", "ci_lo", "ci_hi", "published", "diff", "tolerance", "equivalence_p"),
    *("rank", "published_rank", "verdict", "reason", "experiment"),
)
COMPARISON_COLUMNS = (
    *("table", "one", "other", "column", "claims", "dataset", "images", "n_seeds"),
    *("difference", "published", "image_lo", "image_hi", "seed_lo", "seed_hi", "seed_spread"),
    *("effect", "p_images", "p_images_holm", "p_seeds", "p_seeds_holm"),
    *("margin", "equivalence_p", "equal_within", "experiment"),
)
Row = dict[str, object]


def verdict_frame(found: Verification) -> pd.DataFrame:
    """Cells, then claims, one a row."""
    return pd.DataFrame(list(_verdict_rows(found)), columns=list(VERDICT_COLUMNS), dtype=object)


def comparison_frame(found: Verification) -> pd.DataFrame:
    """The pairs that the paper compares, one a row."""
    rows = [_comparison_row(one, found) for one in found.comparisons]
    return pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS), dtype=object)


def json_lines(found: Verification) -> str:
    """One JSON object per line: `kind` is `cell`, `claim`, `comparison`, `order`, `power`."""
    rows = [
        *_verdict_rows(found),
        *({"kind": "comparison", **_comparison_row(one, found)} for one in found.comparisons),
        *_order_rows(found),
        *_power_rows(found),
    ]
    return "\n".join(json.dumps({key: _plain(value) for key, value in row.items()}) for row in rows)


def _plain(value: object) -> object:
    # JSON has no NaN.
    return None if isinstance(value, float) and math.isnan(value) else value


def _verdict_rows(found: Verification) -> Iterator[Row]:
    for cell in found.cells:
        yield {**_cell_row(cell), "experiment": found.experiment}
    for claim in found.claims:
        yield {**_claim_row(claim), "experiment": found.experiment}


def _cell_row(cell: Cell) -> Row:
    return {
        "kind": "cell",
        "table": cell.table,
        "row": cell.row,
        "column": cell.column.name,
        "label": cell.label,
        "n_seeds": cell.n_seeds,
        "ours": cell.ours.mean,
        "sd": cell.ours.sd,
        "ci_lo": cell.ours.ci_lo,
        "ci_hi": cell.ours.ci_hi,
        "published": cell.published,
        "diff": cell.difference,
        "tolerance": cell.tolerance,
        "equivalence_p": cell.judgement.equivalence_p,
        "rank": cell.rank,
        "published_rank": cell.published_rank,
        "verdict": cell.judgement.verdict,
        "reason": cell.judgement.reason,
    }


def _claim_row(one: ClaimVerdict) -> Row:
    return {
        "kind": "claim",
        "id": one.claim.id,
        "statement": one.claim.statement,
        "n_seeds": one.seeds,
        "ours": one.ours,
        "published": one.claim.published,
        "equivalence_p": one.judgement.equivalence_p,
        "verdict": one.judgement.verdict,
        "reason": one.judgement.reason,
    }


def _comparison_row(one: Comparison, found: Verification) -> Row:
    seed_low, seed_high = one.seed_interval or (None, None)
    return {
        "table": one.pair.table,
        "one": one.pair.one,
        "other": one.pair.other,
        "column": one.pair.column.name,
        "claims": " ".join(one.claims),
        "dataset": one.dataset,
        "images": one.images,
        "n_seeds": one.seeds,
        "difference": one.difference,
        "published": found.published_difference(one.pair),
        "image_lo": one.image_interval[0],
        "image_hi": one.image_interval[1],
        "seed_lo": seed_low,
        "seed_hi": seed_high,
        "seed_spread": one.seed_spread,
        "effect": one.effect,
        "p_images": one.p_images,
        "p_images_holm": one.p_images_holm,
        "p_seeds": one.p_seeds,
        "p_seeds_holm": one.p_seeds_holm,
        "margin": one.margin,
        "equivalence_p": one.equivalence_p,
        "equal_within": one.equal_within,
        "experiment": found.experiment,
    }


def _order_rows(found: Verification) -> Iterator[Row]:
    for (table, column), (rows, agreement) in found.agreements.items():
        yield {
            "kind": "order",
            "table": table,
            "column": column.name,
            "rows": rows,
            "tau": agreement.tau,
            "p_value": agreement.p_value,
        }


def _power_rows(found: Verification) -> Iterator[Row]:
    for one in found.power:
        yield {
            "kind": "power",
            "id": one.claim,
            "difference": one.difference,
            "spread": one.spread,
            "dataset": one.dataset,
            "seeds": one.seeds,
            "text": one.text,
        }
