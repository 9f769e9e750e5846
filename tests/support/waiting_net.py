"""A network that waits in every training step: a long training that takes no computing time."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from torch import Tensor, nn

VIEWS = ("combined",)
INPUT_BITS = 16
CITATION = "Example; not a published method"
LICENCE = "Apache-2.0"
_SECONDS = Path("wait_s")


class WaitingNet(nn.Module):
    """One convolution, added to the input."""

    def __init__(self) -> None:
        super().__init__()
        self.correction = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor, *, origin: object = None, full_size: object = None) -> Tensor:
        """`[B, 3, H, W]` to `[B, 3, H, W]`."""
        if self.training and x.device.type != "meta":
            _wait()
        return x + self.correction(x)


def _wait() -> None:
    """Wait as many seconds as a file in the current folder says, if there is one."""
    with suppress(FileNotFoundError):
        time.sleep(float(_SECONDS.read_text()))


def build() -> WaitingNet:
    """The network, freshly initialized."""
    return WaitingNet()
