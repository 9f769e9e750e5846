"""Load published weights into a network: every entry must fit, and none may be left over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
Layout = Callable[[str, Tensor], Tensor]
Published = Mapping[str, Any] | Sequence[Any]
"""Arrays by the authors' names; or, where a file has no names, a list of arrays or of layers."""

_WRAPPERS = ("module.", "Network.")


def load_named(
    network: Network,
    state: Published,
    names: Mapping[str, str] | None = None,
    layout: Layout = lambda _, value: value,
    derived: tuple[str, ...] = (),
) -> Network:
    """Copy published weights into a network, in float32.

    Args:
        network: takes the weights; it may be on the meta device, where building costs nothing.
        state: NumPy arrays or tensors under the authors' names, with or without wrapper prefixes.
        names: the authors' name for each entry of the network's state dict; the same if absent.
        layout: converts one of the authors' arrays, given its name, to PyTorch's layout.
        derived: endings of entries that follow from the architecture; ignored if present.

    Returns:
        `network`.

    Raises:
        ValueError: the arrays have no names, or an entry is missing, unknown or ill-shaped: the
            message names the first one, and `network` is unchanged.
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


def named(state: Published) -> Mapping[str, Any]:
    """Make sure that published weights have names.

    Raises:
        ValueError: they are a list.
    """
    if not isinstance(state, Mapping):
        raise ValueError("the weights have no names; are they of another method?")
    return state


def unwrapped(state: Published) -> Mapping[str, Any]:
    """Weights without the prefixes that wrappers put before every name.

    Raises:
        ValueError: they have no names.
    """
    state = named(state)
    for prefix in _WRAPPERS:
        if state and all(name.startswith(prefix) for name in state):
            return unwrapped({name.removeprefix(prefix): value for name, value in state.items()})
    return state


def _tensor(name: str, value: Any) -> Tensor:
    try:
        return torch.as_tensor(value).to(torch.float32, copy=True)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name!r} is not an array of numbers: {error}") from error
