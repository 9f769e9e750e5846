"""Progress bars on standard error: of bytes, counted items and trainings."""

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
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

Item = TypeVar("Item")


def byte_bar(shown: bool) -> Progress:
    """A bar for bytes, to be used as a context manager; silent unless `shown`."""
    return _percent_bar(DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), shown=shown)


def training_bar(shown: bool = True) -> Progress:
    """A bar for trainings: name, bar, loss, validation PSNR, samples/s, time remaining.

    Every task needs the fields `loss`, `psnr` and `rate`, all text. Silent unless `shown`.
    """
    return _percent_bar(
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("val {task.fields[psnr]} dB"),
        TextColumn("{task.fields[rate]}/s"),
        TimeRemainingColumn(),
        shown=shown,
    )


def workflow_bar() -> Progress:
    """A bar for the steps of a workflow, with the elapsed time."""
    return _count_bar(TimeElapsedColumn(), shown=True)


def watched(
    items: Iterable[Item], total: int, what: str, show: bool, done: int = 0
) -> Iterator[Item]:
    """Yield `items` unchanged and show a bar of their number.

    Args:
        items: results of the work.
        total: number of items, including those of an earlier run.
        what: caption of the bar.
        show: whether a bar is shown at all.
        done: number of items of an earlier run.
    """
    with _count_bar(_Rate(), TimeRemainingColumn(), shown=show) as bar:
        task = bar.add_task(what, total=total, completed=done)
        for item in items:
            bar.advance(task)
            yield item


@contextmanager
def steps_bar(what: str, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar for work that reports its completed and total steps.

    Args:
        what: caption of the bar.
        shown: whether a bar is shown at all.

    Yields:
        Function to call with the completed and the total number of steps.
    """
    with _count_bar(TimeRemainingColumn(), shown=shown) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


# Names come from files and addresses: what looks like markup in them is none.
_NAME = TextColumn("{task.description}", markup=False)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s")


def _percent_bar(*columns: ProgressColumn, shown: bool) -> Progress:
    return Progress(
        _NAME,
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        *columns,
        console=Console(stderr=True),
        disable=not shown,
    )


def _count_bar(*columns: ProgressColumn, shown: bool) -> Progress:
    return Progress(
        _NAME,
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        console=Console(stderr=True),
        disable=not shown,
    )
