"""Table 2: the ablation of DMTNet-B, ours next to published."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from pipeline.errors import RecordError
from pipeline.records import ComplexityRecord, ResultRecord
from pipeline.reporting import tables
from pipeline.reporting.compared import compared_cells
from pipeline.reporting.tables import Row

_METRICS = ("psnr", "ssim")
_COLUMNS = (
    *("method", "transformer", "dynamic", "n_dmssrm", "row"),
    *("label", "dataset", "protocol", "n_seeds"),
    *(f"combined_{metric}" for metric in _METRICS),
    *(f"combined_{metric}_{detail}" for metric in _METRICS for detail in tables.DETAILS),
    *("trained_params", "params", "flops_paper_g", "flops_fvcore_g"),
    *tables.ORIGIN,
)


def build_table2(
    results: list[ResultRecord],
    complexity: list[ComplexityRecord],
    published: pd.DataFrame,
    rows: dict[int, str],
    further: Sequence[str] = (),
    *,
    experiment: str = "",
    stale: Collection[str] = (),
) -> pd.DataFrame:
    """The paper's Table 2 with our numbers next to the published ones.

    `rows` maps a number of Table 2 to the name of the method or ablation that stands for it.
    A variant without a record stays as published. `further` names ablations that the paper does
    not have: those with a record follow, without number, and after them surrogates and given
    weights, which fill no row of the paper.

    Columns: `method` (the paper's number, as text), `transformer`, `dynamic`, `n_dmssrm`, `row`
    (our row label; the method's name as long as nothing was run), `label`, `dataset`,
    `protocol`, `n_seeds`; `combined_psnr` (dB), `combined_ssim`; for both
    `_sd,_ci_lo,_ci_hi,_published,_diff,_verdict` as in Table 1; `trained_params`; `params` and
    FLOPs in 10^9 of the full model; `experiment` and `standing` as in Table 1, for which `stale`
    names methods.

    Raises:
        RecordError: the records of one row differ in label, data set, protocol or size, or
            `rows` names a number that the paper's table lacks.
    """
    missing = sorted(set(rows) - set(published["method"]))
    if missing:
        raise RecordError(
            f"method {rows[missing[0]]!r}: `table2: {missing[0]}` is not a row of the paper's "
            "Table 2; fix it in the configuration"
        )
    groups = tables.by_row(results)
    records = {group[0].method: group for name, group in groups.items() if name == group[0].row}
    apart = [group for name, group in groups.items() if name != group[0].row]
    sizes = {size.method: size for size in tables.sizes_by_row(complexity).values()}
    beyond = dict.fromkeys(("method", "transformer", "dynamic"), "") | dict.fromkeys(
        ("n_dmssrm", *_METRICS)
    )
    wanted = [
        (paper, method, records.get(method, []))
        for paper in published.to_dict("records")
        for method in [rows.get(int(paper["method"]), "")]
    ]
    wanted += [(beyond, method, records[method]) for method in further if method in records]
    known = {*rows.values(), *further}
    wanted += [(beyond, group[0].method, group) for group in apart if group[0].method in known]
    built = []
    for paper, method, own in wanted:
        size = sizes.get(method)
        origin = tables.origin_cells(experiment, [*own, *([size] if size else [])], stale)
        built.append(_row(paper, method, own, size) | origin)
    return tables.typed(built, _COLUMNS)


def _row(
    paper: dict[str, object],
    name: str,
    records: list[ResultRecord],
    size: ComplexityRecord | None,
) -> Row:
    label = tables.row_of(records[0]) if records else size.row if size else name
    row: Row = {
        "method": str(paper["method"]),
        **{key: paper[key] for key in ("transformer", "dynamic", "n_dmssrm")},
        "row": label,
        **tables.identity_cells(records),
        **tables.size_cells(size),
    }
    for metric in _METRICS:
        values = tables.scores_of(records, "combined", metric)
        row |= compared_cells(f"combined_{metric}", records, values, paper[metric])
    return row
