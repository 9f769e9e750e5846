"""DMENet as a method: its map, then the deconvolution that its authors published."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from baselines._shared.official_weights import Published
from baselines._shared.two_stage import Floats, TwoStage
from baselines.dmenet import official
from baselines.dmenet.network import DMENet, sigma_of


class DMENetDeblurring(TwoStage):
    """Defocus map of a DMENet, then hyper-Laplacian deconvolution with it.

    Args:
        network: estimates the map.
        second_stage: as for `TwoStage`.
    """

    def __init__(self, network: DMENet, **second_stage: Any) -> None:
        super().__init__(**second_stage)
        self.network = network

    @property
    def counted(self) -> nn.Module:
        """The part whose parameters and operations are counted."""
        return self.network

    def defocus_map(self, x: Tensor) -> Tensor:
        """`[B, 3, H, W]`, RGB in [0, 1], to the map `[B, 1, H, W]` in [0, 1]; see `DMENet`."""
        return self.network.defocus_map(x)

    @torch.inference_mode()
    def sigma_map(self, image: Floats) -> Floats:
        """See `TwoStage`; up to 7 px."""
        weight = next(self.network.parameters())
        x = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).to(weight)
        found = self.defocus_map(x[None])[0, 0].double()
        if self.eight_bit:
            found = (255 * found).round() / 255
        sigma: Floats = sigma_of(found).cpu().numpy()
        return sigma


def build(*, width: int = 64, auxiliary: bool = True, **second_stage: Any) -> DMENetDeblurring:
    """The published model, freshly initialized.

    Args:
        width, auxiliary: as for `DMENet`.
        second_stage: as for `TwoStage`.

    Raises:
        ValueError: an argument is invalid.
        TypeError: unknown argument.
    """
    return DMENetDeblurring(DMENet(width=width, auxiliary=auxiliary), **second_stage)


def load_official(state: Published, **kwargs: Any) -> DMENetDeblurring:
    """The method with the authors' weights; `state` as for `official.load_network`.

    Args:
        state: the authors' variables.
        kwargs: as for `build`; `auxiliary` defaults to what the weights hold.

    Raises:
        ValueError: an entry is missing, unknown or ill-shaped, or an argument is invalid.
    """
    own = {name: kwargs.pop(name) for name in ("width", "auxiliary") if name in kwargs}
    return DMENetDeblurring(official.load_network(state, **own), **kwargs)
