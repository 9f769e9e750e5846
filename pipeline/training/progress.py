"""Progress of one training: a bar on a terminal, lines elsewhere, and a file others can watch."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from pipeline.files import write_text

if TYPE_CHECKING:
    from pipeline.training.loop import CurvePoint, Step

_WRITE_EVERY_S = 0.5


class State(NamedTuple):
    """What a progress file holds: crops done and due, last loss, last validation PSNR in dB."""

    name: str
    samples: int
    total: int
    loss: float | None
    psnr: float | None
    rate: float


def columns() -> list[TextColumn | BarColumn | TimeRemainingColumn]:
    """Columns of a training bar: name, bar, loss, PSNR, samples/s, time left."""
    return [
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("val {task.fields[psnr]} dB"),
        TextColumn("{task.fields[rate]}/s"),
        TimeRemainingColumn(),
    ]


def texts(state: State) -> dict[str, Any]:
    """The values of a training bar as text, `-` where there is none yet."""
    return {
        "loss": "-" if state.loss is None else f"{state.loss:.4f}",
        "psnr": "-" if state.psnr is None else f"{state.psnr:.2f}",
        "rate": f"{state.rate:.0f}",
    }


class Progress:
    """Reports the progress of one training.

    Args:
        name: what is trained.
        file: JSON file kept up to date for `dmtbench run` to show; removed at the end.
    """

    def __init__(self, name: str, file: Path | None = None) -> None:
        self.file = file
        self.state = State(name, 0, 0, None, None, 0.0)
        self._console = Console(stderr=True)
        self._bar = Bar(*columns(), console=self._console, disable=not sys.stderr.isatty())
        self._task = self._bar.add_task(name, total=None, **texts(self.state))
        self._started = self._written = 0.0
        self._first: int | None = None

    def __enter__(self) -> Progress:
        self._started = time.monotonic()
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    def step(self, step: Step, total: int) -> None:
        """Note that a step is done, of a training of `total` crops."""
        if self._first is None:
            # A resumed training has samples that this run did not see.
            self._first = step.samples - step.shape[0]
        rate = (step.samples - self._first) / max(1e-9, time.monotonic() - self._started)
        state = self.state._replace(samples=step.samples, total=total, loss=step.loss, rate=rate)
        self._show(state)

    def epoch(self, point: CurvePoint) -> None:
        """Note the end of an epoch; on anything but a terminal, validated ones become lines."""
        if point.psnr is None:
            return
        self._show(self.state._replace(psnr=point.psnr))
        if not sys.stderr.isatty():
            print(
                f"{self.state.name}: epoch {point.epoch}, {point.samples} crops, "
                f"loss {point.loss:.4f}, validation {point.psnr:.2f} dB, "
                f"{self.state.rate:.0f} crops/s",
                file=sys.stderr,
                flush=True,
            )

    def _show(self, state: State) -> None:
        self.state = state
        self._bar.update(
            self._task, completed=state.samples, total=state.total or None, **texts(state)
        )
        now = time.monotonic()
        if self.file is not None and now - self._written > _WRITE_EVERY_S:
            self._written = now
            write_text(self.file, json.dumps(state._asdict()))
