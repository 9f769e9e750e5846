"""States of a training small enough to damage thousands of times."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.compute.distributed import ALONE
from pipeline.training.checkpoint import CheckpointStore
from pipeline.training.checkpointing import CheckpointPolicy, FileCheckpointer
from pipeline.training.loop import CurvePoint, TrainState
from pipeline.training.stop import StopRequest
from pipeline.training.train_step import TrainStep
from support.miniatures import compute, recipe

PRINT = {"recipe": {"rate": 1e-4, "betas": [0.9, 0.99]}, "data": "abc"}
POINT = CurvePoint(epoch=1, samples=4, learning_rate=1e-3, loss=0.5, psnr=20.0)


def tiny_step(seed: int = 0, width: int = 3) -> TrainStep:
    """A training of one convolution with a moving average, after one step."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(6, width, 1), nn.BatchNorm2d(width))
    train_step = TrainStep(network, recipe(ema=0.9), compute(), torch.device("cpu"))
    network(torch.rand(1, 6, 2, 2)).sum().backward()
    train_step.optimizer.step()
    train_step.optimizer.zero_grad()
    assert train_step.average is not None
    train_step.average.update_parameters(network)
    return train_step


def checkpointer(folder: Path, *, fork: bool = False, **fingerprint: Any) -> FileCheckpointer:
    store = CheckpointStore(folder, {**PRINT, **fingerprint})
    policy = CheckpointPolicy(folder, every_s=0, fork=fork)
    return FileCheckpointer(store, policy, StopRequest(None), ALONE)


def save(folder: Path, step: int) -> Path:
    """Save a state after `step` steps and one epoch; its file."""
    train_step = tiny_step(step)
    best = {name: value.clone() for name, value in train_step.learned.state_dict().items()}
    state = TrainState(step, 0.25, best, best_epoch=1, best_psnr=20.0, curve=[POINT])
    checkpointer(folder).at_end(state, train_step)
    return folder / f"step-{step:09d}.state"


def content_of(path: Path) -> dict[str, Any]:
    """What a state file holds: `fingerprint` and `snapshot`."""
    content: dict[str, Any] = torch.load(io.BytesIO(path.read_bytes()[64:]), weights_only=True)
    return content


def sealed(content: bytes) -> bytes:
    """A state file with the right checksum, whatever it holds."""
    return hashlib.sha256(content).hexdigest().encode() + content


def packed(content: Any) -> bytes:
    """A state file that holds `content`."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return sealed(stream.getvalue())
