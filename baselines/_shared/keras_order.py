"""From Keras' weights, which their order alone tells apart, to names and PyTorch's layout.

Files of DPDNet and RDPD hold automatic layer names; the order of the layers with weights is that
of execution. Kernels `[height, width, in, out]` become `[out, in, height, width]`; nothing is
flipped, since both libraries compute cross-correlations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_ENCODER = [f"conv{level}_{index}" for level in range(1, 5) for index in (1, 2)]
_DECODER = [name for row in range(6, 10) for name in (f"up{row}", f"conv{row}_1", f"conv{row}_2")]
_END = ["conv9_3", "conv10"]
DPDNET = (*_ENCODER, "conv5_1", "conv5_2", *_DECODER, *_END)
RDPD = (*_ENCODER, "conv5_1", "convlstm", *_DECODER, *_END)
_KINDS = {2: ("weight", "bias"), 3: ("input.weight", "recurrent.weight", "bias")}


def name_layers(layers: Sequence[Sequence[Array]]) -> dict[str, Array]:
    """Name the weights of DPDNet, or of RDPD if one of the layers is a ConvLSTM.

    Args:
        layers: in the order of the file, the arrays of each layer with weights in Keras' order:
            kernel and bias, or kernel, recurrent kernel and bias.

    Returns:
        Arrays by name, e.g. `conv1_1.weight`, in PyTorch's layout.

    Raises:
        ValueError: neither network has such layers.
    """
    counts = [len(layer) for layer in layers]
    names = next((known for known in (DPDNET, RDPD) if _counts(known) == counts), None)
    if names is None:
        raise ValueError(
            f"has {len(layers)} layers with {sum(counts)} arrays, neither those of DPDNet "
            "(24 convolutions) nor of RDPD (23, and a ConvLSTM as the tenth layer)"
        )
    state = {}
    for name, layer in zip(names, layers, strict=True):
        for kind, array in zip(_KINDS[len(layer)], layer, strict=True):
            if array.ndim != (1 if kind == "bias" else 4):
                raise ValueError(f"{name}.{kind} has {array.ndim} dimensions")
            turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
            state[f"{name}.{kind}"] = np.ascontiguousarray(turned)
    return state


def _counts(names: Sequence[str]) -> list[int]:
    return [3 if name == "convlstm" else 2 for name in names]
