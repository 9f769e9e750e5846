"""Which crops make the batches of an epoch, for every kind of published recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.batches import IMAGES, OF_CLIPS, WINDOWS, batches, sampler, sizes
from support.miniatures import recipe

from pipeline.config.recipe import Recipe
from pipeline.data.sampling.sampler import CropSpec
from pipeline.data.sampling.windows import Window
from pipeline.seeds import derive_seed
from pipeline.training.schedule import TrainingSchedule


def crops(epoch: int = 1, seed: int = 5, **changes: Any) -> list[CropSpec]:
    return [crop for batch in batches(epoch, seed, **changes) for crop in batch.crops]


def as_drawn_until_now(
    windows: list[Window], settings: Recipe, seed: int, epoch: int
) -> Iterator[CropSpec]:
    """What every published number of the plain recipes rests on."""
    generator = np.random.default_rng([derive_seed(seed, "epoch", epoch)])
    for _ in range(settings.passes_per_epoch or 1):
        for number in generator.permutation(len(windows)):
            window = windows[number]
            if settings.crop is not None and settings.crop < window.size:
                top, left = generator.integers(0, window.size - settings.crop + 1, size=2)
                place = window.top + int(top), window.left + int(left)
                window = Window(window.scene, *place, settings.crop)
            flips = generator.random(2) < 0.5
            yield CropSpec(
                window,
                bool(settings.flip_horizontal and flips[0]),
                bool(settings.flip_vertical and flips[1]),
            )


@given(sizes, sizes, st.integers(0, 40), st.sampled_from([None, 16, 39, 40, 64]), st.booleans())
def test_plain_recipes_are_drawn_as_ever(
    batch_size: int, passes: int, count: int, crop: int | None, flips: bool
) -> None:
    windows = [Window(number, 7, 11, 40) for number in range(count)]
    settings = recipe(
        batch_size=batch_size, passes_per_epoch=passes, crop=crop, flip_horizontal=flips, epochs=9
    )
    expected = list(as_drawn_until_now(windows, settings, 5, 3))
    found = list(sampler(settings, 5, windows).epoch(3))
    assert [crop for batch in found for crop in batch.crops] == expected
    assert all(len(batch.crops) == batch_size for batch in found[:-1])


def test_draws_depend_on_their_arguments_only() -> None:
    everything: dict[str, Any] = {
        "crop": 16,
        "transpose": True,
        "grayscale": 0.3,
        "noise": {"probability": 0.5, "sigma": [0.1, 0.2]},
        "downscale": {"probability": 0.5, "scale": [0.7, 1.0]},
    }
    first = crops(**everything)
    crops(epoch=2, **everything)
    assert crops(**everything) == first
    assert crops(epoch=2, **everything) != first
    assert crops(seed=6, **everything) != first
    # Nothing of the recipe that the order must not depend on.
    assert crops(batch_size=7, learning_rate=0.5, epochs=9, **everything) == first


@pytest.mark.parametrize("length", [{"passes_per_epoch": 4}, {"steps_per_epoch": 8}])
def test_every_pass_visits_every_window_once(length: dict[str, int]) -> None:
    drawn = [d.window for d in crops(batch_size=3, **{"passes_per_epoch": None, **length})]
    passes = [drawn[start : start + 6] for start in range(0, 24, 6)]
    assert len(drawn) == 24
    for one in passes:
        assert Counter(one) == Counter(WINDOWS)
    assert len({tuple(one) for one in passes}) == 4


def test_orders_differ_between_epochs() -> None:
    orders = {tuple(crop.window for crop in crops(epoch=epoch)) for epoch in range(1, 9)}
    assert len(orders) >= 7


@pytest.mark.parametrize("crop", [None, 40, 64])
def test_whole_windows(crop: int | None) -> None:
    assert {crop.window for crop in crops(crop=crop)} == set(WINDOWS)
    assert {batch.side for batch in batches(crop=crop)} == {40}


def test_sub_crops_lie_anywhere_inside_their_window() -> None:
    drawn = [crop.window for crop in crops(crop=36, passes_per_epoch=200)]
    offsets = set()
    for window in drawn:
        assert window.size == 36
        owners = [
            (window.top - whole.top, window.left - whole.left)
            for whole in WINDOWS
            if window.scene == whole.scene and 0 <= window.top - whole.top <= 4
        ]
        (place,) = owners
        assert 0 <= place[1] <= 4
        offsets.add(place)
    assert offsets == {(top, left) for top in range(5) for left in range(5)}


def test_crops_of_images_lie_anywhere_in_them() -> None:
    drawn = crops(batch_size=4, passes_per_epoch=400, **{**IMAGES, "crop": 48})
    assert len(drawn) == 2400
    places = Counter((crop.window.top, crop.window.left) for crop in drawn)
    assert set(places) == {(top, left) for top in range(3) for left in range(23)}
    for four in (drawn[first : first + 4] for first in range(0, 2400, 4)):
        assert {crop.window.scene for crop in four} == {0, 1, 2, 3}


@pytest.mark.parametrize("transpose", [False, True])
def test_turns_are_even_and_independent(transpose: bool) -> None:
    counts = Counter(crop[1:4] for crop in crops(passes_per_epoch=400, transpose=transpose))
    assert len(counts) == (8 if transpose else 4)
    even = 2400 / len(counts)
    # Four deviations of a binomial count.
    assert all(abs(count - even) < 4 * even**0.5 for count in counts.values())


@pytest.mark.parametrize("name", ["flip_horizontal", "flip_vertical"])
def test_a_flip_that_is_off_changes_nothing_else(name: str) -> None:
    both, one = crops(crop=16), crops(crop=16, **{name: False})
    assert not any(getattr(crop, name) for crop in one)
    assert [crop._replace(**{name: False}) for crop in both] == one


def test_ifans_changes_come_as_often_and_as_far_as_asked() -> None:
    drawn = crops(
        passes_per_epoch=400,
        **IMAGES,
        noise={"probability": 0.25, "sigma": [0.1, 0.2]},
        grayscale=0.3,
        downscale={"probability": 0.5, "scale": [0.5, 1.0]},
    )
    noisy = [crop for crop in drawn if crop.sigma]
    assert abs(len(noisy) / 2400 - 0.25) < 0.04
    assert all(0.1 <= crop.sigma <= 0.2 for crop in noisy)
    assert len({crop.noise_seed for crop in noisy}) == len(noisy)
    assert abs(sum(crop.grayscale for crop in drawn) / 2400 - 0.3) < 0.04
    read = Counter(crop.window.size for crop in drawn)
    assert set(read) == set(range(16, 33))
    # 16 px are read without, and from scales near 1.
    assert 0.5 <= read[16] / 2400 < 0.56
    assert all(crop.window.top + crop.window.size <= 50 for crop in drawn)


def test_one_image_advances_by_the_batch() -> None:
    settings = {"batch_size": 3, "spare_crops": 2, "one_image": True, **IMAGES}
    found = batches(passes_per_epoch=None, steps_per_epoch=8, **settings)
    scenes = [{crop.window.scene for crop in batch.crops} for batch in found]
    assert all(len(one) == 1 for one in scenes)
    assert set.union(*scenes[:4]) == set.union(*scenes[4:]) == {0, 1, 2, 3}
    assert {(len(batch.crops), batch.keep) for batch in found} == {(5, 3)}
    assert len({crop.window for crop in found[0].crops}) == 5


def test_without_one_image_each_crop_is_from_the_next_image() -> None:
    found = batches(passes_per_epoch=None, steps_per_epoch=4, batch_size=3, spare_crops=1, **IMAGES)
    for batch in found:
        assert {crop.window.scene for crop in batch.crops} == {0, 1, 2, 3}


@pytest.mark.parametrize("one_image", [False, True])
def test_a_clips_frames_are_consecutive_and_drawn_alike(one_image: bool) -> None:
    clips = OF_CLIPS.model_copy(update={"one_image": one_image, "spare_crops": 1})
    found = batches(passes_per_epoch=60, companion=clips, transpose=True)
    seen = set()
    for batch in found[1::2]:
        assert (batch.companion, batch.frames, batch.keep, len(batch.crops)) == (True, 4, 2, 12)
        firsts = [batch.crops[number] for number in (0, 4, 8)]
        for number, crop in enumerate(batch.crops):
            first = firsts[number // 4]
            scene = first.window.scene + number % 4
            assert crop == first._replace(window=first.window._replace(scene=scene))
        starts = [first.window.scene for first in firsts]
        assert len(set(starts)) == (1 if one_image else 3)
        assert len({first.window for first in firsts}) == 3
        seen |= set(starts)
    assert seen == {start + more for start in (10, 20, 30) for more in (0, 1, 2)}


def test_a_companion_does_not_change_the_main_crops() -> None:
    alone = batches(batch_size=4, crop=16)
    both = batches(batch_size=4, crop=16, companion=OF_CLIPS)
    assert both[::2] == alone


PHASES = [
    {"epochs": 1, "crop": 16, "batch_size": 5},
    {"epochs": 2, "crop": 20, "batch_size": 2},
]


@pytest.mark.parametrize(("epoch", "side", "count"), [(1, 16, 5), (2, 20, 2), (3, 20, 2)])
def test_a_phase_cuts_a_batch_at_one_place(epoch: int, side: int, count: int) -> None:
    # Windows as large as the recipe's crop: the place within them shows.
    windows = [Window(number, 5, 3, 40) for number in range(6)]
    settings = {"epochs": 3, "passes_per_epoch": None, "steps_per_epoch": 300, "crop": 40}
    found = list(
        sampler(recipe(**settings, phases=PHASES, transpose=True), 5, windows).epoch(epoch)
    )
    assert len(found) == 300
    places = set()
    for batch in found:
        assert (len(batch.crops), batch.keep, batch.side) == (count, count, side)
        turned = set()
        for crop in batch.crops:
            assert crop.window.size == side
            down, right = crop.window.top - 5, crop.window.left - 3
            down = 40 - side - down if crop.flip_vertical else down
            right = 40 - side - right if crop.flip_horizontal else right
            turned.add((right, down) if crop.transpose else (down, right))
        assert len(turned) == 1
        places |= turned
    # Never the last place, as with the authors.
    for axis in range(2):
        assert {place[axis] for place in places} == set(range(40 - side))


def test_phases_draw_their_outer_crop_inside_the_window() -> None:
    settings = {"epochs": 3, "passes_per_epoch": None, "steps_per_epoch": 200, "crop": 30}
    found = batches(2, **settings, phases=PHASES)
    for crop in (crop for batch in found for crop in batch.crops):
        assert 3 <= crop.window.left <= 3 + 20
    lefts = {crop.window.left for batch in found for crop in batch.crops}
    assert lefts == set(range(3, 24))


RECIPES: list[dict[str, Any]] = [
    {"passes_per_epoch": 3, "batch_size": 4},
    {"passes_per_epoch": 1, "batch_size": 5, "companion": OF_CLIPS},
    {"steps_per_epoch": 7, "companion": OF_CLIPS},
    {"steps_per_epoch": 3, "batch_size": 3, "spare_crops": 2, **IMAGES},
    {"steps_per_epoch": 4, "epochs": 3, "crop": 40, "phases": PHASES},
    {"passes_per_epoch": 2, "batch_size": 2, "companion": OF_CLIPS},
]


@pytest.mark.parametrize("changes", RECIPES)
def test_batches_agree_with_the_plan(changes: dict[str, Any]) -> None:
    settings = recipe(**{"passes_per_epoch": None, **changes})
    schedule = TrainingSchedule(settings, len(WINDOWS))
    step = 0
    for epoch in range(1, schedule.epochs + 1):
        found = sampler(settings).epoch(epoch)
        for batch in found:
            due = schedule.batches(step)
            assert batch.companion == (due is settings.companion)
            assert batch.frames == due.frames
            assert batch.side == (due.crop or 40)
            crops = batch.keep * batch.frames
            assert crops == schedule.crops_of(step)
            assert crops == schedule.samples_at(step + 1) - schedule.samples_at(step)
            step += 1
    assert step == schedule.steps


def test_companion_and_main_batches_alternate_by_the_step() -> None:
    settings = {"passes_per_epoch": None, "steps_per_epoch": 8}
    found = batches(companion=OF_CLIPS, **settings)
    assert [batch.companion for batch in found] == [False, True] * 4
    assert all(one.crops != two.crops for one, two in pairwise(found))
