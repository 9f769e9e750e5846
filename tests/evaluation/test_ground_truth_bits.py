"""Bits of input and ground truth: what the protocol says, whatever the method was made for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.miniatures import compute
from support.paths import CONFIG
from torch import Tensor, nn

from pipeline.config.experiment import load_experiment, load_methods
from pipeline.data.manifest import ManifestRow
from pipeline.evaluation.inference import evaluate
from pipeline.evaluation.loading import LoadedMethod, Prepared
from pipeline.evaluation.metrics import load_metrics
from pipeline.evaluation.protocol import protocol_for
from pipeline.methods import Method
from pipeline.run import Run

DEMO = load_experiment(CONFIG / "demo.yaml")
VIEWS = ("combined", "left", "right", "target")
TARGET = np.random.default_rng(3).integers(0, 65536, (12, 16, 3), dtype=np.uint16)
# One 8-bit step away everywhere, and different in the low byte: each truncation shows.
INPUT = np.clip(TARGET.astype(np.int64) + 300, 0, 65535).astype(np.uint16)


class Left(nn.Module):
    """Returns the left view."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :3]


def row() -> ManifestRow:
    cells = {f"sha256_{view}": "0" * 64 for view in VIEWS}
    cells |= {f"file_{view}": f"{view}/a.png" for view in VIEWS}
    return ManifestRow(
        split="test",
        group="main",
        category="indoor",
        source="a.png",
        target="a.png",
        width=16,
        height=12,
        bit_depth=16,
        **cells,
    )


def scene(_: ManifestRow) -> dict[str, NDArray[np.uint16]]:
    return {**dict.fromkeys(VIEWS, INPUT), "target": TARGET}


def at(values: NDArray[np.uint16], bits: int) -> NDArray[np.float64]:
    return values / 65535 if bits == 16 else (values >> 8) / 255


@pytest.mark.parametrize(
    ("protocol", "made_for", "seen", "truth"),
    [
        ("dpdd-16", 16, 16, 16),
        ("dpdd-16", 8, 8, 16),
        ("dpdd-8", 16, 8, 8),
        ("dpdd-8", 8, 8, 8),
    ],
)
def test_scores_by_hand(
    tmp_path: Path, protocol: str, made_for: int, seen: int, truth: int
) -> None:
    class Made(Method):
        input_bits = made_for
        views = ("left",)

    experiment = DEMO.model_copy(update={"protocol": protocol, "compute": compute()})
    this = Run.of(experiment, "input")
    ready = Prepared(
        LoadedMethod(this, Left(), kwargs={}, label="demo", weights=None),
        protocol=protocol_for(experiment, Made("made", this.method.entry)),
        tiling=None,
        device=torch.device("cpu"),
        rows=[row()],
    )
    chosen = {name: load_methods().metrics[name] for name in ("psnr", "mae")}
    found = evaluate(ready, read=scene, metrics=load_metrics(chosen), folder=tmp_path)
    error = at(INPUT, seen) - at(TARGET, truth)
    mean = found.scores["combined"].mean
    assert mean["psnr"] == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=1e-3)
    assert mean["mae"] == pytest.approx(np.mean(np.abs(error)), rel=1e-4)
