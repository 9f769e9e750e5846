"""LPIPS with the AlexNet backbone (Zhang et al., CVPR 2018), through the `lpips` package.

The package ships its linear heads only. The ImageNet backbone is an external file that the registry
of weights declares with its checksum (`dmtbench weights fetch lpips-alex`); nothing is downloaded
here. Without it this metric is reported as not computed, and the results that lack it are made
again when it is there.
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError, WeightsError
from pipeline.weights.backbone import backbone_file

if TYPE_CHECKING:
    from torch import Tensor, nn

UNIT = ""
HIGHER_IS_BETTER = False
_BACKBONE = "lpips-alex"


def score(prediction: NDArray[np.float64], target: NDArray[np.float64]) -> float | None:
    """LPIPS distance; `None` where the backbone is missing (see `status`).

    Args:
        prediction: float64 `[H, W, 3]`, RGB in [0, 1].
        target: the ground truth, in the same format.
    """
    network, _ = _loaded()
    return None if network is None else distance(network, prediction, target)


def status() -> str:
    """`computed`, or `not computed: ` or `failed: ` with the reason."""
    return _loaded()[1]


def lacks() -> str:
    """Why there is no value on this machine, with the remedy; empty if nothing is missing."""
    try:
        backbone_file(_BACKBONE)
    except UserError as error:
        return str(error)
    return ""


def load_network(path: Path) -> nn.Module:
    """LPIPS-Alex, version 0.1, with the convolutions of an AlexNet state file.

    Args:
        path: torch file with `features.{0,3,6,8,10}.{weight,bias}`; read with `weights_only`.

    Raises:
        WeightsError: the file does not hold such a state.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network, backbone = _untrained()
        # `lpips` cuts AlexNet into slices but keeps its layer numbers: slice2.3 is features.3.
        own = {name: f"features.{name.split('.', 1)[1]}" for name in backbone.state_dict()}
        backbone.load_state_dict({name: state[source] for name, source in own.items()})
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{path}: not an AlexNet state ({type(error).__name__}: {reason}); "
            f"replace it: `dmtbench weights fetch {_BACKBONE}`"
        ) from error
    return network.eval()


def distance(
    network: nn.Module, prediction: NDArray[np.float64], target: NDArray[np.float64]
) -> float:
    """Distance of two images under an LPIPS network, called as (target, prediction).

    Args:
        network: `lpips.LPIPS`; it maps [0, 1] to [-1, 1] itself (`normalize=True`).
        prediction: float64 `[H, W, 3]`, RGB in [0, 1].
        target: the ground truth, in the same format.
    """
    import torch

    with torch.inference_mode():
        return float(network(_batch(target), _batch(prediction), normalize=True))


def _batch(image: NDArray[np.float64]) -> Tensor:
    import torch

    planes = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(planes)[None]


def _untrained() -> tuple[nn.Module, nn.Module]:
    import lpips
    import torch

    # The random initialization that is overwritten at once must not move the global generator.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network: Any = lpips.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
    return network, network.net


@cache
def _loaded() -> tuple[nn.Module | None, str]:
    # A metric that cannot be computed leaves an empty column; it never ends an evaluation.
    try:
        path = backbone_file(_BACKBONE)
    except UserError as error:
        return None, f"not computed: {error}"
    try:
        return load_network(path), "computed"
    except Exception as error:
        # Not for want of the file: scoring again would not help.
        return None, f"failed: {error}"
