"""Names of KPAC's weights, which its published files hold as a list without names.

The order is that in which the authors' program makes its TensorFlow variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Array = TypeVar("Array")

_ROOT = "deblur_net"
_THREE_LEVELS = 66
_TWO_LEVELS = 58
_ONLY_THREE_LEVELS = ("c4", "c4_2", "d0", "d0_2")


def name_list(arrays: Sequence[Array]) -> dict[str, Array]:
    """Arrays by TensorFlow name, e.g. `deblur_net/deblur/c0/W_conv2d:0`.

    Args:
        arrays: 66 of the network of three levels (or for two views), 58 of that of two levels.

    Raises:
        ValueError: another number of them.
    """
    if len(arrays) not in (_TWO_LEVELS, _THREE_LEVELS):
        raise ValueError(
            f"has {len(arrays)} arrays where KPAC has {_TWO_LEVELS} (two levels) or "
            f"{_THREE_LEVELS} (three levels, or two views)"
        )
    left_out = _ONLY_THREE_LEVELS if len(arrays) == _TWO_LEVELS else ()
    encoder = ["c0", "c0_2", "c2", "c2_2", "c3", "c3_2", "c4", "c4_2"]
    decoder = ["cm_1", "cm_2", "d0", "d0_2", "d1", "d1_2", "d2", "d2_2"]
    names = [name for layer in encoder if layer not in left_out for name in _layer(layer)]
    names += [name for block in (0, 1) for name in _block(block)]
    names += [name for layer in decoder if layer not in left_out for name in _layer(layer)]
    return dict(zip(names, arrays, strict=True))


def _layer(name: str) -> list[str]:
    kind = "deconv2d" if name in ("d0", "d1", "d2") else "conv2d"
    return [f"{_ROOT}/deblur/{name}/{part}_{kind}:0" for part in ("W", "b")]


def _block(index: int) -> list[str]:
    names = [f"{_ROOT}/dc1/{index}/filter:0"]
    for step in range(1, 5):
        names += [f"{_ROOT}/sca_dc{step}/{index}/{part}:0" for part in ("filter", "b")]
    for layer in ("sca_c2", "sha_c1", "sha_c2", "cf"):
        names += [f"{_ROOT}/{layer}/{index}/{part}_conv2d:0" for part in ("W", "b")]
    return names
