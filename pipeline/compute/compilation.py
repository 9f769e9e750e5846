"""`torch.compile` of a network."""

from __future__ import annotations

import torch
from torch import nn

from pipeline.errors import ConfigError


def compile_network(network: nn.Module, device: torch.device, backend: str = "inductor") -> None:
    """Compile the network's `forward` in place; its methods and parameter names stay.

    Compilation happens at the first call with each new shape.

    Args:
        network: its other entry points (`forward_training`, `forward_sequence`) stay uncompiled.
        device: device of the network.
        backend: a backend of `torch.compile`.

    Raises:
        ConfigError: this machine has no working compiler.
    """
    trial = torch.compile(_trial, backend=backend)
    try:
        trial(torch.ones(8, device=device))
    except Exception as error:
        # The exception type depends on which part of the toolchain is missing.
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"compute.compile: PyTorch cannot compile on this machine ({reason}); install a C++ "
            "compiler, or set compile: false"
        ) from error
    network.compile(backend=backend)


def _trial(x: torch.Tensor) -> torch.Tensor:
    return x.sin() + 1
