"""Table 1: every method of the paper, ours next to published, and further methods below."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from pipeline.config.methods import CONTROL
from pipeline.records import CATEGORIES, ComplexityRecord, ResultRecord
from pipeline.reporting import tables
from pipeline.reporting.compared import compared_cells
from pipeline.reporting.published import PAPER_METRICS
from pipeline.reporting.tables import Row

_INPUT = "input"
_SIZE = (
    *("trained_params", "params", "params_published_m"),
    *("flops_paper_g", "flops_fvcore_g", "flops_published_g"),
)


def build_table1(
    results: list[ResultRecord],
    complexity: list[ComplexityRecord],
    published: pd.DataFrame,
    *,
    experiment: str = "",
    stale: Collection[str] = (),
) -> pd.DataFrame:
    """The paper's Table 1 with our numbers next to the published ones.

    Rows: the methods of `published` in the paper's order, then the blurred input, the other
    controls, and every further method in `results` (leave ablations out: they belong to
    Table 2). A method without a record stays, with the published numbers and the label
    `published`: the table never shrinks. Surrogates and given weights fill no row of the paper:
    they are among the further methods, as `<row> (surrogate)` and `<row> (given weights)`.

    Columns: `method,kind,label,dataset,protocol,n_seeds`; the paper's own,
    `{indoor,outdoor,combined}_{psnr,ssim,mae}` (PSNR in dB), ours; then for these and every
    further metric (LPIPS first) the value where not given yet and `_sd,_ci_lo,_ci_hi` over seeds
    (empty for one seed), `_published,_diff,_verdict`; `trained_params` of the network that made the
    quality cells; of the full model `params`, and FLOPs in 10^9 by the rule behind the paper's
    column (`flops_paper_g`) and by fvcore (`flops_fvcore_g`), next to `params_published_m` (10^6)
    and `flops_published_g`. Differences exist only on Canon DP by `dpdd-16`; elsewhere the verdict
    is `not comparable`. Last come
    `experiment` and `standing` (`tables.ORIGIN`), for which `stale` names the methods of which
    something was made by other code.

    Raises:
        RecordError: the records of one row differ in label, data set, protocol or size.
    """
    records = tables.by_row(results)
    sizes = tables.sizes_by_row(complexity)
    metrics = tables.metrics_of(results)
    paper = {str(row["method"]): row for row in published.to_dict("records")}
    rows = []
    for name in _order(records, list(paper)):
        own = records.get(name, [])
        # Given weights belong to the full model, whose cost is counted without them.
        size = sizes.get(name.removesuffix(f" ({tables.GIVEN})"))
        size = size or sizes.get(name.removesuffix(f" ({tables.OFFICIAL})"))
        origin = tables.origin_cells(experiment, [*own, *([size] if size else [])], stale)
        rows.append(_row(name, own, paper.get(name, {}), metrics, size) | origin)
    return tables.typed(rows, columns_of(metrics))


def columns_of(metrics: Sequence[str]) -> list[str]:
    """Column names of Table 1 for these metrics, in order."""
    own = [f"{category}_{metric}" for category in CATEGORIES for metric in PAPER_METRICS]
    rest = [
        name
        for category in CATEGORIES
        for metric in metrics
        for name in _cells_of(f"{category}_{metric}")
        if name not in own
    ]
    return [*tables.LEADING, *own, *rest, *_SIZE, *tables.ORIGIN]


def _cells_of(name: str) -> list[str]:
    return [name, *(f"{name}_{detail}" for detail in tables.DETAILS)]


def _order(records: Mapping[str, list[ResultRecord]], paper: list[str]) -> list[str]:
    others = [name for name in records if name not in paper]

    def rank(name: str) -> int:
        first = records[name][0]
        if first.method_kind != CONTROL:
            return 2
        return 0 if first.method == _INPUT else 1

    return [*paper, *sorted(others, key=rank)]


def _row(
    name: str,
    records: Sequence[ResultRecord],
    paper: Mapping[str, object],
    metrics: Sequence[str],
    size: ComplexityRecord | None,
) -> Row:
    row: Row = {
        "method": name,
        "kind": paper["kind"] if paper else records[0].method_kind,
        **tables.identity_cells(records),
        **tables.size_cells(size),
        "params_published_m": paper.get("params_m"),
        "flops_published_g": paper.get("flops_g"),
    }
    for category in CATEGORIES:
        for metric in metrics:
            column = f"{category}_{metric}"
            values = tables.scores_of(records, category, metric)
            row |= compared_cells(column, records, values, paper.get(column))
    return row
