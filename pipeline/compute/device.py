"""Device, precision and determinism settings, all from the configuration."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

import torch

from pipeline.compute.threads import threads_of
from pipeline.config.blocks import Compute
from pipeline.errors import ConfigError

HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}
"""Data types for autocast, by their names in configurations."""

_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_REPEATABLE = (":4096:8", ":16:8")


def prepare_device(compute: Compute, seed: int) -> torch.device:
    """Set threads, seeds, deterministic algorithms and TF32; return the device to use.

    Must be called before any computation on CUDA.

    Raises:
        ConfigError: CUDA is requested but unavailable, or the environment makes cuBLAS
            nondeterministic.
    """
    _set_determinism(compute.deterministic)
    torch.set_num_threads(threads_of(compute))
    torch.manual_seed(seed)
    # Not the newer `fp32_precision`: after it, PyTorch refuses reads of these flags by libraries.
    torch.backends.cuda.matmul.allow_tf32 = compute.tf32
    torch.backends.cudnn.allow_tf32 = compute.tf32
    available = torch.cuda.is_available()
    if compute.device == "cuda" and not available:
        raise ConfigError("compute.device is cuda but no CUDA device is visible; use auto or cpu")
    if not available or compute.device == "cpu":
        return torch.device("cpu")
    # In distributed training, each process has its own device.
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def _set_determinism(deterministic: bool) -> None:
    if deterministic:
        # cuBLAS reads this variable at first use; with several workspaces its sums depend on which
        # one a kernel gets.
        workspace = os.environ.setdefault(_CUBLAS, _REPEATABLE[0])
        if workspace not in _REPEATABLE:
            raise ConfigError(
                f"the environment has {_CUBLAS}={workspace}, which is not deterministic; unset "
                "it, or set compute.deterministic: false"
            )
    # Operations without a deterministic implementation warn; docs/training.md lists them.
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    # Filling guards against reads of uninitialized memory only, and slows down every operation.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.benchmark = not deterministic


def autocast(compute: Compute, device: torch.device) -> AbstractContextManager[object]:
    """The configured precision: autocast to a 16-bit type, or nothing for float32."""
    if compute.precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=HALF[compute.precision])


def memory_format(compute: Compute) -> torch.memory_format:
    """The configured memory layout of four-dimensional tensors."""
    return torch.channels_last if compute.channels_last else torch.contiguous_format
