"""Read Keras HDF5 files, full models or weights only, as data: no layer is ever built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pipeline.weights.arrays import MAX_ARRAYS, Array, Unreadable, check_size

_PARTS = ("kernel", "recurrent_kernel", "bias")


def read_layers(path: Path) -> list[list[Array]]:
    """Read the arrays of all layers that have any, in the order of the model.

    Returns:
        For each layer, its kernel, recurrent kernel and bias, if present, in this order.

    Raises:
        Unreadable: not a Keras file, too large, or a layer holds weights of another kind.
        OSError: HDF5 cannot read the file.
    """
    with h5py.File(path, "r") as file:
        group = _child(file, "model_weights") if "model_weights" in file else file
        layers = [
            found for layer in _names(group, "layer") for found in _owners(_child(group, layer))
        ]
        check_size((item.shape, item.dtype.itemsize) for found in layers for item in found)
        return [[np.asarray(item[()]) for item in found] for found in layers]


def _owners(layer: Any) -> list[list[Any]]:
    """Datasets of a layer, or of each layer within it if it is a model itself."""
    owners: dict[str, dict[str, Any]] = {}
    for path in _names(layer, "weight"):
        owner, _, last = path.rpartition("/")
        found, part = owners.setdefault(owner, {}), last.partition(":")[0]
        item = layer
        for step in path.split("/"):
            item = _child(item, step)
        if part not in _PARTS or part in found or not _is_plain(item):
            raise Unreadable(f"{layer.name} holds {path}, not weights of a convolution")
        found[part] = item
    return [[found[part] for part in _PARTS if part in found] for found in owners.values()]


def _is_plain(item: Any) -> bool:
    """Whether it is a dataset of floating-point numbers stored in this file."""
    return (
        isinstance(item, h5py.Dataset)
        and item.dtype.kind == "f"
        and not item.external
        and not item.is_virtual
        and item.shape is not None
    )


def _child(group: Any, name: str) -> Any:
    """A member stored in this file: links could lead to other files."""
    if not isinstance(group, h5py.Group) or not isinstance(
        group.get(name, getlink=True), h5py.HardLink
    ):
        raise Unreadable(f"lacks {name!r}, or has a link instead of it")
    return group[name]


def _names(group: Any, what: str) -> list[str]:
    """The attribute `layer_names` or `weight_names`, which Keras splits if it is long."""
    names = [
        name if isinstance(name, str) else bytes(name).decode()
        for attribute in _attributes(group, f"{what}_names")
        for name in np.atleast_1d(attribute).tolist()
    ]
    if len(names) > MAX_ARRAYS:
        raise Unreadable(f"names {len(names)} {what}s")
    return names


def _attributes(group: Any, name: str) -> Iterator[Any]:
    if name in group.attrs:
        yield group.attrs[name]
    elif f"{name}0" in group.attrs:
        count = 0
        while f"{name}{count}" in group.attrs:
            yield group.attrs[f"{name}{count}"]
            count += 1
    else:
        raise Unreadable(f"has no attribute {name}: not weights of Keras")
