"""Published weights into a network of ours: every entry must fit, none may be left over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
Layout = Callable[[str, Tensor], Tensor]

_WRAPPERS = ("module.", "Network.")


def load_named(
    network: Network,
    state: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
    layout: Layout = lambda _, value: value,
    derived: tuple[str, ...] = (),
) -> Network:
    """Copy published weights into a network, in float32.

    Args:
        network: takes the weights; it may lie on the meta device, where building takes no time.
        state: numpy arrays or tensors under the authors' names, with or without the prefixes of
            wrappers.
        names: the authors' name of each entry of the network's state dict; the same when absent.
        layout: turns an array of the authors, given its name, into the layout of PyTorch.
        derived: endings of entries that follow from the architecture; ignored if present.

    Returns:
        `network`.

    Raises:
        ValueError: an entry is missing, unknown or ill-shaped; the first one is named, and
            `network` is as before.
    """
    own = network.state_dict()
    names = {name: name for name in own} if names is None else names
    state = unwrapped(state)
    state = {name: value for name, value in state.items() if not name.endswith(derived or "\0")}
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
        loaded[name] = value.contiguous()
    known = set(names.values())
    for official in state:
        if official not in known:
            raise ValueError(
                f"the weights have an unknown entry {official!r}; are they of another variant?"
            )
    network.load_state_dict(loaded, assign=True)
    return network


def unwrapped(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Weights without the prefixes that wrappers put before every name."""
    for prefix in _WRAPPERS:
        if state and all(name.startswith(prefix) for name in state):
            return unwrapped({name.removeprefix(prefix): value for name, value in state.items()})
    return state


def _tensor(name: str, value: Any) -> Tensor:
    try:
        return torch.as_tensor(value).to(torch.float32, copy=True)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name!r} is not an array of numbers: {error}") from error
