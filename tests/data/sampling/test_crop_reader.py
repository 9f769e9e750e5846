"""Training crops: pixels, channel order, turns, depth, and which of them are kept."""

from __future__ import annotations

from itertools import product
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.miniatures import random_scene, write_store

from pipeline.data.bit_depth import scaled, to_tensor
from pipeline.data.sampling.augment import altered
from pipeline.data.sampling.crop_reader import CropReader
from pipeline.data.sampling.sampler import BatchSpec, CropSpec
from pipeline.data.sampling.windows import Window
from pipeline.data.store.reader import PixelStore

SCENE = random_scene(20, 30, seed=3)
COMBINED, LEFT, RIGHT, TARGET = SCENE
WINDOW = Window(1, 4, 7, 8)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    scenes = [("train", random_scene(10, 10)), ("train", SCENE)]
    return write_store(tmp_path_factory.mktemp("crops") / "store", scenes)


def expected(image: NDArray[np.uint16]) -> NDArray[np.float32]:
    return (image[4:12, 7:15].astype(np.float64) / 65535).astype(np.float32).transpose(2, 0, 1)


def crop(
    store: PixelStore,
    horizontal: bool,
    vertical: bool,
    views: tuple[str, ...] = ("right", "left"),
    swaps: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    reader = CropReader(store, views, flip_swaps_views=swaps)
    planes = scaled(read(reader, [CropSpec(WINDOW, horizontal, vertical)])[0])
    return planes[:-3], planes[-3:]


def read(
    reader: CropReader, specs: list[CropSpec], side: int = 8, keep: int | None = None, **more: Any
) -> NDArray[np.uint16]:
    """The crops of one batch, `[N, 3 * (views + 1), side, side]`."""
    frames = more.get("frames", 1)
    batch = BatchSpec(specs, side, len(specs) // frames if keep is None else keep, **more)
    buffer = np.full(len(specs) * 12 * side * side + 5, 4711, np.uint16)
    kept = reader.read_batch(buffer, batch)
    elements = len(kept) * 3 * len(reader.views) * side * side
    assert (buffer[elements:] == 4711).all()
    return buffer[:elements].reshape(len(kept), -1, side, side)


def planar(*images: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The window of each image, as planes."""
    return np.concatenate([image[4:12, 7:15].transpose(2, 0, 1) for image in images])


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
    def flipped(image: NDArray[np.uint16]) -> NDArray[np.float32]:
        columns, rows = (slice(None, None, -1 if flip else 1) for flip in (horizontal, vertical))
        return expected(image)[:, rows, columns]

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


@pytest.mark.parametrize("bits", [8, 16])
def test_all_eight_turns_are_those_of_numpy(store: PixelStore, bits: int) -> None:
    upright = planar(RIGHT, LEFT, TARGET)
    if bits == 8:
        upright = upright // 256 * 257
    group = {
        np.ascontiguousarray(np.rot90(side, turns, (1, 2))).tobytes()
        for side in (upright, upright[:, :, ::-1])
        for turns in range(4)
    }
    reader, found = CropReader(store, ("right", "left"), bits=bits), set()
    for horizontal, vertical, transpose in product((False, True), repeat=3):
        (crop,) = read(reader, [CropSpec(WINDOW, horizontal, vertical, transpose)])
        mirrored = upright[:, :: -1 if vertical else 1, :: -1 if horizontal else 1]
        np.testing.assert_array_equal(crop, mirrored.swapaxes(1, 2) if transpose else mirrored)
        found.add(crop.tobytes())
    assert found == group
    assert len(found) == 8


def test_a_turned_mirror_image_swaps_left_and_right(store: PixelStore) -> None:
    reader = CropReader(store, ("right", "left"), flip_swaps_views=True)
    (crop,) = read(reader, [CropSpec(WINDOW, True, False, transpose=True)])
    expected = planar(LEFT, RIGHT, TARGET)[:, :, ::-1].swapaxes(1, 2)
    np.testing.assert_array_equal(crop, expected)


def test_eight_bits_are_the_high_byte_of_views_and_target(store: PixelStore) -> None:
    reader = CropReader(store, ("right", "left"), bits=8)
    values = scaled(read(reader, [CropSpec(WINDOW, False, False)])[0]).numpy()
    expected = (planar(RIGHT, LEFT, TARGET) >> 8).astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(values, expected, rtol=2e-7)


@pytest.mark.parametrize("transpose", [False, True])
def test_changes_come_after_the_depth_and_before_the_turn(
    store: PixelStore, transpose: bool
) -> None:
    reader = CropReader(store, ("right", "left"), bits=8)
    spec = CropSpec(WINDOW, True, True, transpose, True, 0.1, 42)
    (crop,) = read(reader, [spec], side=6)
    region = planar(RIGHT, LEFT, TARGET) // 256 * 257
    changed = altered(region, 6, sigma=0.1, noise_seed=42, grayscale=True)
    expected = changed[:, ::-1, ::-1]
    np.testing.assert_array_equal(crop, expected.swapaxes(1, 2) if transpose else expected)


def smooth_scene(amplitude: float, seed: int, color: int | None = None) -> NDArray[np.uint16]:
    """A scene with noise of this amplitude; in one color only, if one is given."""
    noise = random_scene(10, 12, seed).astype(np.float64) - 32768
    if color is not None:
        noise *= np.eye(3)[color]
    return (32768 + amplitude * noise).astype(np.uint16)


def energies(images: list[NDArray[np.float64]]) -> list[float]:
    """Sums of the gradients' lengths, from the definition."""
    across = np.outer([1, 4, 6, 4, 1], [-1, -2, 0, 2, 1])
    sums = []
    for image in images:
        near = np.lib.stride_tricks.sliding_window_view(np.pad(image, 2, "reflect"), (5, 5))
        lengths = np.hypot((near * across).sum((2, 3)), (near * across.T).sum((2, 3)))
        sums.append(float(lengths.sum()))
    return sums


@pytest.mark.parametrize("bits", [8, 16])
def test_the_least_sharp_crops_are_dropped(
    tmp_path_factory: pytest.TempPathFactory, bits: int
) -> None:
    # The loudest image is loud in red only: green decides.
    scenes = [smooth_scene(amplitude, 7) for amplitude in (0.5, 0.1, 0.8, 0.2, 0.6)]
    scenes.append(smooth_scene(1, 8, color=0))
    store = write_store(
        tmp_path_factory.mktemp("spare") / "store", [("train", scene) for scene in scenes]
    )
    reader = CropReader(store, ("right", "left"), bits=bits)
    specs = [CropSpec(Window(number, 1, 2, 8), False, False) for number in (5, 4, 3, 2, 1, 0)]
    places = [(0, 1), (1, 0), (0, 2), (2, 1), (1, 4), (2, 4)]
    specs = [
        spec._replace(window=spec.window._replace(top=top, left=left))
        for spec, (top, left) in zip(specs, places, strict=True)
    ]
    greens = [scenes[d.window.scene][3, d.window.top :, d.window.left :, 1][:8, :8] for d in specs]
    sums = energies([(green >> (16 - bits)).astype(np.float64) for green in greens])
    best = sorted(np.argsort(sums)[2:].tolist())
    assert [specs[number].window.scene for number in best] == [4, 3, 2, 0]
    crops = read(reader, specs, keep=4)
    plain = read(reader, [specs[number] for number in best])
    np.testing.assert_array_equal(crops, plain)
    # Each process reads all and takes its part of what is kept.
    for rank in range(3):
        part = read(reader, specs, keep=4, rank=rank, world_size=3)
        np.testing.assert_array_equal(part, plain[rank::3])


def test_clips_are_judged_by_their_first_frame_in_gray(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # First frames: loud in blue, quiet in green, loud in red. In green alone, the second would win.
    kinds = [(1.0, 2), (0.0, None), (0.1, 1), (1.0, None), (0.8, 0), (0.1, None)]
    scenes = [smooth_scene(amplitude, 7, color) for amplitude, color in kinds]
    store = write_store(
        tmp_path_factory.mktemp("clips") / "store", [("train", scene) for scene in scenes]
    )
    gray = [cv2.cvtColor(scene[3][:8, :8], cv2.COLOR_RGB2GRAY) for scene in scenes[::2]]
    sums = energies([image.astype(np.float64) for image in gray])
    assert np.argsort(sums).tolist() == [1, 0, 2]
    specs = [CropSpec(Window(number, 0, 0, 8), False, False) for number in range(6)]
    reader = CropReader(random_other_store(tmp_path_factory), ("left", "right"), companion=store)
    crops = read(reader, specs, keep=2, frames=2, companion=True)
    plain = read(CropReader(store, ("left", "right")), specs[:2] + specs[4:])
    np.testing.assert_array_equal(crops, plain)


def random_other_store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    return write_store(
        tmp_path_factory.mktemp("other") / "store", [("train", random_scene(8, 8, 99))]
    )
