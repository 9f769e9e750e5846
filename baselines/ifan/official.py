"""Load the authors' weights, which have the names of their program."""

from __future__ import annotations

import re
from typing import Any

from baselines._shared.official_weights import Published, load_named, named
from baselines.ifan.network import IFAN, build

_MODULES = {
    "disparity": "DME",
    "lifting": "conv_DME",
    "fusion": "conv4_4",
    "filters": "F",
    "bottleneck": "conv_res",
    "output": "out_res",
    "reblurring.predictor": "RBF",
}
for _stage in range(4):
    for _layer in range(3):
        _place = f"{_stage}.{_layer}"
        _MODULES[f"features.stages.{_place}"] = f"conv{_stage + 1}_{_layer + 1}"
        _MODULES[f"filter_encoder.stages.{_place}"] = f"kconv{_stage + 1}_{_layer + 1}"
for _stage in range(3):
    _MODULES[f"decoder.{_stage}.up"] = f"upconv{3 - _stage}_u"
    for _block in range(2):
        _MODULES[f"decoder.{_stage}.blocks.{_block}"] = f"upconv{3 - _stage}_{_block + 1}"

_WRAPPERS = re.compile(r"^(module\.)*(Network\.|reblurNet\.)?")


def load_official(state: Published, **kwargs: Any) -> IFAN:
    """The network with the authors' weights.

    Args:
        state: arrays or tensors under the names of the authors' files, with or without the
            prefixes `module.Network.` and `module.reblurNet.`. If they include the reblurring
            network, so does the result, unless `reblurring=False`.
        kwargs: as for `build`; they must describe the variant the weights belong to.

    Raises:
        ValueError: an entry is missing, unknown or ill-shaped, or the variant is unknown.
    """
    bare = {_WRAPPERS.sub("", name): value for name, value in named(state).items()}
    kwargs = {"reblurring": any(name.startswith("RBF.") for name in bare), **kwargs}
    network = build(**kwargs)
    if network.reblurring is None:
        bare = {name: value for name, value in bare.items() if not name.startswith("RBF.")}
    load_named(network, bare, {name: _official_name(name) for name in network.state_dict()})
    return network


def _official_name(name: str) -> str:
    module = next(module for module in _MODULES if name.startswith(f"{module}."))
    return _MODULES[module] + name.removeprefix(module)
