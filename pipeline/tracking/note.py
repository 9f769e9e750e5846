"""The description of an MLflow experiment: Table 1, and links to the views, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.tracking.views import View, page_of, title_of

_LONGEST = 15_000
"""Characters of the table; MLflow takes 20000 in all."""


def note(name: str, experiment: str, views: Sequence[View], table: Path | None) -> str:
    """The description of an experiment.

    Args:
        name: of the experiment.
        experiment: its number in MLflow.
        views: its views.
        table: Table 1 in Markdown, if it was made.
    """
    return "\n".join(_lines(name, experiment, views, table)) + "\n"


def _lines(name: str, experiment: str, views: Sequence[View], table: Path | None) -> Iterator[str]:
    yield f"# Experiment {name}\n"
    for view in views:
        yield f"- [{title_of(view.kind)}]({page_of(experiment, view.key)})"
    yield (
        "\nRuns are methods, one per repetition. They are imported from records with "
        "`dmtbench track`; a change here changes no report.\n"
    )
    if table is None:
        return
    text = table.read_text(encoding="utf-8").strip()
    if len(text) <= _LONGEST:
        yield text
    else:
        yield f"Table 1 is too long for this page: it is `tables/{table.name}` of the run {name}."
