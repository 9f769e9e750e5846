"""Find the state dict in a checkpoint, under the names that training code gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.weights.arrays import Unreadable
from pipeline.weights.pickle_machine import Made
from pipeline.weights.torch_tensors import is_tensor

WRAPPERS = (
    "params", "params_ema", "state_dict", "model", "model_state_dict", "net", "netG", "generator",
    "network",
)  # fmt: skip
"""Names under which training code of this field keeps the weights, with one level of nesting."""

_SHOWN = 8


def choose_state(content: Any, key: str | None) -> dict[str, Made]:
    """The tensors of the one state dict of a checkpoint; other values beside them are skipped.

    Args:
        content: of a checkpoint, as `read_pickle_as_data` gives it.
        key: where the state dict is, e.g. `params_ema` or `model.ema`; by default, the checkpoint
            itself or any of `WRAPPERS`.

    Raises:
        Unreadable: there is no state dict there, or several and no `key`.
    """
    if key is not None:
        return _state(_under(content, key)) or _refuse(
            content, f"holds no state dict under {key!r}"
        )
    found = dict(_wrapped(content, depth=2))
    if not found:
        return _state(content) or _refuse(
            content, f"holds no state dict, neither alone nor under {', '.join(WRAPPERS)}"
        )
    if len(found) > 1:
        raise Unreadable(
            f"holds {len(found)} state dicts: {', '.join(found)}",
            f"choose one with {' or '.join(f'--key {name}' for name in found)}",
        )
    return next(iter(found.values()))


def _wrapped(content: Any, depth: int, place: str = "") -> Iterator[tuple[str, dict[str, Made]]]:
    """State dicts under known names, down to `depth`."""
    items = _items(content)
    for name in WRAPPERS:
        if name not in items:
            continue
        deeper = [*_wrapped(items[name], depth - 1, f"{place}{name}.")] if depth > 1 else []
        if deeper:
            yield from deeper
        elif state := _state(items[name]):
            yield f"{place}{name}", state


def _state(content: Any) -> dict[str, Made]:
    """The tensors of a state dict; empty if it is none: a dict of dicts of tensors is none."""
    items = _items(content)
    if not all(isinstance(name, str) for name in items):
        return {}
    tensors = {name: value for name, value in items.items() if is_tensor(value)}
    others = [value for name, value in items.items() if name not in tensors]
    return {} if any(_holds_tensors(value) for value in others) else tensors


def _holds_tensors(value: Any) -> bool:
    return any(is_tensor(item) for item in _items(value).values())


def _items(content: Any) -> Mapping[Any, Any]:
    if isinstance(content, Made):
        return content.items
    return content if isinstance(content, dict) else {}


def _under(content: Any, key: str) -> Any:
    """What is under a key; one with dots may be a single name or a path."""
    items = _items(content)
    if key in items:
        return items[key]
    first, _, rest = key.partition(".")
    return _under(items[first], rest) if rest and first in items else None


def _refuse(content: Any, reason: str) -> dict[str, Made]:
    fitting = [
        name
        for name, value in _items(content).items()
        if isinstance(name, str) and name.isprintable() and len(name) < 60 and _state(value)
    ]
    if fitting:
        shown = " or ".join(f"--key {name}" for name in fitting[:_SHOWN])
        raise Unreadable(reason, f"choose one with {shown}")
    raise Unreadable(reason)
