"""The table of single images is read back to the same bits, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import RecordError
from pipeline.evaluation.scores import ImageScores, read_per_image, write_per_image

TABLE = [
    ImageScores("a", "main", "indoor", {"psnr": 0.1 + 0.2, "lpips": None}),
    ImageScores('b "quoted", c', "main", "", {"psnr": 1e-17, "lpips": 1 / 3}),
]


def test_what_was_written(tmp_path: Path) -> None:
    write_per_image(tmp_path / "t.csv", TABLE, ["psnr", "lpips"])
    assert read_per_image(tmp_path / "t.csv") == TABLE


@pytest.mark.parametrize(
    "content",
    [
        'scene,group,category,psnr\n"a"b,main,indoor,20\n',
        'scene,group,category,psnr\n"a,main,indoor,20\n',
        "scene,group,category,psnr\na,main,indoor,good\n",
        "scene,group,category,psnr\na,main,indoor,20,21\n",
        "scene,group,category,psnr\na,main\n",
        "scene,group,psnr\na,main,20\n",
        "scene,group,category,psnr\n\xff",
    ],
)
def test_what_is_no_such_table(tmp_path: Path, content: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode("latin1"))
    with pytest.raises(RecordError, match=r"t\.csv: not per-image scores .*; evaluate again"):
        read_per_image(path)


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"gone\.csv"):
        read_per_image(tmp_path / "gone.csv")
