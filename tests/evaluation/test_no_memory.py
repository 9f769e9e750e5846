"""Too little memory for a whole image: one line that names image and remedy."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.miniatures import VIEWS, compute, random_scene, write_store
from torch import Tensor, nn

from pipeline.compute.enough_memory import enough_memory
from pipeline.errors import NoMemory
from pipeline.evaluation.inference import predict
from pipeline.evaluation.protocol import Tiling
from pipeline.training.loop import validate

CPU = torch.device("cpu")


class Greedy(nn.Module):
    """Asks for more memory than any machine has, where its input has more than `most` rows."""

    def __init__(self, most: int = 0) -> None:
        super().__init__()
        self.most = most

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        if x.shape[-2] > self.most:
            torch.empty(2**50)
        return x[:, :3]


class OnGpu(nn.Module):
    """Raises what PyTorch raises on a GPU."""

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")


def predicted(network: nn.Module, tiling: Tiling | None = None) -> Any:
    scene = dict(zip(("combined", "left", "right", "target"), random_scene(64, 48), strict=True))
    return predict(
        network,
        scene,
        views=VIEWS,
        input_bits=16,
        compute=compute(),
        device=CPU,
        tiling=tiling,
    )


@pytest.mark.parametrize("network", [Greedy(), OnGpu()])
def test_a_whole_image_that_is_too_large(network: nn.Module) -> None:
    expected = (
        r"^out of memory deblurring an image of 64 x 48 pixels; cut it into tiles: --tile 512$"
    )
    with pytest.raises(NoMemory, match=expected):
        predicted(network)


def test_tiles_need_less() -> None:
    tiling = Tiling(32, 8)
    assert predicted(Greedy(32), tiling).shape == (64, 48, 3)
    with pytest.raises(NoMemory, match=r"; take a smaller --tile$"):
        predicted(Greedy(16), tiling)


@pytest.mark.parametrize("network", [Greedy(), OnGpu()])
def test_a_validation_that_is_too_large(network: nn.Module, tmp_path: Any) -> None:
    store = write_store(tmp_path / "store", [("val", random_scene(32, 48))])
    with pytest.raises(NoMemory, match=r"validating an image of 32 x 48 pixels; .*bfloat16$"):
        validate(network, store=store, views=VIEWS, input_bits=16, compute=compute(), device=CPU)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes") as caught, enough_memory("x", "y"):
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert not isinstance(caught.value, NoMemory)
