"""Small networks and images of the tests of IFAN."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from baselines import ifan

NARROW = {"iterations": 3, "channels": 4, "reblur_iterations": 2}


def random_image(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def narrow(seed: int = 0, **changes: Any) -> ifan.IFAN:
    torch.manual_seed(seed)
    return ifan.build(**{**NARROW, **changes}).eval()


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
