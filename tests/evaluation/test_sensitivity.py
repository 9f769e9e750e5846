"""Other ways of scoring: each is what it says, and changes one thing."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from support.scenes import Aligned, prepared, reader, row
from torch import Tensor

from pipeline.config.experiment import load_methods
from pipeline.errors import DataError
from pipeline.evaluation.loading import Prepared
from pipeline.evaluation.metrics import load_metrics, mae, psnr, ssim
from pipeline.evaluation.protocol import Tiling
from pipeline.evaluation.sensitivity import PROTOCOL, WAYS, sensitivity, tiles_for
from pipeline.records import SensitivityRow

METRICS = load_metrics({name: load_methods().metrics[name] for name in ("psnr", "ssim", "mae")})
GRAY = np.array([0.299, 0.587, 0.114])


class Bright(Aligned):
    """Leaves [0, 1], and knows that a tile is not the whole image."""

    def forward(self, x: Tensor, *, full_size: Any = None, **_: Any) -> Tensor:
        return super().forward(x) * 1.2 - (0.05 if full_size else 0.1)


READY = prepared(Bright(), scenes=3)


def ways_of(ready: Prepared = READY, **changes: Any) -> dict[str, SensitivityRow]:
    rows, _ = sensitivity(ready, **{"read": reader(), "metrics": METRICS, **changes})
    return {way.name: way for way in rows}


@pytest.fixture(scope="module")
def found() -> dict[str, SensitivityRow]:
    return ways_of()


Image = NDArray[np.float64]


def predicted(images: dict[str, Image], full: float = 0.1) -> Image:
    left, right = np.roll(images["left"], -3, 1), np.roll(images["right"], 3, 1)
    return (left + right) / 2 * 1.2 - full


def images_of(number: int, bits: int = 16, half: bool = False) -> dict[str, Image]:
    scene: dict[str, Any] = dict(reader()(row(number)))
    if half:
        size = (48, 36)
        scene = {v: cv2.resize(i, size, interpolation=cv2.INTER_AREA) for v, i in scene.items()}
    return {view: (image >> (16 - bits)) / (2**bits - 1) for view, image in scene.items()}


def pair(name: str, number: int) -> tuple[Image, Image]:
    """Prediction and ground truth of a way, by plain numpy."""
    full, cut = images_of(number), images_of(number, 8)
    plain = np.clip(predicted(full), 0, 1)
    small = images_of(number, half=True)
    halves = [
        cv2.resize(i, (48, 36), interpolation=cv2.INTER_AREA) for i in (plain, full["target"])
    ]
    exchanged = predicted({"left": full["right"], "right": full["left"]})
    pairs: dict[str, tuple[Any, Any]] = {
        PROTOCOL: (plain, full["target"]),
        "8-bit input": (predicted(cut), full["target"]),
        "8-bit ground truth": (plain, cut["target"]),
        "8-bit input and ground truth": (predicted(cut), cut["target"]),
        "scored at 8 bit": (np.rint(plain * 255) / 255, cut["target"]),
        "half-size images": (predicted(small), small["target"]),
        "half-size scores": (halves[0], halves[1]),
        "exchanged views": (exchanged, full["target"]),
    }
    prediction, target = pairs[name]
    return np.clip(prediction, 0, 1), target


NUMPY = (
    *(PROTOCOL, "8-bit input", "8-bit ground truth", "8-bit input and ground truth"),
    *("scored at 8 bit", "half-size images", "half-size scores", "exchanged views"),
)


@pytest.mark.parametrize("name", NUMPY)
def test_scores_by_plain_numpy(found: dict[str, SensitivityRow], name: str) -> None:
    # Rounding to 8 bits turns a last bit of float32 into a step.
    rounding = 1e-3 if name == "scored at 8 bit" else 1e-4
    for metric, module in (("psnr", psnr), ("ssim", ssim), ("mae", mae)):
        scores = [module.score(*pair(name, number)) for number in range(3)]
        plain = [module.score(*pair(PROTOCOL, number)) for number in range(3)]
        row = found[name]
        assert row.scores["combined"].mean[metric] == pytest.approx(np.mean(scores), abs=rounding)
        # Scenes 0 and 2 are indoor.
        assert row.scores["indoor"].mean[metric] == pytest.approx(
            (scores[0] + scores[2]) / 2, abs=rounding
        )
        moved = np.mean(scores) - np.mean(plain)
        assert row.moved["combined"][metric] == pytest.approx(moved, abs=rounding)
        if name == PROTOCOL:
            assert row.moved["combined"][metric] == 0


def test_every_way_but_the_protocol_moves_something(found: dict[str, SensitivityRow]) -> None:
    assert list(found) == list(WAYS)
    for name in set(found) - {PROTOCOL}:
        assert any(found[name].moved["combined"].values()), name


@pytest.mark.parametrize(
    ("name", "options", "gray"),
    [
        ("Gaussian SSIM", {"gaussian_weights": True, "use_sample_covariance": False}, False),
        ("gray SSIM", {"win_size": 7}, True),
    ],
)
def test_other_ssims_move_ssim_only(
    found: dict[str, SensitivityRow], name: str, options: dict[str, Any], gray: bool
) -> None:
    scores = []
    for number in range(3):
        images = pair(PROTOCOL, number)
        prediction, target = (image @ GRAY for image in images) if gray else images
        axis = None if gray else -1
        scores.append(
            structural_similarity(target, prediction, data_range=1, channel_axis=axis, **options)  # type: ignore[no-untyped-call]
        )
    way = found[name]
    assert way.scores["combined"].mean["ssim"] == pytest.approx(np.mean(scores), abs=1e-6)
    assert abs(way.moved["combined"]["ssim"] or 0) > 1e-3
    assert (way.moved["combined"]["psnr"], way.moved["combined"]["mae"]) == (0, 0)


def test_unclamped_values_are_scored_as_they_are(found: dict[str, SensitivityRow]) -> None:
    errors = [predicted(images_of(n)) - images_of(n)["target"] for n in range(3)]
    expected = np.mean([np.abs(error).mean() for error in errors])
    assert found["unclamped"].scores["combined"].mean["mae"] == pytest.approx(expected, abs=1e-6)
    assert (found["unclamped"].moved["combined"]["psnr"] or 0) < -0.01


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1120, 1680), Tiling(512, 64)),
        ((512, 512), Tiling(256, 32)),
        ((128, 192), Tiling(128, 16)),
        ((20, 28), Tiling(16, 2)),
        ((16, 16), None),
    ],
)
def test_tiles_fit_the_images(size: tuple[int, int], expected: Tiling | None) -> None:
    assert tiles_for(prepared(Bright(), rows=[row(0, size)])) == expected


def test_tiles_are_not_the_whole_image(found: dict[str, SensitivityRow]) -> None:
    # In a tile, `Bright` takes 0.05 less away.
    assert (found["tiled"].moved["combined"]["mae"] or 0) != 0


def test_what_a_method_cannot_do_is_left_out() -> None:
    one_view = READY.protocol.model_copy(update={"views": ("left", "combined")})
    ready = dataclasses.replace(READY, protocol=one_view, rows=[row(0, (16, 16))])
    rows, left_out = sensitivity(ready, read=reader(size=(16, 16)), metrics=METRICS)
    assert left_out == {
        "tiled": "the images are too small for tiles",
        "exchanged views": "the method does not look at both views",
    }
    assert [way.name for way in rows] == [name for name in WAYS if name not in left_out]


def test_each_scene_is_read_once_and_only_the_main_group() -> None:
    seen: list[str] = []

    def read(item: Any) -> Any:
        seen.append(item.source)
        return reader()(item)

    rows = [row(0), row(1, group="stereo"), row(2)]
    found = ways_of(prepared(Bright(), rows=rows), read=read)
    assert seen == ["s0.png", "s2.png"]
    assert {way.scores["combined"].n for way in found.values()} == {2}
    with pytest.raises(DataError, match="no scenes to score"):
        ways_of(prepared(Bright(), rows=rows[1:2]))
