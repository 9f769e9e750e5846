"""The layers of a Keras 2 HDF5 file, a full model or weights only; no layer is ever built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from pipeline.weights.arrays import MAX_ARRAYS, Unreadable

_PARTS = ("kernel", "recurrent_kernel", "bias")


def layers_of_keras2(file: Any) -> list[list[Any]]:
    """The datasets of all layers that have any, in the order of the model.

    Returns:
        For each layer, its kernel, recurrent kernel and bias, if present, in this order.

    Raises:
        Unreadable: a layer holds weights of another kind.
    """
    group = child(file, "model_weights") if "model_weights" in file else file
    return [found for layer in _names(group, "layer") for found in _owners(child(group, layer))]


def _owners(layer: Any) -> list[list[Any]]:
    """Datasets of a layer, or of each layer within it if it is a model itself."""
    owners: dict[str, dict[str, Any]] = {}
    for path in _names(layer, "weight"):
        owner, _, last = path.rpartition("/")
        found, part = owners.setdefault(owner, {}), last.partition(":")[0]
        item = layer
        for step in path.split("/"):
            item = child(item, step)
        if part not in _PARTS or part in found or not is_plain(item):
            raise Unreadable(f"{layer.name} holds {path}, not weights of a convolution")
        found[part] = item
    return [[found[part] for part in _PARTS if part in found] for found in owners.values()]


def is_plain(item: Any) -> bool:
    """Whether it is a dataset of floating-point numbers stored in this file."""
    return (
        isinstance(item, h5py.Dataset)
        and item.dtype.kind == "f"
        and not item.external
        and not item.is_virtual
        and item.shape is not None
    )


def child(group: Any, name: str) -> Any:
    """A member stored in this file: links could lead to other files."""
    if not isinstance(group, h5py.Group) or not isinstance(
        group.get(name, getlink=True), h5py.HardLink
    ):
        raise Unreadable(f"lacks {name!r}, or has a link instead of it")
    return group[name]


def _names(group: Any, what: str) -> list[str]:
    """The attribute `layer_names` or `weight_names`, which Keras splits if it is long."""
    names: list[str] = []
    for attribute in _attributes(group, f"{what}_names"):
        names += [
            name if isinstance(name, str) else bytes(name).decode()
            for name in np.atleast_1d(group.attrs[attribute]).tolist()
        ]
        if len(names) > MAX_ARRAYS:
            raise Unreadable(f"names {len(names)} {what}s")
    return names


def _attributes(group: Any, name: str) -> Iterator[str]:
    if name in group.attrs:
        yield name
    elif f"{name}0" in group.attrs:
        count = 0
        while f"{name}{count}" in group.attrs:
            yield f"{name}{count}"
            count += 1
    else:
        raise Unreadable(f"has no attribute {name}: not weights of Keras")
