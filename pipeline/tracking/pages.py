"""Addresses of the pages that a running MLflow server has for our experiments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import requests

from pipeline.errors import DataError
from pipeline.tracking.views import VIEW, kind_and_name, page_of, title_of

_SEARCH = "/api/2.0/mlflow/experiments/search"
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


def _views(tags: list[str]) -> list[tuple[str, str, str]]:
    order = ["runs", "charts", "parallel"]
    found = [(*known, tag) for tag in tags if (known := kind_and_name(tag)) is not None]
    return sorted(found, key=lambda view: (view[1], order.index(view[0])))


def _experiments(base: str) -> Iterator[tuple[str, list[str]]]:
    """Number and names of tags of each experiment."""
    token = ""
    while True:
        asked: dict[str, str | int] = {"max_results": _MOST}
        if token:
            asked["page_token"] = token
        try:
            answer = requests.post(f"{base}{_SEARCH}", json=dict(asked), timeout=_ANSWER_S)
            answer.raise_for_status()
            found = answer.json()
            for experiment in found.get("experiments", []):
                tags = [str(tag["key"]) for tag in experiment.get("tags", [])]
                yield str(experiment["experiment_id"]), tags
            token = str(found.get("next_page_token") or "")
        except (requests.RequestException, ValueError, LookupError, TypeError, AttributeError) as e:
            reason = str(e).splitlines()[0] if str(e) else type(e).__name__
            raise DataError(f"{base}: does not answer as MLflow does ({reason})") from e
        if not token:
            return
