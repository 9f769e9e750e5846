"""Images in overlapping tiles: what is blended, what networks are given, and the protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.miniatures import compute, random_scene
from support.paths import CONFIG
from torch import Tensor, nn

from baselines import rdpd
from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError
from pipeline.evaluation.inference import predict
from pipeline.evaluation.protocol import Tiling, protocol_for, tiling_from
from pipeline.evaluation.tiling import tiled
from pipeline.methods import get_method

DEMO = CONFIG / "demo.yaml"


def random_image(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(0))


class Watching(nn.Module):
    """Passes its input on, and remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[tuple[int, ...], dict[str, Any]]] = []

    def forward(self, x: Tensor, **position: Any) -> Tensor:
        self.calls.append((tuple(x.shape), position))
        return x[:, :3]


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, int, Tiling]:
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    size = draw(st.integers(16, 48))
    return height, width, Tiling(size, draw(st.integers(0, size - 1)))


@settings(deadline=None, max_examples=60)
@given(cases())
def test_blending_equals_changes_nothing(case: tuple[int, int, Tiling]) -> None:
    height, width, tiling = case
    x, network = random_image(height, width), Watching()
    assert torch.equal(tiled(network, x, tiling), x)
    constant = torch.full_like(x, 1 / 3)
    assert torch.equal(tiled(network, constant, tiling), constant)
    assert all(max(shape[2:]) <= tiling.size for shape, _ in network.calls)


def local(reach: int) -> nn.Sequential:
    """A network that sees `reach` pixels far."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 3, 3, padding=1, padding_mode="zeros") for _ in range(reach)]
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.LeakyReLU(0.5))))


def positioned(network: nn.Module) -> Any:
    return lambda x, **_: network(x)


@pytest.mark.parametrize("size", [(60, 85), (64, 49), (30, 70), (33, 50)])
@pytest.mark.parametrize(("tile", "overlap"), [(32, 16), (33, 19), (48, 40)])
@torch.no_grad()
def test_a_network_that_sees_no_further_than_the_margin(
    size: tuple[int, int], tile: int, overlap: int
) -> None:
    x, tiling = random_image(*size), Tiling(tile, overlap)
    network = local(tiling.margin)
    whole = network(x)
    assert (tiled(positioned(network), x, tiling) - whole).abs().max() < 1e-5
    # Without an overlap it sees the edges of the tiles.
    apart = tiled(positioned(network), x, Tiling(tile, 0))
    assert (apart - whole).abs().max() > 1e-3


def test_tiles_get_their_positions() -> None:
    network = Watching()
    tiled(network, random_image(40, 100), Tiling(48, 16))
    assert [position["origin"] for _, position in network.calls] == [(0, 0), (0, 32), (0, 52)]
    assert {position["full_size"] for _, position in network.calls} == {(40, 100)}
    assert {shape for shape, _ in network.calls} == {(1, 3, 40, 48)}


def test_without_an_overlap_tiles_meet() -> None:
    network = Watching()
    tiled(network, random_image(64, 32), Tiling(32, 0))
    assert [position["origin"] for _, position in network.calls] == [(0, 0), (32, 0)]


def test_the_ramp_between_two_tiles() -> None:
    x = random_image(16, 24)
    found = tiled(lambda x, origin, full_size: x * 0 + float(origin[1] > 0), x, Tiling(16, 8))
    # Two pixels of each dropped, four steps between them.
    expected = [0] * 10 + [1 / 8, 3 / 8, 5 / 8, 7 / 8] + [1] * 10
    assert found[0, 0, 3].tolist() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("size", [(48, 48), (20, 31)])
def test_an_image_no_larger_than_a_tile_is_whole(size: tuple[int, int]) -> None:
    network = Watching()
    tiled(network, random_image(*size), Tiling(48, 16))
    assert network.calls == [((1, 3, *size), {})]


def scene(height: int, width: int) -> dict[str, Any]:
    views = ("combined", "left", "right", "target")
    return dict(zip(views, random_scene(height, width), strict=True))


def predicted(
    network: nn.Module, images: dict[str, Any], tiling: Tiling | None = None
) -> NDArray[np.float64]:
    return predict(
        network,
        images,
        views=("left",),
        input_bits=16,
        compute=compute(),
        device=torch.device("cpu"),
        tiling=tiling,
    )


def test_prediction_by_tiles_is_clamped_and_in_one_piece() -> None:
    class Louder(nn.Module):
        def forward(self, x: Tensor, **_: Any) -> Tensor:
            assert x.is_contiguous()
            return 2 * x - 0.5

    found = predicted(Louder(), scene(40, 70), Tiling(32, 8))
    assert np.array_equal(found, predicted(Louder(), scene(40, 70)))
    assert (found.min(), found.max()) == (0, 1)


def test_a_tile_of_another_shape_is_an_error() -> None:
    class Smaller(nn.Module):
        def forward(self, x: Tensor, **_: Any) -> Tensor:
            return x[..., 1:]

    with pytest.raises(ValueError, match="expected"):
        predicted(Smaller(), scene(40, 70), Tiling(32, 8))


def test_the_radial_mask_stays_in_its_place() -> None:
    class Mask(nn.Module):
        def forward(self, x: Tensor, **position: Any) -> Tensor:
            return rdpd.radial_mask(x, **position).expand(1, 3, -1, -1)

    network = Mask()
    whole = predicted(network, scene(50, 70))
    assert np.ptp(whole) > 0.5
    found = predicted(network, scene(50, 70), Tiling(32, 8))
    assert np.abs(found - whole).max() < 1e-6


def test_the_protocol_has_a_name_of_its_own() -> None:
    experiment, method = load_experiment(DEMO), get_method("input")
    whole = protocol_for(experiment, method)
    protocol = protocol_for(experiment, method, Tiling(512, 64))
    assert protocol.id == "dpdd-16-tiled-512-64"
    assert protocol.tiling == (
        "tiles of 512 x 512 pixels, overlap 64, outer 16 not used, linear ramp between"
    )
    assert protocol.model_copy(update={"id": whole.id, "tiling": whole.tiling}) == whole


def test_options() -> None:
    assert tiling_from(None, None) is None
    assert tiling_from(512, None) == Tiling(512, 64)
    assert tiling_from(64, 0) == Tiling(64, 0)


@pytest.mark.parametrize(
    ("tile", "overlap", "message"),
    [
        (15, 4, "--tile 15: must be at least 16 pixels; give a larger --tile"),
        (64, 64, "--tile-overlap 64: must be at least 0 and less than the tile's 64 pixels"),
        (32, None, "--tile-overlap 64: .* less than the tile's 32 pixels"),
        (64, -1, "--tile-overlap -1: must be at least 0"),
        (None, 8, "--tile-overlap needs --tile"),
    ],
)
def test_options_that_do_not_fit(tile: int | None, overlap: int | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiling_from(tile, overlap)
