"""Every mirror's layout gives the same scenes; the official set is known by its names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.image_sets import (
    SCENES,
    Capture,
    folder_of,
    official_scenes,
    random_image,
    write_image,
    write_set,
)

from pipeline.data.inspection.inventory import take_inventory
from pipeline.data.inspection.layout import locate
from pipeline.data.manifest import ManifestRow, build_manifest, read_scene
from pipeline.errors import DataError

LAYOUTS = ("official", "restormer", "restormer-inner")


def same_in_all(row: ManifestRow) -> dict[str, object]:
    return {k: v for k, v in row.model_dump().items() if not k.startswith("file_")}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    root = write_set(tmp_path_factory.mktemp("official"))
    return [same_in_all(row) for row in build_manifest(root)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffixes", [True, False])
@pytest.mark.parametrize("renamed", [True, False])
@pytest.mark.parametrize("below", ["", "dd_dp_dataset_canon", "a b/c/DPDD"])
def test_every_layout_gives_the_same_scenes(
    tmp_path: Path,
    expected: list[dict[str, object]],
    layout: str,
    suffixes: bool,
    renamed: bool,
    below: str,
) -> None:
    write_set(tmp_path / below, SCENES, layout, suffixes=suffixes, renamed=renamed)
    rows = build_manifest(tmp_path)
    assert [same_in_all(row) for row in rows] == expected
    assert all((tmp_path / name).is_file() for row in rows for name in row.files.values())
    assert set(read_scene(tmp_path, rows[0])) == {"combined", "left", "right", "target"}


@pytest.mark.parametrize("shift", [0, 1])
def test_frames_have_one_name_other_images_a_number_apart(tmp_path: Path, shift: int) -> None:
    views = {"combined": "", "left": "_L", "right": "_R", "target": ""}
    for number in (10, 20, 30):
        for view, suffix in views.items():
            name = f"street-{number + shift * (view == 'target'):04d}{suffix}.png"
            write_image(
                tmp_path / folder_of("official", "train", view) / name, random_image(number, view)
            )
    rows = build_manifest(tmp_path)
    assert [(row.source, row.target) for row in rows] == [
        (f"street-{number:04d}.png", f"street-{number + shift:04d}.png") for number in (10, 20, 30)
    ]


def test_endings_in_capitals_are_images_too(
    tmp_path: Path, expected: list[dict[str, object]]
) -> None:
    rows = build_manifest(write_set(tmp_path, ending=".PNG"))
    assert [same_in_all(row) for row in rows] == expected
    assert rows[0].file_left == "train_l/source/1P0A0890_L.PNG"


def test_what_macos_and_readers_leave_behind_is_ignored(tmp_path: Path) -> None:
    write_set(tmp_path / "DPDD")
    for folder in ("__MACOSX/DPDD/test_c/source", "DPDD/test_c/source", ".cache/test_c"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "._1P0A0917.png").write_bytes(b"rubbish")
    (tmp_path / "DPDD" / "test_c" / "source" / "Thumbs.db").write_bytes(b"rubbish")
    (tmp_path / "again").symlink_to(tmp_path / "DPDD", target_is_directory=True)
    assert len(build_manifest(tmp_path)) == len(SCENES)


def test_portrait_and_landscape_stand_side_by_side(tmp_path: Path) -> None:
    write_set(tmp_path, SCENES[:2], size=(6, 8))
    write_set(tmp_path, SCENES[2:], size=(8, 6))
    rows = build_manifest(tmp_path)
    assert [(row.width, row.height) for row in rows] == [(8, 6)] * 2 + [(6, 8)] * 3
    assert read_scene(tmp_path, rows[2])["left"].shape == (8, 6, 3)


@pytest.mark.parametrize(
    ("layout", "below"),
    [("flat", "PixelDP"), ("official", "dd_dp_dataset_pixel"), ("restormer", "")],
)
def test_images_without_ground_truth(tmp_path: Path, layout: str, below: str) -> None:
    scenes: list[Capture] = [("test", 1, 0), ("test", 2, 0)]
    write_set(tmp_path / below, scenes, layout, truth=False)
    inventory = take_inventory(tmp_path, official=None)
    assert (inventory.truth, inventory.problems) == (False, [])
    rows = build_manifest(tmp_path)
    assert [(row.source, row.target, row.category) for row in rows] == [
        ("1P0A0001.png", "", ""),
        ("1P0A0002.png", "", ""),
    ]
    assert set(read_scene(tmp_path, rows[1])) == {"combined", "left", "right"}
    (line,) = take_inventory(tmp_path, official=True).problems
    assert "no ground truth" in line
    assert "kind: folder" in line


def refused(root: Path, *words: str) -> None:
    with pytest.raises(DataError) as caught:
        locate(root)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_sets_or_none_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, "no folder train_c", "check the root")
    write_set(tmp_path / "1" / "2" / "3" / "4", SCENES[3:])
    refused(tmp_path, "no folder train_c")
    write_set(tmp_path / "canon", SCENES[3:])
    assert locate(tmp_path).folder == tmp_path / "canon"
    write_set(tmp_path / "pixel", [("test", 1, 0)], "flat", truth=False)
    refused(tmp_path, "more than one", str(tmp_path / "canon"), f"{tmp_path / 'pixel'} (flat)")
    shutil.rmtree(tmp_path / "pixel")
    write_set(tmp_path / "canon", SCENES[3:], "restormer")
    refused(tmp_path, "more than one", "(official)", "(restormer)")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 500 official names, of empty files: these tests look at names alone."""
    root = tmp_path_factory.mktemp("whole")
    blank = np.zeros((1, 1, 3), np.uint16)
    write_image(root / "blank", blank)
    for split, source, target in official_scenes():
        for letter, kind, name in (
            *(("c", "source", f"1P0A{source:04d}"), ("c", "target", f"1P0A{target:04d}")),
            *(("l", "source", f"1P0A{source:04d}_L"), ("r", "source", f"1P0A{source:04d}_R")),
        ):
            path = root / f"{split}_{letter}" / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(root / "blank")
    (root / "blank").unlink()
    return root


