"""What is scored is checked first, prediction and ground truth alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config.experiment import load_methods
from pipeline.evaluation.metrics import load_metrics, score_image

METRICS = load_metrics({name: load_methods().metrics[name] for name in ("psnr", "mae")})
GOOD: NDArray[np.float64] = np.full((8, 9, 3), 0.5)


def with_value(value: float) -> NDArray[np.float64]:
    image = GOOD.copy()
    image[2, 3, 1] = value
    return image


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "list": (GOOD.tolist(), TypeError, "must be a float64 array, not list"),
    "float32": (GOOD.astype(np.float32), TypeError, "must be a float64 array, not float32"),
    "uint8": (GOOD.astype(np.uint8), TypeError, "must be a float64 array, not uint8"),
    "gray": (GOOD[..., 0], ValueError, r"must have the shape \[H, W, 3\], not \[8, 9\]"),
    "four channels": (np.zeros((8, 9, 4)), ValueError, r"not \[8, 9, 4\]"),
    "channels first": (np.zeros((3, 8, 9)), ValueError, r"not \[3, 8, 9\]"),
    "batch": (GOOD[None], ValueError, r"not \[1, 8, 9, 3\]"),
    "empty": (np.zeros((8, 0, 3)), ValueError, r"not \[8, 0, 3\]"),
    "dark": (with_value(-1e-9), ValueError, r"must lie in \[0, 1\]"),
    "bright": (with_value(1 + 1e-9), ValueError, r"must lie in \[0, 1\]"),
    "nan": (with_value(np.nan), ValueError, r"must lie in \[0, 1\] and be finite"),
    "infinite": (with_value(np.inf), ValueError, r"must lie in \[0, 1\] and be finite"),
}


@pytest.mark.parametrize("role", ["prediction", "target"])
@pytest.mark.parametrize("name", BAD)
def test_an_image_that_cannot_be_scored(role: str, name: str) -> None:
    image, kind, message = BAD[name]
    images = {"prediction": GOOD, "target": GOOD, role: image}
    with pytest.raises(kind, match=f"^{role} .*{message}"):
        score_image(METRICS, **images)


def test_images_of_two_sizes() -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        score_image(METRICS, GOOD, GOOD[:, :8])


def test_the_ends_of_the_range_are_fine() -> None:
    found = score_image(METRICS, with_value(0), with_value(1))
    assert found["mae"] == pytest.approx(1 / (8 * 9 * 3))
    assert found["psnr"] == pytest.approx(10 * np.log10(8 * 9 * 3))
