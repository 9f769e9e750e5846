"""A progress bar around work that takes a while."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Item = TypeVar("Item")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s")


def watched(
    items: Iterable[Item], total: int, what: str, show: bool, done: int = 0
) -> Iterator[Item]:
    """Pass `items` on, and show on standard error how many there were.

    Args:
        items: what the work yields.
        total: how many there will be, those of an earlier run included.
        what: the bar's caption.
        show: whether there is a bar at all.
        done: how many an earlier run did.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not show) as bar:
        task = bar.add_task(what, total=total, completed=done)
        for item in items:
            bar.advance(task)
            yield item
