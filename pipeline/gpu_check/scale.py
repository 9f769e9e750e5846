"""Sizes of everything that is measured: the paper's on a GPU, the demo's on a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.config.experiment import DEMO_FILE
from pipeline.data.canon import CANON_SIZE

DeviceKind = Literal["cuda", "cpu"]


@dataclass(frozen=True)
class Scale:
    """What a check runs.

    `config`: experiment whose trained networks, recipes and compute settings are used. `image`:
    height and width in pixels of the forward passes and of the feed's scenes. `scenes`: of the
    feed. `seconds_per_cell`: time for repeating one measurement. `further`: number of networks
    that are also measured in settings beyond the usual ones, `None` for all. `compiled`: whether
    networks are also compiled. `matrix_side`, `rate_batch`: sizes of the two reference operations.
    `feed_steps`: of the training that waits for the feed. `drill_epochs`: of the kill drill.
    `budget_s`: seconds for everything, unless another budget is given.
    """

    config: Path
    image: tuple[int, int]
    scenes: int
    seconds_per_cell: float
    further: int | None
    compiled: bool
    matrix_side: int
    rate_batch: int
    feed_steps: int
    drill_epochs: int
    budget_s: float


SCALES: dict[DeviceKind, Scale] = {
    "cuda": Scale(
        config=DEMO_FILE.with_name("canon.yaml"),
        image=CANON_SIZE,
        scenes=4,
        seconds_per_cell=1.0,
        further=None,
        compiled=True,
        matrix_side=8192,
        rate_batch=16,
        feed_steps=20,
        drill_epochs=150,
        budget_s=600,
    ),
    "cpu": Scale(
        config=DEMO_FILE.with_name("demo_all.yaml"),
        image=(128, 192),
        scenes=2,
        seconds_per_cell=0.1,
        further=1,
        # Minutes per network, and nothing of it holds for CUDA.
        compiled=False,
        matrix_side=512,
        rate_batch=1,
        feed_steps=4,
        drill_epochs=100,
        budget_s=300,
    ),
}
