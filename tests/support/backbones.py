"""A pretended backbone of LPIPS: random convolutions, declared with the checksum of their file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from pipeline.weights import registry

NAME = "lpips-alex"
FILE = "alexnet-owt-7be5be79.pth"
_SHAPES = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}


def save_backbone(folder: Path) -> Path:
    """Write an AlexNet of random weights under the name of the known file."""
    generator = torch.Generator().manual_seed(0)
    state = {"classifier.1.weight": torch.zeros(2, 2)}
    for layer, (out, inner, side) in _SHAPES.items():
        scale = (inner * side * side) ** -0.5
        weight = torch.randn(out, inner, side, side, generator=generator) * scale
        state[f"features.{layer}.weight"] = weight
        state[f"features.{layer}.bias"] = torch.randn(out, generator=generator) * 0.1
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / FILE)
    return folder / FILE


def declare(monkeypatch: pytest.MonkeyPatch, path: Path, address: str = "") -> None:
    """Make the registry know this file, at this address, in place of the real one."""
    entry = registry.all_weights()[NAME]
    (source,) = entry.sources
    (archive,) = source.archives
    content = path.read_bytes()
    known = archive.model_copy(
        update={
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "address": address or archive.address,
        }
    )
    sources = (source.model_copy(update={"archives": (known,)}),)
    entries = {**registry.all_weights(), NAME: entry.model_copy(update={"sources": sources})}
    monkeypatch.setattr(registry, "all_weights", lambda: entries)
