"""`torch.compile` of a network."""

from __future__ import annotations

import torch
from torch import nn

from pipeline.errors import ConfigError


def compile_network(network: nn.Module, device: torch.device, backend: str = "inductor") -> None:
    """Compile what a call of the network runs, in place: its methods and names of weights stay.

    The compiler itself runs at the first call of each new shape.

    Args:
        network: its other ways in (`forward_training`, `forward_sequence`) run as they are.
        device: where it computes.
        backend: one of PyTorch's.

    Raises:
        ConfigError: there is no working compiler on this machine.
    """
    trial = torch.compile(_trial, backend=backend)
    try:
        trial(torch.ones(8, device=device))
    except Exception as error:
        # Which one depends on the part of the tool chain that is missing.
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(
            f"compute.compile: PyTorch cannot compile on this machine ({reason}); install a C++ "
            "compiler, or set compile: false"
        ) from error
    network.compile(backend=backend)


def _trial(x: torch.Tensor) -> torch.Tensor:
    return x.sin() + 1
