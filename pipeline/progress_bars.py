"""Progress bars on standard error: of bytes, and of things counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

Item = TypeVar("Item")


def byte_bar(shown: bool) -> Progress:
    """A bar on standard error, to be used as a context manager; silent unless `shown`."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not shown,
    )


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


@contextmanager
def steps_bar(what: str, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error for work that tells the steps done and their number.

    Args:
        what: the bar's caption.
        shown: whether there is a bar at all.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not shown) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
