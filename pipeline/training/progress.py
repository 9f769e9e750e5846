"""Progress of one training: a bar on a terminal, lines elsewhere, and a file others can watch."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from pipeline.files import write_text
from pipeline.progress_bars import training_bar

if TYPE_CHECKING:
    from pipeline.training.loop import CurvePoint, Step

_WRITE_EVERY_S = 0.5


_Crops = Annotated[int, Field(ge=0, le=2**53)]


class State(NamedTuple):
    """What a progress file holds: crops done and due, last loss, last validation PSNR in dB."""

    name: Annotated[str, Field(pattern=r"^[ -Z\\^-~]{1,200}$")]
    samples: _Crops
    total: _Crops
    loss: float | None
    psnr: float | None
    rate: float


def read_state(path: Path) -> State | None:
    """Read a progress file; `None` if it is missing, incomplete or damaged."""
    try:
        return TypeAdapter(State).validate_json(path.read_bytes(), strict=True)
    except (OSError, ValidationError):
        return None


def texts(state: State) -> dict[str, Any]:
    """The values of a training bar as text, `-` where there is none yet."""
    return {
        "loss": "-" if state.loss is None else f"{state.loss:.4f}",
        "psnr": "-" if state.psnr is None else f"{state.psnr:.2f}",
        "rate": f"{state.rate:.0f}",
    }


class Progress(ExitStack[None]):
    """Reports the progress of one training.

    Args:
        name: what is trained.
        file: JSON file kept up to date for `dmtbench run` to show; removed at the end.
    """

    def __init__(self, name: str, file: Path | None = None) -> None:
        super().__init__()
        self.file = file
        self.state = State(name, 0, 0, None, None, 0.0)
        self._bar = training_bar(sys.stderr.isatty())
        self._task = self._bar.add_task(name, total=None, **texts(self.state))
        self._started = self._written = 0.0
        self._first: int | None = None

    def __enter__(self) -> Progress:
        self._started = time.monotonic()
        if self.file is not None:
            self.callback(self.file.unlink, missing_ok=True)
        self.enter_context(self._bar)
        return self

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
