"""Addresses of the pages that a running MLflow server has for our experiments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from pipeline.errors import DataError
from pipeline.tracking.names import DIGEST
from pipeline.tracking.views import VIEW, kind_and_name, page_of, title_of

_EXPERIMENTS = "/api/2.0/mlflow/experiments/search"
_RUNS = "/api/2.0/mlflow/runs/search"
_MOST = 1000
_ANSWER_S = 60.0


@dataclass(frozen=True)
class Page:
    """One page: what it shows, of which experiment, and its address."""

    experiment: str
    title: str
    address: str


def pages_of(base: str) -> list[Page]:
    """The pages of every imported experiment, runs before charts.

    Args:
        base: address of the server.

    Raises:
        DataError: the server does not answer as MLflow does.
    """
    base = base.rstrip("/")
    return [
        Page(name, title_of(kind), f"{base}/{page_of(number, tag.removeprefix(VIEW))}")
        for number, tags in _experiments(base)
        for kind, name, tag in _views(tags)
    ]


def run_page_of(base: str, digest: str) -> str | None:
    """The page of the run with this digest of its records; `None` if the server has no such run.

    Args:
        base: address of the server.
        digest: of an `Entry`.

    Raises:
        DataError: the server does not answer as MLflow does.
    """
    base = base.rstrip("/")
    numbers = [number for number, _ in _experiments(base)]
    wanted = f"tags.`{DIGEST}` = '{digest}'"
    found = _answer(base, _RUNS, {"experiment_ids": numbers, "filter": wanted, "max_results": 1})
    for run in found.get("runs", []):
        info = run["info"]
        return f"{base}/#/experiments/{info['experiment_id']}/runs/{info['run_id']}"
    return None


def _views(tags: list[str]) -> list[tuple[str, str, str]]:
    order = ["runs", "charts", "parallel"]
    found = [(*known, tag) for tag in tags if (known := kind_and_name(tag)) is not None]
    return sorted(found, key=lambda view: (view[1], order.index(view[0])))


def _experiments(base: str) -> Iterator[tuple[str, list[str]]]:
    """Number and names of tags of each experiment."""
    token = ""
    while True:
        asked: dict[str, Any] = {"max_results": _MOST}
        if token:
            asked["page_token"] = token
        found = _answer(base, _EXPERIMENTS, asked)
        for experiment in found.get("experiments", []):
            tags = [str(tag["key"]) for tag in experiment.get("tags", [])]
            yield str(experiment["experiment_id"]), tags
        token = str(found.get("next_page_token") or "")
        if not token:
            return


def _answer(base: str, call: str, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = requests.post(f"{base}{call}", json=asked, timeout=_ANSWER_S)
        answer.raise_for_status()
        return dict(answer.json())
    except (requests.RequestException, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{base}: does not answer as MLflow does ({reason}); check the address of the server"
        ) from error
