"""Weights under their published names into a network whose parameters bear these names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)

PREFIXES = ("module.", "Network.")


def load_strictly(
    network: Network, state: Mapping[str, Any], prefixes: Sequence[str] = PREFIXES
) -> Network:
    """Fill every parameter and buffer of `network`, with copies in float32.

    Args:
        network: what to fill; it may lie on the meta device, where building takes no time.
        state: arrays or tensors by name.
        prefixes: removed from the names, again and again, if every name begins with one.

    Returns:
        `network`.

    Raises:
        ValueError: an entry is missing, unknown or of another shape; `network` is as before.
    """
    found = _without_prefixes(state, prefixes)
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    for name, shape in wanted.items():
        if name not in found:
            raise ValueError(f"the weights lack {name}, of shape {shape}")
        if tuple(found[name].shape) != shape:
            raise ValueError(
                f"{name} has shape {tuple(found[name].shape)} in the weights where the network "
                f"has {shape}"
            )
    unknown = next((name for name in found if name not in wanted), None)
    if unknown is not None:
        raise ValueError(f"the weights hold {unknown}, which the network has not")
    network.load_state_dict({name: _copied(found[name]) for name in wanted}, assign=True)
    return network


def _copied(values: Any) -> Tensor:
    return torch.as_tensor(values).to(torch.float32, copy=True).contiguous()


def _without_prefixes(state: Mapping[str, Any], prefixes: Sequence[str]) -> Mapping[str, Any]:
    for prefix in prefixes:
        while state and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
            return _without_prefixes(state, prefixes)
    return state
