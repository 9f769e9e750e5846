"""The files behind Figures 4 and 5: read back as they were written, refused when damaged."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.qualitative import qualitative_scene, selection

from pipeline.errors import RecordError
from pipeline.qualitative_files import (
    QualitativeScene,
    read_figure4,
    read_figure5,
    write_figure4,
    write_figure5,
)

NAMES = ("figure4.csv", "figure4.npz", "figure5.csv", "figure5.npz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_figure4(tmp_path, [qualitative_scene(), qualitative_scene("NA")])
    write_figure5(tmp_path, selection())
    return tmp_path


def same(one: QualitativeScene, other: QualitativeScene) -> bool:
    names = ("images", "errors", "yellow", "blue")
    arrays = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
    values = [{k: v for k, v in vars(scene).items() if k not in names} for scene in (one, other)]
    return arrays and values[0] == values[1]


def test_scenes_are_read_back(folder: Path) -> None:
    first, second = read_figure4(folder)
    assert same(first, qualitative_scene())
    # A name that pandas takes for a missing value.
    assert same(second, qualitative_scene("NA"))


def test_a_selection_is_read_back(folder: Path) -> None:
    found, made = read_figure5(folder), selection()
    assert found is not None
    for name in ("method", "row", "label", "scene"):
        assert getattr(found, name) == getattr(made, name), name
    pd.testing.assert_frame_equal(found.weights, made.weights)
    assert np.array_equal(found.image, made.image)
    assert all(map(np.array_equal, found.features, made.features))


def test_equal_scenes_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_figure4(again, [qualitative_scene(), qualitative_scene("NA")])
    write_figure5(again, selection())
    assert all((folder / name).read_bytes() == (again / name).read_bytes() for name in NAMES)


def test_nothing_to_show(tmp_path: Path) -> None:
    write_figure4(tmp_path, [])
    write_figure5(tmp_path, None)
    assert read_figure4(tmp_path) == []
    assert read_figure5(tmp_path) is None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_damage_is_one_line(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(
        {"missing": b"", "cut": content[: len(content) // 2], "other": b"a,b\n1,2\n"}[damage]
    )
    if damage == "missing":
        path.unlink()
    read = read_figure4 if "4" in name else read_figure5
    with pytest.raises(
        RecordError, match=r"figure[45]\.csv, \.npz: .*`dmtbench qualitative`"
    ) as error:
        read(folder)
    assert "\n" not in str(error.value)


def test_images_and_table_belong_together(folder: Path) -> None:
    other = folder / "other"
    write_figure4(other, [qualitative_scene(rows=("one", "two"))])
    (folder / "figure4.npz").write_bytes((other / "figure4.npz").read_bytes())
    with pytest.raises(RecordError, match="the boxes have another size"):
        read_figure4(folder)
    write_figure5(other, selection(modules=1))
    (folder / "figure5.npz").write_bytes((other / "figure5.npz").read_bytes())
    with pytest.raises(RecordError, match="features_1"):
        read_figure5(folder)


def test_a_pickle_is_not_loaded(folder: Path) -> None:
    with (folder / "figure5.npz").open("wb") as stream:
        np.savez(stream, image=np.array([{"a": 1}], dtype=object))
    with pytest.raises(RecordError, match="pickle"):
        read_figure5(folder)


def test_an_array_whose_header_is_not_closed(folder: Path) -> None:
    header = b"{'descr': (" + b" " * 52 + b"\n"
    with zipfile.ZipFile(folder / "figure5.npz", "w") as archive:
        archive.writestr("image.npy", b"\x93NUMPY\x01\x00\x40\x00" + header)
    with pytest.raises(RecordError, match="TokenError"):
        read_figure5(folder)
