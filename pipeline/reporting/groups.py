"""Scores on the further groups of scenes (stereo, photographs), apart from the main test set."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from pipeline.errors import RecordError
from pipeline.records import ResultRecord
from pipeline.reporting import tables
from pipeline.reporting.tables import Row

_LEADING = ("method", "kind", "label", "dataset", "protocol", "group", "n_images", "n_seeds")


def build_groups(
    results: list[ResultRecord], *, experiment: str = "", stale: Collection[str] = ()
) -> pd.DataFrame:
    """Every further group of scenes, by method; nothing is published about them.

    Columns: `method,kind,label,dataset,protocol,group,n_images,n_seeds`; for each metric
    (`psnr` in dB, `ssim`, `mae`, `lpips`, others by name) the mean over repetitions and
    `_sd,_ci_lo,_ci_hi`; `trained_params`; `experiment` and `standing` as in Table 1, for which
    `stale` names methods.

    Raises:
        RecordError: the records of one row differ in label, data set, protocol or size, or in
            the number of images of a group.
    """
    metrics = tables.metrics_of(results)
    rows = [
        _row(name, group, records, metrics) | tables.origin_cells(experiment, records, stale)
        for name, records in tables.by_row(results).items()
        for group in sorted({group for record in records for group in record.groups})
    ]
    spread = [f"{metric}_{part}" for metric in metrics for part in tables.SPREAD]
    columns = [*_LEADING, *metrics, *spread, "trained_params", *tables.ORIGIN]
    return tables.typed(rows, columns)


def _row(name: str, group: str, records: list[ResultRecord], metrics: tuple[str, ...]) -> Row:
    counts = {record.groups[group].n if group in record.groups else 0 for record in records}
    if len(counts) > 1:
        raise RecordError(
            f"row {name!r}: group {group!r} differs between repetitions "
            f"({', '.join(map(str, sorted(counts)))} images); evaluate all of them again"
        )
    row: Row = {
        "method": name,
        "kind": records[0].method_kind,
        **tables.identity_cells(records),
        "group": group,
        "n_images": counts.pop(),
    }
    for metric in metrics:
        values = [record.groups[group].mean.get(metric) for record in records]
        row |= tables.estimate_cells(metric, values)
    return row
