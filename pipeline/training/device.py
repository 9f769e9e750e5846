"""Device, precision and determinism settings, all from the configuration."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

import torch

from pipeline.config import Compute
from pipeline.errors import ConfigError


def prepare_device(compute: Compute, seed: int) -> torch.device:
    """Set threads, seeds and deterministic algorithms; return the device to use.

    Raises:
        ConfigError: CUDA is asked for but there is none.
    """
    torch.set_num_threads(compute.torch_threads)
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    available = torch.cuda.is_available()
    if compute.device == "cuda" and not available:
        raise ConfigError("compute.device is cuda but no CUDA device is visible; use auto or cpu")
    if not available or compute.device == "cpu":
        return torch.device("cpu")
    # Of several processes that train together, each has a device of its own.
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def autocast(compute: Compute, device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision as configured: bfloat16 autocast, or nothing for float32."""
    if compute.precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def memory_format(compute: Compute) -> torch.memory_format:
    """Memory layout of four-dimensional tensors as configured."""
    return torch.channels_last if compute.channels_last else torch.contiguous_format
