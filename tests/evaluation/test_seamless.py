"""Seamless tiles: aligned, blended, and with the selection weights of the whole image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.miniatures import compute, narrow
from torch import nn

from pipeline.errors import ConfigError, DataError
from pipeline.evaluation.large_images import ImageRunner
from pipeline.evaluation.scale_shares import ScaleShares
from pipeline.evaluation.seamless import ALIGNMENT, SeamlessTiling, blend, spans, tiles
from pipeline.methods import get_method

SMALL = SeamlessTiling(384, 256)
WIDE = SeamlessTiling(512, 384)
"""Its margin is as wide as the networks here see: 64 pixels for each DMSSRM, and a window."""


@settings(deadline=None, max_examples=60)
@given(
    length=st.integers(1, 2000),
    tiling=st.sampled_from([SMALL, SeamlessTiling(256, 128), SeamlessTiling(640, 384)]),
)
def test_spans_cover_a_side(length: int, tiling: SeamlessTiling) -> None:
    found = spans(length, tiling)
    total, owned = np.zeros(length), []
    for span in found:
        assert span.start % ALIGNMENT == 0
        assert span.stop - span.start <= tiling.size
        total[span.start : span.stop] += span.weights
        owned += range(span.own_start, span.own_stop)
        used = np.flatnonzero(span.weights) + span.start
        assert used[0] == 0 or used[0] >= span.start + tiling.margin
        assert used[-1] == length - 1 or used[-1] < span.stop - tiling.margin
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert owned == list(range(length))


def runner(network: nn.Module, name: str = "dmtnet-b") -> ImageRunner:
    loaded: Any = type("Loaded", (), {})()
    loaded.network = network
    loaded.run = type("Run", (), {"method": get_method(name), "compute": compute()})()
    return ImageRunner(loaded, torch.device("cpu"))


def views(height: int, width: int) -> dict[str, Any]:
    random = np.random.default_rng(0)
    shape = (height, width, 3)
    return {view: random.integers(0, 65536, shape, dtype=np.uint16) for view in ("left", "right")}


@pytest.mark.parametrize("size", [(401, 530), (650, 300)])
@pytest.mark.parametrize("variant", ["t", "s", "b"])
def test_tiles_give_what_the_whole_image_gives(variant: str, size: tuple[int, int]) -> None:
    images = views(*size)
    found = runner(narrow(variant=variant))
    whole = found.deblur(images, None)
    tiled = found.deblur(images, WIDE)
    assert whole.seam == 0
    assert np.abs(tiled.image - whole.image).max() < 1e-5
    assert tiled.seam < 1e-5


def test_without_the_averages_of_the_whole_image_there_are_seams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Two halves of different brightness have different averages.
    images = views(300, 700)
    for pixels in images.values():
        pixels[:, 350:] //= 8
    network = narrow()
    whole = runner(network).deblur(images, None).image
    assert np.abs(runner(network).deblur(images, WIDE).image - whole).max() < 1e-5
    monkeypatch.setattr(
        "pipeline.evaluation.global_selection.selecting_modules", lambda network: []
    )
    alone = runner(network).deblur(images, WIDE)
    assert np.abs(alone.image - whole).max() > 1e-3
    assert alone.seam > 1e-3


def test_a_network_that_sees_too_far_is_noticed() -> None:
    class Global(nn.Module):
        def forward(self, x: Any, **_: Any) -> Any:
            return x[:, :3] - x[:, :3].mean()

    images = views(300, 700)
    images["right"][:, :350] //= 3
    assert runner(Global()).deblur(images, SMALL).seam > 0.01


def test_progress_counts_the_passes() -> None:
    steps: list[tuple[int, int]] = []
    runner(narrow()).deblur(
        views(300, 500), SMALL, progress=lambda done, total: steps.append((done, total))
    )
    # Two selecting modules, then the image; 500 pixels are two tiles.
    assert steps == [(done, 6) for done in range(1, 7)]


def test_shares_of_tiles_are_those_of_the_whole_image() -> None:
    images, network = views(390, 520), narrow()
    whole, tiled = ScaleShares(), ScaleShares()
    runner(network).deblur(images, None, shares=whole)
    runner(network).deblur(images, WIDE, shares=tiled)
    np.testing.assert_allclose(tiled.alphas, whole.alphas, atol=1e-5)
    assert np.shape(whole.alphas) == (2, 3)
    for one, other in zip(tiled.maps, whole.maps, strict=True):
        assert one[0].shape == (98, 130)
        np.testing.assert_allclose(sum(other), 1, atol=1e-5)
        np.testing.assert_allclose(one, other, atol=1e-3)
    assert whole.strip().shape == (2 * 98 + 4, 3 * 130 + 2 * 4)


def test_values_that_are_not_finite() -> None:
    class Broken(nn.Module):
        def forward(self, x: Any, **_: Any) -> Any:
            return x[:, :3] / 0

    with pytest.raises(DataError, match="predicted values are not finite"):
        runner(Broken()).deblur(views(130, 140), None)


def test_blending_is_the_weighted_sum() -> None:
    random = np.random.default_rng(1)
    image = random.random((500, 600, 3), dtype=np.float32)
    parts = ((tile, image[tile.window]) for tile in tiles(500, 600, SMALL))
    found = blend(parts, 500, 600, SMALL)
    np.testing.assert_allclose(found.image, image, atol=1e-6)
    assert found.seam == 0


@pytest.mark.parametrize(
    ("size", "overlap", "message"),
    [
        (500, 256, "--tile 500: must be a multiple of 128"),
        (512, 100, "--tile-overlap 100: must be a multiple of 128"),
        (256, 256, "--tile 256: must be larger than the overlap of 256 pixels"),
    ],
)
def test_sizes_that_do_not_fit(size: int, overlap: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SeamlessTiling(size, overlap)
