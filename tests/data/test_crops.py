"""Training crops: pixels, channel order and the two meanings of a horizontal flip."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from miniatures import random_scene, write_store
from numpy.typing import NDArray

from pipeline.data.crops import CropReader, scaled, to_tensor
from pipeline.data.patches import Draw, Window
from pipeline.data.pixels import PixelStore

SCENE = random_scene(20, 30, seed=3)
COMBINED, LEFT, RIGHT, TARGET = SCENE
WINDOW = Window(1, 4, 7, 8)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    scenes = [("train", random_scene(10, 10)), ("train", SCENE)]
    return write_store(tmp_path_factory.mktemp("crops") / "store", scenes)


def expected(picture: NDArray[np.uint16]) -> NDArray[np.float32]:
    return (picture[4:12, 7:15].astype(np.float64) / 65535).astype(np.float32).transpose(2, 0, 1)


def crop(
    store: PixelStore,
    horizontal: bool,
    vertical: bool,
    views: tuple[str, ...] = ("right", "left"),
    swaps: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    reader = CropReader(store, views, flip_swaps_views=swaps)
    planes = np.empty((1, 3 * (len(views) + 1), 8, 8), np.uint16)
    reader.read_batch(planes, [Draw(WINDOW, horizontal, vertical)])
    tensor = scaled(planes[0])
    return tensor[:-3], tensor[-3:]


def test_scaling_is_exact() -> None:
    values = np.array([0, 1, 32768, 65535], np.uint16)
    tensor = to_tensor(np.broadcast_to(values[:, None, None], (4, 1, 3)))
    assert tensor.shape == (3, 4, 1)
    assert tensor.dtype == torch.float32
    np.testing.assert_array_equal(tensor[1, :, 0].numpy(), (values / 65535).astype(np.float32))


def test_channels_follow_the_methods_views(store: PixelStore) -> None:
    x, target = crop(store, False, False)
    assert x.shape == (6, 8, 8)
    np.testing.assert_allclose(x[:3], expected(RIGHT), rtol=2e-7)
    np.testing.assert_allclose(x[3:], expected(LEFT), rtol=2e-7)
    np.testing.assert_allclose(target, expected(TARGET), rtol=2e-7)
    x, _ = crop(store, False, False, ("combined",))
    np.testing.assert_allclose(x, expected(COMBINED), rtol=2e-7)


@pytest.mark.parametrize("swaps", [False, True])
@pytest.mark.parametrize("horizontal", [False, True])
@pytest.mark.parametrize("vertical", [False, True])
def test_flips(store: PixelStore, horizontal: bool, vertical: bool, swaps: bool) -> None:
    def flipped(picture: NDArray[np.uint16]) -> NDArray[np.float32]:
        columns, rows = (slice(None, None, -1 if flip else 1) for flip in (horizontal, vertical))
        return expected(picture)[:, rows, columns]

    # Only a mirror image turns left into right, and only if asked for.
    first, second = (LEFT, RIGHT) if swaps and horizontal else (RIGHT, LEFT)
    x, target = crop(store, horizontal, vertical, swaps=swaps)
    np.testing.assert_allclose(x[:3], flipped(first), rtol=2e-7)
    np.testing.assert_allclose(x[3:], flipped(second), rtol=2e-7)
    np.testing.assert_allclose(target, flipped(TARGET), rtol=2e-7)


def test_a_swap_leaves_the_combined_view_in_its_place(store: PixelStore) -> None:
    views = ("left", "right", "combined")
    plain, _ = crop(store, True, False, views)
    swapped, _ = crop(store, True, False, views, swaps=True)
    torch.testing.assert_close(swapped, torch.cat([plain[3:6], plain[:3], plain[6:]]))


def test_crops_do_not_touch_the_store(store: PixelStore) -> None:
    x, target = crop(store, True, True)
    x.zero_()
    target.zero_()
    np.testing.assert_array_equal(store.read(1)["target"], TARGET)
