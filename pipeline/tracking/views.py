"""Views of an experiment in MLflow's pages: runs, columns and charts, and their order.

MLflow's pages keep a shared view as a tag of the experiment and open it by its key in the address.
They sort sections of charts by name unless a view has an order of its own.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pipeline.tracking.metrics import GROUPS, MAIN, PARAMS
from pipeline.tracking.names import EXPERIMENT, REPETITION

VIEW = "mlflow.sharedViewState."
_OWN = "dmtbench-"
_PARALLEL = "parallel coordinates"
_FIRST = (MAIN, "test/combined_ssim", "test/combined_mae", "test/combined_lpips")
_COLUMNS = (*_FIRST, "val/psnr", "train/loss", PARAMS, "cost/wall_s")
_WIDTH = 150
"""Of a column, in pixels: enough for the names of metrics."""
_TITLES = {
    "runs": "Runs, best first",
    "charts": "Charts in groups",
    "parallel": "Method × PSNR × parameters, in parallel coordinates",
}


@dataclass(frozen=True)
class View:
    """One view: `kind`, the name of the `experiment`, and its `state` as MLflow stores it."""

    kind: str
    experiment: str
    state: str

    @property
    def key(self) -> str:
        """Its key in addresses."""
        return f"{_OWN}{self.kind}-{self.experiment}"

    @property
    def tag(self) -> str:
        """Name of the tag that holds it."""
        return f"{VIEW}{self.key}"


def title_of(kind: str) -> str:
    """What a view shows, for people.

    >>> title_of("runs")
    'Runs, best first'
    """
    return _TITLES[kind]


def page_of(experiment: str, key: str) -> str:
    """The page of a view, after the address of the server: in the mode for training.

    >>> page_of("1", "dmtbench-runs-demo")
    '#/experiments/1/runs?viewStateShareKey=dmtbench-runs-demo&workflowType=machine_learning'
    >>> page_of("1", "dmtbench-charts-demo")[-21:]
    'compareRunsMode=CHART'
    """
    query = {"viewStateShareKey": key, "workflowType": "machine_learning"}
    if not key.startswith(f"{_OWN}runs-"):
        query["compareRunsMode"] = "CHART"
    return f"#/experiments/{experiment}/runs?{urlencode(query)}"


def kind_and_name(tag: str) -> tuple[str, str] | None:
    """Kind and experiment of the view in a tag of an MLflow experiment; `None` for other tags.

    >>> kind_and_name("mlflow.sharedViewState.dmtbench-runs-demo")
    ('runs', 'demo')
    >>> kind_and_name("mlflow.note.content") is None
    True
    """
    kind, _, name = tag.removeprefix(VIEW + _OWN).partition("-")
    known = tag.startswith(VIEW + _OWN) and kind in _TITLES and bool(name)
    return (kind, name) if known else None


def views(experiment: str, runs: Sequence[Any]) -> list[View]:
    """The views of an experiment: its runs, their charts, and parallel coordinates.

    Args:
        experiment: name of the experiment.
        runs: its runs, as MLflow returns them.
    """
    metrics = sorted({name for run in runs for name in run.data.metrics})
    repeated = len({run.data.tags.get(REPETITION) for run in runs}) > 1
    columns = _columns(metrics, repeated)
    table = {
        **_state(experiment),
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(columns, _WIDTH),
    }
    charts = {**table, **_charts(metrics, ())}
    if repeated:
        keys = [{"mode": "param", "groupByData": "method"}]
        charts["groupBy"] = {"aggregateFunction": "average", "groupByKeys": keys}
    parallel = {**table, **_charts(metrics, (_PARALLEL,)), "runListHidden": True}
    states = {"runs": table, "charts": charts, "parallel": parallel}
    return [View(kind, experiment, _packed(state)) for kind, state in states.items()]


def _state(experiment: str) -> dict[str, Any]:
    return {
        # A name has letters, digits and `._-` only.
        "searchFilter": f"tags.`{EXPERIMENT}` = '{experiment}'",
        "orderByKey": f"metrics.`{MAIN}`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "runsHiddenMode": "SHOW_ALL",
    }


def _columns(metrics: Sequence[str], repeated: bool) -> list[str]:
    shown = [f"metrics.`{name}`" for name in _COLUMNS if name in metrics]
    return [*shown, "tags.`row`", "tags.`label`", *(["params.`repetition`"] if repeated else [])]


def _charts(metrics: Sequence[str], further: Sequence[str]) -> dict[str, Any]:
    """Sections in the order of `GROUPS`, and the charts that come first; MLflow adds the others."""
    others = sorted({name.split("/")[0] for name in metrics} - set(GROUPS))
    sections = [*further, *GROUPS, *others]
    return {
        "isAccordionReordered": True,
        "compareRunSections": [
            # `isReordered`: MLflow adds its charts after those of the section.
            {
                "uuid": name,
                "name": name,
                "display": not further or name in further,
                "isReordered": True,
                "deleted": False,
                "isGenerated": name not in further,
                **({"columns": 1, "cardHeight": 600} if name in further else {}),
            }
            for name in sections
        ],
        "compareRunCharts": [*_first_charts(metrics, bool(further))],
    }


def _first_charts(metrics: Sequence[str], parallel: bool) -> Iterator[dict[str, Any]]:
    shared = {"runsCountToCompare": 100, "deleted": False}
    if parallel:
        yield {
            **shared,
            "uuid": _PARALLEL,
            "type": "PARALLEL",
            "metricSectionId": _PARALLEL,
            "isGenerated": False,
            "selectedParams": ["method"],
            "selectedMetrics": [name for name in (PARAMS, "cost/wall_s", MAIN) if name in metrics],
            "showAllRuns": True,
        }
    for name in _FIRST:
        if name in metrics:
            yield {
                **shared,
                "uuid": name,
                "type": "BAR",
                "metricSectionId": name.split("/")[0],
                "isGenerated": True,
                "metricKey": name,
                "displayName": name.split("/")[1],
            }


def _packed(state: dict[str, Any]) -> str:
    """As MLflow's pages store it: a tag must be short."""
    text = json.dumps(state, separators=(",", ":"), sort_keys=True)
    return f"deflate;{base64.b64encode(zlib.compress(text.encode(), 9)).decode()}"
