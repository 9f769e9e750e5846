"""Properties of the metrics on images of every kind, and their agreement with scikit-image."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pipeline.data.canon import CANON_SIZE
from pipeline.evaluation.metrics import mae, psnr, ssim
from pipeline.evaluation.scores import ImageScores, aggregate
from pipeline.records import MAIN_GROUP

Image = NDArray[np.float64]
METRICS = {"psnr": psnr.score, "ssim": ssim.score, "mae": mae.score}
EQUAL = 1e-9

KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int, int]], Image]] = {
    "random": lambda random, shape: random.random(shape),
    "constant": lambda random, shape: np.full(shape, random.random()),
    "constant channels": lambda random, shape: np.broadcast_to(random.random(3), shape).copy(),
    "black and white": lambda random, shape: random.integers(0, 2, shape).astype(np.float64),
    "all but black": lambda random, shape: random.random(shape) * 5e-324,
    "dark": lambda random, shape: random.random(shape) * 1e-8,
    "almost white": lambda random, shape: 1 - random.random(shape) * 1e-8,
    "16 bits": lambda random, shape: random.integers(0, 65536, shape) / 65535,
    "one pixel": lambda random, shape: _with_one_pixel(random, np.zeros(shape)),
    "edge": lambda random, shape: (np.indices(shape)[1] > random.integers(shape[1])).astype(float),
    "slope": lambda random, shape: np.indices(shape).sum(0) / sum(shape),
}
CHANGES: dict[str, Callable[[np.random.Generator, Image], Image]] = {
    "nothing": lambda random, image: image.copy(),
    "one pixel": lambda random, image: _with_one_pixel(random, image.copy()),
    "rounding": lambda random, image: np.nextafter(image, 0.5),
    "little noise": lambda random, image: image + 1e-9 * random.standard_normal(image.shape),
    "noise": lambda random, image: image + 0.1 * random.standard_normal(image.shape),
    "negative": lambda random, image: 1 - image,
    "contrast": lambda random, image: 0.5 + (image - 0.5) * random.random(),
    "another image": lambda random, image: random.random(image.shape),
}


def _with_one_pixel(random: np.random.Generator, image: Image) -> Image:
    image[random.integers(image.shape[0]), random.integers(image.shape[1])] = random.random(3)
    return image


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Image, Image]:
    """An image of some kind and size, and a changed copy."""
    side = st.integers(7, 48)
    shape = (draw(side), draw(side), 3)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    image = KINDS[draw(st.sampled_from(list(KINDS)))](random, shape)
    changed = CHANGES[draw(st.sampled_from(list(CHANGES)))](random, image)
    return np.clip(changed, 0, 1), image


def reference(prediction: Image, target: Image) -> float:
    value = structural_similarity(  # type: ignore[no-untyped-call]
        target, prediction, data_range=1.0, channel_axis=-1, win_size=7
    )
    return float(value)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@settings(max_examples=400, deadline=None)
@given(pairs())
def test_ssim_is_that_of_scikit_image(pair: tuple[Image, Image]) -> None:
    assert ssim.score(*pair) == pytest.approx(reference(*pair), rel=0, abs=EQUAL)


@pytest.mark.parametrize(
    ("kind", "change"),
    [("random", "noise"), ("black and white", "one pixel"), ("almost white", "little noise")],
)
def test_ssim_is_that_of_scikit_image_at_full_size(kind: str, change: str) -> None:
    random = np.random.default_rng(1)
    target = KINDS[kind](random, (*CANON_SIZE, 3))
    prediction = np.clip(CHANGES[change](random, target), 0, 1)
    assert ssim.score(prediction, target) == pytest.approx(
        reference(prediction, target), rel=0, abs=EQUAL
    )


def test_rounding_does_not_add_up_along_a_very_wide_image() -> None:
    random = np.random.default_rng(2)
    target = 1 - 0.01 * random.random((7, 200_000, 3))
    prediction = 1 - 0.01 * random.random(target.shape)
    assert ssim.score(prediction, target) == pytest.approx(
        reference(prediction, target), rel=0, abs=EQUAL
    )


@settings(max_examples=200, deadline=None)
@given(pairs())
def test_psnr_is_that_of_scikit_image(pair: tuple[Image, Image]) -> None:
    prediction, target = pair
    if np.mean((target - prediction) ** 2) == 0:
        assert psnr.score(prediction, target) == 100
        return
    expected = peak_signal_noise_ratio(  # type: ignore[no-untyped-call]
        target, prediction, data_range=1
    )
    assert psnr.score(prediction, target) == pytest.approx(float(expected), rel=1e-12)


@settings(max_examples=200, deadline=None)
@given(pairs())
def test_mae_is_an_exact_mean(pair: tuple[Image, Image]) -> None:
    prediction, target = pair
    expected = math.fsum(abs(prediction - target).ravel()) / target.size
    assert mae.score(prediction, target) == pytest.approx(expected, rel=1e-12)
    # A mean absolute error is at most the root of the mean squared error.
    assert mae.score(prediction, target) ** 2 <= np.mean((prediction - target) ** 2) * (1 + 1e-12)


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=100, deadline=None)
@given(pair=pairs())
def test_prediction_and_target_are_alike(name: str, pair: tuple[Image, Image]) -> None:
    prediction, target = pair
    assert METRICS[name](prediction, target) == METRICS[name](target, prediction)


@settings(max_examples=100, deadline=None)
@given(pairs())
def test_values_lie_in_their_ranges(pair: tuple[Image, Image]) -> None:
    prediction, target = pair
    assert psnr.score(prediction, target) >= 0
    assert -1 - EQUAL <= ssim.score(prediction, target) <= 1 + EQUAL
    assert 0 <= mae.score(prediction, target) <= 1
    assert [metric(target, target) for metric in METRICS.values()] == [100, 1, 0]


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=30, deadline=None)
@given(pair=pairs())
def test_orientation_and_channel_order_do_not_matter(name: str, pair: tuple[Image, Image]) -> None:
    metric, value = METRICS[name], METRICS[name](*pair)
    arranged = [[image[..., list(order)] for image in pair] for order in permutations(range(3))] + [
        [image.transpose(1, 0, 2) for image in pair],
        [image[::-1] for image in pair],
        [image[:, ::-1] for image in pair],
    ]
    for images in arranged:
        assert metric(*images) == pytest.approx(value, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("name", ["psnr", "mae"])
@settings(max_examples=30, deadline=None)
@given(pair=pairs(), seed=st.integers(0, 2**32))
def test_the_order_of_pixels_does_not_matter(
    name: str, pair: tuple[Image, Image], seed: int
) -> None:
    shape = pair[0].shape
    order = np.random.default_rng(seed).permutation(shape[0] * shape[1])
    shuffled = [image.reshape(-1, 3)[order].reshape(shape) for image in pair]
    assert METRICS[name](*shuffled) == pytest.approx(METRICS[name](*pair), rel=1e-11)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=76), st.randoms())
def test_the_order_of_images_does_not_matter(values: list[float], random: object) -> None:
    table = [ImageScores(str(n), MAIN_GROUP, "indoor", {"psnr": v}) for n, v in enumerate(values)]
    scores, _ = aggregate(table)
    random.shuffle(table)  # type: ignore[attr-defined]
    assert aggregate(table)[0] == scores


def test_ssim_does_not_depend_on_the_threads_and_keeps_to_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(3)
    target, prediction = random.random((2, 410, 276, 3))
    asked: list[int] = []

    def pool(workers: int) -> ThreadPoolExecutor:
        asked.append(workers)
        return ThreadPoolExecutor(workers)

    monkeypatch.setattr(ssim, "ThreadPoolExecutor", pool)
    values = set()
    for threads in (1, 2, 3, 7, 64):
        torch.set_num_threads(threads)
        values.add(ssim.score(prediction, target))
    assert len(values) == 1
    # No pool for one thread, and no more threads than tiles of 128 x 256 pixels.
    assert asked == [2, 3, 7, 8]


def test_a_job_of_one_thread_starts_no_other() -> None:
    code = (
        "import numpy, psutil, torch\n"
        "from pipeline.evaluation.metrics import psnr, ssim, mae\n"
        "torch.set_num_threads(1)\n"
        "image = numpy.full((400, 600, 3), 0.5)\n"
        "before = psutil.Process().num_threads()\n"
        "[metric.score(image, image) for metric in (psnr, ssim, mae)]\n"
        "print(psutil.Process().num_threads() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
