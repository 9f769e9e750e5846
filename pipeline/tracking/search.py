"""All runs that match, not only the first page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def found_runs(client: MlflowClient, experiment: str, wanted: str) -> list[Any]:
    """The runs of an MLflow experiment that match, as MLflow returns them.

    Args:
        client: of the store.
        experiment: number of the experiment.
        wanted: in MLflow's language of filters; all runs if empty.
    """
    found: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment], wanted, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found
