"""A network that waits in every training step: a long training that takes no computing time."""

from __future__ import annotations

import os
import time

from torch import Tensor, nn

VIEWS = ("combined",)
INPUT_BITS = 16
CITATION = "Example; not a published method"
LICENCE = "Apache-2.0"


class WaitingNet(nn.Module):
    """One convolution, added to the input."""

    def __init__(self) -> None:
        super().__init__()
        self.correction = nn.Conv2d(3, 3, 3, padding=1)
        self._wait_s = float(os.environ.get("DRILL_WAIT_S", "0"))

    def forward(self, x: Tensor, *, origin: object = None, full_size: object = None) -> Tensor:
        """`[B, 3, H, W]` to `[B, 3, H, W]`."""
        if self.training and x.device.type != "meta":
            time.sleep(self._wait_s)
        return x + self.correction(x)


def build() -> WaitingNet:
    """The network, freshly initialized."""
    return WaitingNet()
