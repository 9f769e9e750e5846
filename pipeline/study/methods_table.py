"""The page's table of what was run: quality over seeds, trained size and length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from pipeline.reporting.escapes import escape_markdown
from pipeline.reporting.published import PAPER_METRICS
from pipeline.reporting.render import markdown_table
from pipeline.reporting.tables import Estimate, estimate
from pipeline.study.folder import StudyFolder

_DIGITS = dict(zip(PAPER_METRICS, (2, 3, 3), strict=True))
_NONE = "–"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """A Markdown table of plain texts, of which the first `texts` columns are words."""
    escaped = [[escape_markdown(cell) for cell in row] for row in rows]
    numeric = [index >= texts for index in range(len(headings))]
    return markdown_table([escape_markdown(heading) for heading in headings], escaped, numeric)


def means_over_seeds(scores: pd.DataFrame, metric: str) -> dict[str, Estimate]:
    """Mean of each method over its seeds, with the standard deviation over them.

    Args:
        scores: as `pipeline.study.collecting.scores_frame` returns them.
        metric: a column of it.
    """
    means = scores.groupby(["method", "repetition"], sort=False)[metric].mean()
    return {
        str(method): estimate(values.tolist())
        for method, values in means.groupby(level="method", sort=False)
    }


def methods_table(study: StudyFolder) -> list[str]:
    """One row per method: seeds, PSNR, SSIM and MAE on the test scenes, size, length."""
    headings = ["Method", "Seeds", "PSNR (dB)", "SSIM", "MAE", "Parameters", "MACs", "Crops seen"]
    return table(headings, list(_rows(study)))


def _rows(study: StudyFolder) -> Iterator[list[str]]:
    means = {metric: means_over_seeds(study.scores, metric) for metric in PAPER_METRICS}
    seeds = study.scores.groupby("method")["repetition"].nunique()
    networks = study.networks.set_index("method")
    for name, method in study.record.methods.items():
        sizes = [_NONE] * 3
        if name in networks.index:
            known = networks.loc[name]
            sizes = [f"{int(known[part]):,}" for part in ("params", "flops", "samples")]
        quality = [_estimate(means[metric].get(name), metric) for metric in PAPER_METRICS]
        yield [method.row, str(seeds.get(name, 0)), *quality, *sizes]


def _estimate(found: Estimate | None, metric: str) -> str:
    if found is None or pd.isna(found.mean):
        return _NONE
    digits = _DIGITS[metric]
    spread = "" if pd.isna(found.sd) else f" ± {found.sd:.{digits}f}"
    return f"{found.mean:.{digits}f}{spread}"
