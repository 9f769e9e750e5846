"""Published weights into a network of ours: every entry must fit, none may be left over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Layout = Callable[[str, Tensor], Tensor]


def load_named(
    network: nn.Module,
    state: Mapping[str, Any],
    names: Mapping[str, str],
    layout: Layout = lambda _, value: value,
) -> None:
    """Copy published weights into a network.

    Args:
        network: takes the weights, in float32.
        state: numpy arrays or tensors under the authors' names.
        names: the authors' name of each entry of the network's state dict.
        layout: turns an array of the authors, given its name, into the layout of PyTorch.

    Raises:
        ValueError: an entry is missing, unknown or ill-shaped; the first one is named.
    """
    own = network.state_dict()
    loaded = {}
    for name, official in names.items():
        if official not in state:
            raise ValueError(f"the weights lack {official!r}; are they of another variant?")
        value = layout(official, _tensor(official, state[official]))
        if value.shape != own[name].shape:
            raise ValueError(
                f"{official!r} has shape {tuple(value.shape)} in PyTorch's layout, expected "
                f"{tuple(own[name].shape)}; are the weights of another variant?"
            )
        loaded[name] = value
    known = set(names.values())
    for official in state:
        if official not in known:
            raise ValueError(
                f"the weights have an unknown entry {official!r}; are they of another variant?"
            )
    network.load_state_dict(loaded)


def _tensor(name: str, value: Any) -> Tensor:
    try:
        return torch.as_tensor(value, dtype=torch.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name!r} is not an array of numbers: {error}") from error
