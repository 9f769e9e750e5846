"""Nets, stores and recipes small enough for a test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dmtnet import DMTNet, build
from pipeline.config.blocks import Compute
from pipeline.config.recipe import Recipe
from pipeline.data.store.reader import PixelStore
from pipeline.training.loop import CurvePoint, Step

NARROW = {"embed_dim": 12, "channels": 8, "num_blocks": 2, "num_rbm": 1, "num_rm": 1}
VIEWS = ("right", "left")


def shaken(module: nn.Module) -> nn.Module:
    """Moves every parameter off its initial value, so that each one matters."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


def narrow(seed: int = 0, variant: str = "b", **changes: Any) -> DMTNet:
    torch.manual_seed(seed)
    network = build(variant, **{**NARROW, **changes}).eval()
    shaken(network)
    return network


def image(height: int, width: int, batch: int = 1, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 6, height, width, generator=generator)


def random_scene(height: int, width: int, seed: int = 0) -> NDArray[np.uint16]:
    """Combined, left, right and target view: `[4, height, width, 3]`, all different."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 65536, (4, height, width, 3), dtype=np.uint16)


def write_store(
    folder: Path, scenes: Sequence[tuple[str, NDArray[np.uint16]]], names: Sequence[str] = ()
) -> PixelStore:
    """A store with these scenes, `(split, pixels)` each, written without `build_store`."""
    folder.mkdir(parents=True)
    content, index, checksums = b"", [], []
    for number, (split, pixels) in enumerate(scenes):
        stored = as_tiles(pixels)
        place = {"offset": len(content) // 2, "height": pixels.shape[1], "width": pixels.shape[2]}
        checksum = {"sha256": hashlib.sha256(stored).hexdigest()}
        source = names[number] if names else f"{number}.png"
        checksums.append(checksum["sha256"])
        index.append({"split": split, "source": source, **place, **checksum})
        content += stored
    (folder / "pixels.u16").write_bytes(content)
    head = {"format": "tiles of 64, 1", "manifest_sha256": "0" * 64}
    checksum = {"sha256": hashlib.sha256("".join(checksums).encode()).hexdigest()}
    (folder / "index.json").write_text(json.dumps({**head, **checksum, "scenes": index}))
    return PixelStore(folder)


def as_tiles(pixels: NDArray[np.uint16]) -> bytes:
    """A scene `[4, height, width, 3]` as a store holds it."""
    planes = pixels.transpose(0, 3, 1, 2)
    return b"".join(
        planes[..., top : top + 64, left : left + 64].astype("<u2").tobytes()
        for top in range(0, pixels.shape[1], 64)
        for left in range(0, pixels.shape[2], 64)
    )


def recipe(**changes: Any) -> Recipe:
    fields: dict[str, Any] = {
        "epochs": 2,
        "passes_per_epoch": 1,
        "batch_size": 2,
        "crop": None,
        "losses": {"charbonnier": 1.0},
        "optimizer": "adam",
        "betas": (0.9, 0.999),
        "learning_rate": 1e-3,
        "schedule": {"kind": "cosine", "final_learning_rate": 0.0},
        "flip_horizontal": True,
        "flip_vertical": True,
        "validations": 2,
    }
    return Recipe(**{**fields, **changes})


def compute(**changes: Any) -> Compute:
    fields: dict[str, Any] = {
        "device": "cpu",
        "torch_threads": 1,
        "loader_workers": 0,
        "prefetch": 2,
        "precision": "float32",
        "channels_last": False,
    }
    return Compute(**{**fields, **changes})


class Watcher:
    """An observer that records what it sees."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.total = 0
        self.points: list[CurvePoint] = []

    def step(self, step: Step, total: int) -> None:
        self.steps.append(step)
        self.total = total

    def epoch(self, point: CurvePoint) -> None:
        self.points.append(point)
