"""Device, precision and determinism settings, all from the configuration."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

import torch

from pipeline.config.blocks import Compute
from pipeline.errors import ConfigError

HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}
"""Types of autocast, by the names that configurations use."""

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_REPEATABLE = (":4096:8", ":16:8")


def prepare_device(compute: Compute, seed: int) -> torch.device:
    """Set threads, seeds, deterministic algorithms and TF32; return the device to use.

    To be called before anything is computed with CUDA.

    Raises:
        ConfigError: CUDA is asked for but there is none, or the environment makes cuBLAS vary from
            run to run.
    """
    _set_determinism(compute.deterministic)
    torch.set_num_threads(compute.torch_threads)
    torch.manual_seed(seed)
    # PyTorch's newer `fp32_precision` makes it refuse to read these, which libraries do.
    torch.backends.cuda.matmul.allow_tf32 = compute.tf32
    torch.backends.cudnn.allow_tf32 = compute.tf32
    available = torch.cuda.is_available()
    if compute.device == "cuda" and not available:
        raise ConfigError("compute.device is cuda but no CUDA device is visible; use auto or cpu")
    if not available or compute.device == "cpu":
        return torch.device("cpu")
    # Of several processes that train together, each has a device of its own.
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def _set_determinism(deterministic: bool) -> None:
    if deterministic:
        # cuBLAS reads it when it is first used; with several buffers its sums depend on which one
        # a kernel gets.
        found = os.environ.setdefault(_CUBLAS, _REPEATABLE[0])
        if found not in _REPEATABLE:
            raise ConfigError(
                f"the environment has {_CUBLAS}={found}, which is not deterministic; unset it, or "
                "set compute.deterministic: false"
            )
    # An operation that has no deterministic form warns: docs/training.md lists where that happens.
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    # Filling new memory guards against reading it too early, and takes time in every operation.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.benchmark = not deterministic


def autocast(compute: Compute, device: torch.device) -> AbstractContextManager[object]:
    """Mixed precision as configured: autocast to a half type, or nothing for float32."""
    if compute.precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=HALF[compute.precision])


def memory_format(compute: Compute) -> torch.memory_format:
    """Memory layout of four-dimensional tensors as configured."""
    return torch.channels_last if compute.channels_last else torch.contiguous_format
