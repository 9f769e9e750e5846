"""Published PyTorch weights into a network, strictly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_WRAPPERS = ("module.", "Network.")


def load_torch_state(
    network: nn.Module,
    state: Mapping[str, Any],
    official_name: Callable[[str], str] = str,
    derived: tuple[str, ...] = (),
) -> None:
    """Copy `state` into the network's parameters and buffers.

    Args:
        network: takes the values, in its own data type.
        state: arrays or tensors by official name, with or without the prefixes of wrappers.
        official_name: the official name of an entry of the network's own state.
        derived: endings of entries that follow from the architecture; left out if present.

    Raises:
        ValueError: an entry is missing, unknown or of another shape; the message names the first.
    """
    given = {_unwrapped(name): value for name, value in state.items()}
    given = {name: value for name, value in given.items() if not name.endswith(derived or ("\0",))}
    own = {official_name(name): value for name, value in network.state_dict().items()}
    missing = next((name for name in own if name not in given), None)
    if missing is not None:
        raise ValueError(f"weights lack {missing!r}; are they those of this method and variant?")
    extra = next((name for name in given if name not in own), None)
    if extra is not None:
        raise ValueError(f"weights hold {extra!r}, unknown to this method and variant")
    values = {name: _tensor(given[name]) for name in own}
    for name, target in own.items():
        if values[name].shape != target.shape:
            shapes = f"{list(values[name].shape)}, expected {list(target.shape)}"
            raise ValueError(f"weights: {name!r} has shape {shapes}")
    with torch.no_grad():
        for name, target in own.items():
            target.copy_(values[name])


def _unwrapped(name: str) -> str:
    for wrapper in _WRAPPERS:
        name = name.removeprefix(wrapper)
    return name


def _tensor(value: Any) -> Tensor:
    return value.detach() if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
