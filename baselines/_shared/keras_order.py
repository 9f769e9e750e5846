"""Keras weights, which have an order but no stable names, as named arrays in PyTorch's layout.

Files of DPDNet and RDPD hold automatic layer names; the layers with weights come in the order of
execution. Kernels `[height, width, in, out]` become `[out, in, height, width]`; nothing is
flipped, since both libraries compute cross-correlations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from baselines._shared.official_weights import Network, Published, load_named

Array = NDArray[Any]

_KINDS = {2: ("weight", "bias"), 3: ("input.weight", "recurrent.weight", "bias")}


def load_keras(build: Callable[[], Network], state: Published) -> Network:
    """A network with published weights of Keras.

    Args:
        build: builds the network, whose layers are registered in the order of execution.
        state: the layers of a Keras file, as `name_layers` takes them; or arrays or tensors by
            name, `conv1_1.weight` to `conv10.bias`, kernels as `[out, in, height, width]`.

    Raises:
        ValueError: an entry is missing, unknown or of another shape, or the network has other
            layers.
    """
    with torch.device("meta"):
        outline = build()
    if not isinstance(state, Mapping):
        layers = dict.fromkeys(name.partition(".")[0] for name in outline.state_dict())
        state = name_layers(state, [*layers])
    return load_named(outline, state)


def name_layers(layers: Sequence[Sequence[Array]], order: Sequence[str]) -> dict[str, Array]:
    """Name the arrays of a Keras file and bring them into PyTorch's layout.

    Args:
        layers: in the order of the file, the arrays of each layer with weights in Keras' order:
            kernel and bias, or kernel, recurrent kernel and bias.
        order: the network's names for these layers; a ConvLSTM is called `convlstm`.

    Returns:
        Arrays by name, e.g. `conv1_1.weight`, in PyTorch's layout.

    Raises:
        ValueError: the network has other layers, or an array has another number of dimensions.
    """
    if any(isinstance(layer, np.ndarray) for layer in layers):
        raise ValueError(f"has {len(layers)} arrays that are not grouped by layers of Keras")
    counts = [len(layer) for layer in layers]
    if counts != [3 if name == "convlstm" else 2 for name in order]:
        raise ValueError(
            f"has {len(layers)} layers with {sum(counts)} arrays; expected {_described(order)}"
        )
    state = {}
    for name, layer in zip(order, layers, strict=True):
        for kind, array in zip(_KINDS[len(layer)], layer, strict=True):
            if array.ndim != (1 if kind == "bias" else 4):
                raise ValueError(f"{name}.{kind} has {array.ndim} dimensions")
            turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
            state[f"{name}.{kind}"] = np.ascontiguousarray(turned)
    return state


def _described(order: Sequence[str]) -> str:
    if "convlstm" not in order:
        return f"{len(order)} convolutions"
    position = order.index("convlstm") + 1
    return f"{len(order) - 1} convolutions, and a ConvLSTM as layer {position}"
