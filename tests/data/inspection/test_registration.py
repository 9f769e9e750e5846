"""Views of one scene are distinguished from those of others, at any blur."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.data.inspection.registration import (
    MIN_SIDE,
    Registration,
    misplaced,
    register,
    shrink,
)
from pipeline.data.synthetic.dual_pixel import BOKEHS, coc_radius, render
from pipeline.data.synthetic.scenes import Category, leaves_scene, photograph_scene

Image = NDArray[np.uint16]
Scene = dict[str, Image]
SIZE = (MIN_SIDE, 384)
LEAVES = 8
RADIUS = 14.0
"""Of the strongest blur, in pixels; on images this small it is more than a camera makes."""


def photograph(name: str, seed: int, size: tuple[int, int] = SIZE) -> Scene:
    random = np.random.default_rng(seed)
    category: Category = "indoor" if seed % 2 else "outdoor"
    focus = float(random.uniform(1.5, 2.5))
    if name == "leaves":
        made = leaves_scene(size, category, focus, random)
    else:
        made = photograph_scene(name, size, category, focus, random)
    views = render(made.sharp, coc_radius(made.depth, RADIUS, focus), BOKEHS[seed % len(BOKEHS)])
    floats = {**views._asdict(), "target": made.sharp}
    return {name: np.rint(np.clip(v, 0, 1) * 65535).astype(np.uint16) for name, v in floats.items()}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    names = ["leaves"] * LEAVES + ["astronaut", "coffee", "chelsea", "rocket"]
    return [photograph(name, seed) for seed, name in enumerate(names)]


def compare(combined: Image, other: Image) -> Registration | None:
    return register(shrink(combined), shrink(other), combined.shape)


def complaint(view: str, combined: Image, other: Image) -> str | None:
    found = compare(combined, other)
    assert found is not None
    return misplaced(view, found)


@pytest.mark.parametrize("view", ["left", "right", "target"])
def test_strongly_blurred_views_belong_to_their_scene(scenes: list[Scene], view: str) -> None:
    for scene in scenes:
        assert complaint(view, scene["combined"], scene[view]) is None


@pytest.mark.parametrize("view", ["left", "right", "target"])
def test_images_of_other_scenes_do_not(scenes: list[Scene], view: str) -> None:
    for one, other in itertools.permutations(scenes, 2):
        assert "does not show the scene" in (complaint(view, one["combined"], other[view]) or "")


@pytest.mark.parametrize("axes", [(1,), (0,), (0, 1)])
def test_mirrored_and_turned_images_do_not(scenes: list[Scene], axes: tuple[int, ...]) -> None:
    for scene in scenes[:LEAVES]:  # the photographs are nearly symmetric
        turned = np.ascontiguousarray(np.flip(scene["target"], axes))
        assert "does not show" in (complaint("target", scene["combined"], turned) or "")


def test_displaced_images_are_noticed_and_small_shifts_are_not(scenes: list[Scene]) -> None:
    for scene in scenes:
        for shift in (-4, 4, 10):
            moved = np.roll(scene["target"], shift, axis=1)
            assert complaint("target", scene["combined"], moved) is None
        moved = np.roll(scene["left"], (-26, 3), axis=(1, 0))
        assert complaint("left", scene["combined"], moved) is not None


def test_a_displacement_is_measured_at_full_size() -> None:
    scene = photograph("coffee", 1, (560, 840))
    moved = np.roll(scene["target"], (28, -8), axis=(1, 0))
    found = compare(scene["combined"], moved)
    assert found is not None
    assert found.shift == pytest.approx((28, -8), abs=560 / 128)
    assert "from its combined view" in (misplaced("target", found) or "")
    at_rest = compare(scene["combined"], scene["target"])
    assert at_rest is not None
    assert at_rest.shift == pytest.approx((0, 0), abs=560 / 128)


def test_brightness_and_contrast_do_not_matter(scenes: list[Scene]) -> None:
    for scene in scenes:
        darker = (scene["left"] // 3 + 2000).astype(np.uint16)
        assert complaint("left", scene["combined"], darker) is None


def test_flat_and_small_images_cannot_be_judged(scenes: list[Scene]) -> None:
    scene = scenes[0]["combined"]
    wall = np.full((*SIZE, 3), 30000, np.uint16)
    noisy = np.random.default_rng(0).integers(29990, 30010, (*SIZE, 3)).astype(np.uint16)
    slope = np.repeat(np.linspace(29000, 31000, SIZE[1]).astype(np.uint16)[None], SIZE[0], axis=0)
    for flat in (wall, noisy, cv2.merge([slope] * 3)):
        assert compare(scene, flat) is None
        assert compare(flat, scene) is None
    assert compare(scene[: MIN_SIDE - 1], scene[: MIN_SIDE - 1]) is None
