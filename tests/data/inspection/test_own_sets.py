"""Sets of one's own: other file formats, equal names, tables that a spreadsheet saved."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import pytest
from support.fixture_types import Run
from support.image_sets import SCENES, random_image, write_image, write_set

from pipeline.data.inspection.inventory import take_inventory
from pipeline.data.manifest import build_manifest
from pipeline.errors import DataError

HEADER = ["split", "source", "category", "group"]


def labels(root: Path, *, encoding: str = "utf-8", separator: str = ",", ends: str = "\n") -> None:
    rows = [[split, f"1P0A{source:04d}.png", "indoor", "main"] for split, source, _ in SCENES]
    text = "".join(separator.join(row) + ends for row in [HEADER, *rows])
    (root / "scenes.csv").write_bytes(text.encode(encoding))


@pytest.mark.parametrize(
    ("encoding", "ends"), [("utf-8-sig", "\r\n"), ("utf-8-sig", "\n"), ("utf-8", "\r")]
)
def test_tables_of_spreadsheets_are_read(tmp_path: Path, encoding: str, ends: str) -> None:
    write_set(tmp_path)
    labels(tmp_path, encoding=encoding, ends=ends)
    assert {row.category for row in build_manifest(tmp_path)} == {"indoor"}


def test_empty_rows_below_a_table_are_skipped(tmp_path: Path) -> None:
    write_set(tmp_path)
    labels(tmp_path)
    with (tmp_path / "scenes.csv").open("a") as stream:
        stream.write(",,,\n\n,,,\n")
    assert len(build_manifest(tmp_path)) == len(SCENES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"separator": ";"}, "scenes.csv:1: columns are separated by semicolons"),
        ({"separator": ";", "encoding": "utf-8-sig"}, "separated by semicolons"),
        ({"separator": "\t"}, "scenes.csv:1: columns are separated by tabs"),
        ({"encoding": "utf-16"}, "scenes.csv: is not a text file in UTF-8; save it as UTF-8"),
    ],
)
def test_other_tables_are_named(tmp_path: Path, change: dict[str, str], words: str) -> None:
    write_set(tmp_path)
    labels(tmp_path, **change)
    with pytest.raises(DataError, match=words):
        build_manifest(tmp_path)


def test_missing_and_double_columns(tmp_path: Path) -> None:
    write_set(tmp_path)
    for header in (HEADER[:3], [*HEADER, "split"], ["a\n\x07", *HEADER[1:]], []):
        with (tmp_path / "scenes.csv").open("w", newline="") as stream:
            csv.writer(stream).writerow(header)
        with pytest.raises(DataError, match=r"scenes\.csv:1: columns must be split,") as caught:
            build_manifest(tmp_path)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".jpg"])
@pytest.mark.parametrize("layout", ["official", "restormer", "flat"])
def test_a_set_in_another_format_is_named(tmp_path: Path, layout: str, suffix: str) -> None:
    truth = layout != "flat"
    scenes = [scene for scene in SCENES if truth or scene[0] == "test"]
    write_set(tmp_path / "a b", scenes, layout, truth=truth)
    for path in (tmp_path / "a b").rglob("*.png"):
        path.rename(path.with_suffix(suffix))
    inventory = take_inventory(tmp_path)
    count = len(scenes) * (4 if truth else 3)
    assert inventory.problems == [
        f"{tmp_path}/a b: found {count} {suffix} files; PNG is read: convert with "
        f"`find '{tmp_path}/a b' -name '*{suffix}' -exec mogrify -format png {{}} +`"
    ]


def test_one_folder_in_another_format(tmp_path: Path, run: Run) -> None:
    write_set(tmp_path)
    labels(tmp_path)
    for path in (tmp_path / "val_c" / "target").iterdir():
        cv2.imwrite(str(path.with_suffix(".tif")), random_image(1, "target"))
        path.unlink()
    done = run("doctor", "--root", tmp_path)
    assert done.code == 1
    assert [line for line in done.out + done.err if "found 1 .tif files" in line]
    assert not [line for line in done.out + done.err if "0 targets" in line]


def test_previews_next_to_the_images_are_no_problem(tmp_path: Path) -> None:
    write_set(tmp_path)
    for path in [*tmp_path.rglob("*.png")]:
        path.with_suffix(".jpg").write_bytes(b"preview")
    assert take_inventory(tmp_path).problems == []


def named_alike(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        for view, folder, suffix in (
            *(("combined", "train_c/source", ""), ("target", "train_c/target", "")),
            *(("left", "train_l/source", "_L"), ("right", "train_r/source", "_R")),
        ):
            write_image(root / folder / f"{name}{suffix}.png", random_image(number, view))
    rows = [f"train,{name}.png,indoor,main" for name in names]
    (root / "scenes.csv").write_text("\n".join([",".join(HEADER), *rows]) + "\n")


@pytest.mark.parametrize("names", [["lamp"], ["0001", "0002", "0003"], ["a-b", "a-c", "x"]])
def test_source_and_target_may_share_their_name(tmp_path: Path, names: list[str]) -> None:
    named_alike(tmp_path, *names)
    rows = build_manifest(tmp_path)
    assert [row.source for row in rows] == [row.target for row in rows]
    assert [row.source for row in rows] == [f"{name}.png" for name in names]


def test_a_wrong_pair_among_equal_names(tmp_path: Path) -> None:
    named_alike(tmp_path, "0001", "0002", "0003")
    targets = tmp_path / "train_c" / "target"
    (targets / "0003.png").rename(targets / "0004.png")
    with pytest.raises(DataError, match=r"0003\.png: does not belong to target 0004\.png"):
        build_manifest(tmp_path)
