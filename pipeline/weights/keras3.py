"""The layers of a Keras 3 file: `.weights.h5`, or the weights in a `.keras` archive.

The layers have names by class and number, `conv2d`, `conv2d_1`, so that a file of weights alone
tells the order of layers of one class, but not of several; the configuration in a `.keras`
archive does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import h5py

from pipeline.weights.arrays import Unreadable
from pipeline.weights.keras2 import child, is_plain

CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
"""Groups that hold the layers; the second one since Keras 2.13, for files of the new format."""

_OTHER = 'save them in the layout of Keras 2, from Keras 3: model.save("model.h5")'
_MAX_DEPTH = 8
# Other variables of a layer, such as the seed of a dropout.
_NOT_WEIGHTS = {"seed_generator", "optimizer"}


def layers_of_keras3(file: Any, config: Any = None) -> list[list[Any]]:
    """The datasets of all layers that have any, in the order of the model.

    Args:
        file: the open HDF5 file.
        config: `config.json` of a `.keras` archive, which tells the order of the layers.

    Returns:
        For each layer, its kernel, recurrent kernel and bias, if present, in this order.

    Raises:
        Unreadable: the order is unknown, or a layer holds weights of another kind.
    """
    return [*_layers(file, config, _MAX_DEPTH)]


def _layers(group: Any, config: Any, depth: int) -> Iterator[list[Any]]:
    container = next((child(group, name) for name in CONTAINERS if name in group), None)
    if container is None or depth == 0:
        raise Unreadable("has no layers in the way of Keras", _OTHER)
    configs = _configs(config)
    found = {name: child(container, name) for name in container}
    with_weights = [name for name, layer in found.items() if _has_weights(layer, depth)]
    for name in _ordered(with_weights, [*configs]):
        if any(inner in found[name] for inner in CONTAINERS):
            yield from _layers(found[name], configs.get(name), depth - 1)
        else:
            yield _weights(found[name], depth)


def _configs(config: Any) -> dict[str, Any]:
    """The configurations of a model's layers under their names in the file, in order."""
    inner = config.get("config") if isinstance(config, dict) else None
    listed = inner.get("layers") if isinstance(inner, dict) else None
    counts: Counter[str] = Counter()
    named = {}
    for layer in listed if isinstance(listed, list) else []:
        class_name = str(layer.get("class_name")) if isinstance(layer, dict) else ""
        # ConvLSTM2D is conv_lstm2d.
        stem = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", class_name).lower()
        named[f"{stem}_{counts[stem]}" if counts[stem] else stem] = layer
        counts[stem] += 1
    return named


def _ordered(names: list[str], configured: list[str]) -> list[str]:
    if configured:
        if not set(names) <= set(configured):
            raise Unreadable("has other layers than its config.json", _OTHER)
        return sorted(names, key=configured.index)
    parts = {name: re.fullmatch(r"(.*?)(?:_(\d{1,6}))?", name, re.DOTALL) for name in names}
    stems = {match[1] for match in parts.values() if match}
    if len(stems) > 1:
        raise Unreadable(
            f"is of Keras 3 and mixes {' and '.join(sorted(stems))}, whose order it does not tell",
            'save the whole model, from Keras 3: model.save("model.keras") or "model.h5"',
        )
    return sorted(names, key=lambda name: int((parts[name] or "00")[2] or 0))


def _weights(layer: Any, depth: int) -> list[Any]:
    """The datasets of a layer, which a cell or a wrapped layer within it may hold."""
    owners = [*_owners(layer, depth)]
    if len(owners) != 1:
        raise Unreadable(f"{layer.name} holds more than the weights of a convolution", _OTHER)
    keys = sorted(owners[0], key=lambda key: int(key) if key.isdecimal() else -1)
    datasets = [child(owners[0], key) for key in keys]
    expected = [str(number) for number in range(len(keys))]
    if keys != expected or len(keys) > 3 or not all(is_plain(item) for item in datasets):
        raise Unreadable(f"{layer.name} does not hold the weights of a convolution", _OTHER)
    return datasets


def _owners(layer: Any, depth: int) -> Iterator[Any]:
    """Groups of variables, not empty, within a layer."""
    if not isinstance(layer, h5py.Group) or depth == 0:
        return
    for name in layer:
        inner = child(layer, name)
        if name == "vars" and isinstance(inner, h5py.Group) and len(inner):
            yield inner
        elif name not in _NOT_WEIGHTS and name != "vars":
            yield from _owners(inner, depth - 1)


def _has_weights(layer: Any, depth: int) -> bool:
    return any(True for _ in _owners(layer, depth))
