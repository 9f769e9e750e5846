"""Sample images that cannot be written are an error with a remedy, not a silent gap."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.evaluation.inference import _write_sample

SCENE = {"combined": np.full((8, 9, 3), 65535, np.uint16)}
DARK = np.zeros((8, 9, 3))


@pytest.mark.parametrize("obstacle", ["a file instead of the folder", "a folder of this name"])
def test_a_place_that_is_taken(tmp_path: Path, obstacle: str) -> None:
    path = tmp_path / "images" / "s1.png"
    if obstacle.startswith("a file"):
        path.parent.write_text("")
    else:
        path.mkdir(parents=True)
    with pytest.raises(DataError, match=r"s1\.png: cannot be written .*; free some space"):
        _write_sample(path, SCENE, DARK, DARK)


def test_an_image_that_cannot_be_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, None))
    with pytest.raises(DataError, match=r"s1\.png: the image cannot be encoded"):
        _write_sample(tmp_path / "s1.png", SCENE, DARK, DARK)
    assert not list(tmp_path.iterdir())
