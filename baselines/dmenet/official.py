"""Load the authors' weights, which have the names of their program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from baselines._shared.official_weights import Published, load_named, unwrapped
from baselines.dmenet.network import ENCODER_CONVS, REFINEMENTS, DMENet

_CONV = {"weight": "kernel", "bias": "bias"}
_NORM = {"bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_PREFIX = re.compile(r"^(main_net/)?(defocus_net/)?")
# Other networks of the training, and the encoder's classifier, which no loss uses.
_UNUSED = re.compile(r"(^|/)(binary_net|discriminator|encoder/conv6_1|encoder/c_logits)/")
_AUXILIARY = re.compile(r"^decoder/u\d_aux/")


def load_network(state: Published, **kwargs: Any) -> DMENet:
    """The network with the authors' weights.

    Args:
        state: arrays in TensorFlow's layout by the variables' names, with or without the prefix
            `main_net/defocus_net/`; arrays that only training uses are ignored. The result has
            auxiliary heads if the weights include them, unless `auxiliary=False`.
        kwargs: as for `DMENet`.

    Raises:
        ValueError: an entry is missing, unknown or ill-shaped, or an argument is invalid.
    """
    bare = {
        _PREFIX.sub("", name): value
        for name, value in unwrapped(state).items()
        if not _UNUSED.search(name)
    }
    kwargs = {"auxiliary": any(_AUXILIARY.match(name) for name in bare), **kwargs}
    network = DMENet(**kwargs)
    if not network.heads:
        bare = {name: value for name, value in bare.items() if not _AUXILIARY.match(name)}
    return load_named(network, bare, official_names(auxiliary=bool(network.heads)), _layout)


def official_names(*, auxiliary: bool = True) -> dict[str, str]:
    """The authors' variable for each entry of our state dict, without its prefix."""
    return {
        f"{module}.{ours}": f"{scope}/{theirs}:0"
        for module, scope, kind in _modules(auxiliary=auxiliary)
        for ours, theirs in kind.items()
    }


def _modules(*, auxiliary: bool) -> Iterator[tuple[str, str, dict[str, str]]]:
    for stage, convs in enumerate(ENCODER_CONVS):
        for conv in range(convs):
            yield f"encoder.{stage}.{2 * conv}", f"encoder/conv{stage + 1}_{conv + 1}", _CONV
    for stage in range(3):
        for layer in range(3):
            yield from _layer(f"decoder.{stage}.{layer}", f"u{3 - stage}", str(layer + 1))
    yield from _layer("merge", "u0", "_init")
    for block in range(REFINEMENTS):
        yield from _layer(f"refinements.{block}.side", "u0", f"_res{block}")
        for layer in range(2):
            yield from _layer(f"refinements.{block}.main.{layer}", "u0", f"{block}_{layer + 1}")
    for layer in range(2):
        yield from _layer(f"final.{layer}", "uf", str(layer + 1))
    yield "final.2", "decoder/uf/c3", _CONV
    for scale in range(len(ENCODER_CONVS) if auxiliary else 0):
        yield from _layer(f"heads.{scale}.layer", f"u{scale}_aux", "1")
        yield f"heads.{scale}.conv", f"decoder/u{scale}_aux/c2", _CONV
        yield f"heads.{scale}.norm", f"decoder/u{scale}_aux/b2", _NORM


def _layer(module: str, scope: str, ending: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    yield f"{module}.conv", f"decoder/{scope}/c{ending}", _CONV
    yield f"{module}.norm", f"decoder/{scope}/b{ending}", _NORM


def _layout(_: str, value: Tensor) -> Tensor:
    # Height, width, in, out.
    return value.permute(3, 2, 0, 1) if value.dim() == 4 else value