@pytest.fixture
def official(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""

    def link(source: str, target: str) -> None:
        Path(target).hardlink_to(source)

    shutil.copytree(whole, tmp_path / "set", copy_function=link)
    return tmp_path / "set"


def test_the_official_set_is_recognized_as_whole(whole: Path) -> None:
    inventory = take_inventory(whole, official=True)
    assert inventory.problems == []
    splits = [scene.split for scene in inventory.scenes]
    assert [splits.count(split) for split in ("train", "val", "test")] == [350, 74, 76]
    labels = [scene.category for scene in inventory.scenes if scene.split == "test"]
    assert (labels.count("indoor"), labels.count("outdoor")) == (37, 39)
    assert take_inventory(whole, official=None).problems == []


def test_the_test_images_of_a_mirror_are_enough(official: Path) -> None:
    for split in ("train", "val"):
        for letter in "clr":
            shutil.rmtree(official / f"{split}_{letter}")
    assert take_inventory(official, official=True).problems == []


def remove(root: Path, split: str, source: int, target: int) -> None:
    (root / f"{split}_c" / "source" / f"1P0A{source:04d}.png").unlink()
    (root / f"{split}_c" / "target" / f"1P0A{target:04d}.png").unlink()
    for letter in "LR":
        path = root / f"{split}_{letter.lower()}" / "source" / f"1P0A{source:04d}_{letter}.png"
        path.unlink()


def test_missing_scenes_are_counted_and_named(official: Path) -> None:
    scenes = [scene for scene in official_scenes() if scene[0] == "train"][:4]
    for scene in scenes:
        remove(official, *scene)
    (line,) = take_inventory(official, official=True).problems
    assert (
        "train has 346 scenes of 350: 4 (1P0A0890.png, 1P0A0892.png, 1P0A0898.png, …) mis" in line
    )
    assert take_inventory(official).problems == []


def test_surplus_and_exchanged_scenes_are_named(official: Path) -> None:
    write_set(official, [("val", 9001, 9002)])
    target = official / "test_c" / "target" / "1P0A0916.png"
    target.rename(target.with_name("1P0A0918.png"))
    surplus, exchanged = take_inventory(official, official=True).problems
    assert "val has 75 scenes of 74: 1 (1P0A9001.png) not in the official list" in surplus
    assert "target of 1P0A0917.png in test is 1P0A0918.png, officially 1P0A0916.png" in exchanged


def test_a_set_with_labels_of_its_own_is_not_the_official_one(official: Path) -> None:
    lines = [f"{split},1P0A{source:04d}.png,," for split, source, _ in official_scenes()]
    text = "\n".join(["split,source,category,group", *(line + "main" for line in lines)])
    (official / "scenes.csv").write_text(text + "\n")
    problems = take_inventory(official, official=True).problems
    assert f"{official / 'scenes.csv'}: a set with its own labels" in problems[0]
    assert take_inventory(official, official=None).problems == []
