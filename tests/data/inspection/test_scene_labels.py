"""Labels: the set's own take precedence over the authors' arrays, these over the published list."""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.image_sets import write_set

from pipeline.data.inspection.inventory import Inventory, take_inventory
from pipeline.data.inspection.layout import Location
from pipeline.data.inspection.scene_labels import TEST_SCENES, SceneLabels, read_labels
from pipeline.errors import DataError

with TEST_SCENES.open(newline="") as stream:
    LIST = [(row["file_name"], row["category"]) for row in csv.DictReader(stream)]
TESTS = [name for name, _ in LIST]
INDOOR = [number for number, (_, category) in enumerate(LIST, 1) if category == "indoor"]
OUTDOOR = [number for number in range(1, 77) if number not in INDOOR]


def write_arrays(folder: Path, indoor: Any, outdoor: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "indoor_labels.npy", np.asarray(indoor))
    np.save(folder / "outdoor_labels.npy", np.asarray(outdoor))


def read(root: Path, tests: list[str] = TESTS) -> SceneLabels:
    return read_labels(root, Location("official", root), tests)


def categories(found: SceneLabels) -> dict[str, str]:
    return {
        name: label.category for (split, name), label in found.by_scene.items() if split == "test"
    }


def test_without_arrays_the_published_list_counts(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (categories(found), found.read_from) == (dict(LIST), "published list")


@pytest.mark.parametrize("where", ["", "test_c", "test_c/source"])
@pytest.mark.parametrize("shape", [(-1,), (1, -1)])
@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_equal_arrays_change_nothing(tmp_path: Path, where: str, shape: Any, kind: type) -> None:
    arrays = [np.array(values, kind).reshape(shape) for values in (INDOOR, OUTDOOR)]
    write_arrays(tmp_path / where, *arrays)
    found = read(tmp_path)
    assert categories(found) == dict(LIST)
    assert found.differences == ()
    assert found.read_from == f"label arrays in {tmp_path / where}"


def test_arrays_win_and_every_difference_is_reported(tmp_path: Path) -> None:
    one, other = INDOOR[0], OUTDOOR[5]
    write_arrays(tmp_path, [*INDOOR[1:], other], [one, *OUTDOOR[:5], *OUTDOOR[6:]])
    found = read(tmp_path)
    changed = {TESTS[one - 1]: "outdoor", TESTS[other - 1]: "indoor"}
    assert categories(found) == {**dict(LIST), **changed}
    assert len(found.differences) == 2
    assert f"{TESTS[other - 1]} (number {other}) is indoor" in " ".join(found.differences)


def test_own_labels_win_over_arrays(tmp_path: Path) -> None:
    write_arrays(tmp_path, [1], [2])
    text = "split,source,category,group\ntest,1P0A0917.png,indoor,x\n"
    (tmp_path / "scenes.csv").write_text(text)
    found = read(tmp_path)
    assert (categories(found), found.complete) == ({"1P0A0917.png": "indoor"}, True)


def test_positions_count_in_the_sorted_list_of_test_images(tmp_path: Path) -> None:
    # Unknown names: only the arrays can label them.
    write_set(tmp_path, [("test", 9001, 9002), ("test", 8001, 8002), ("test", 8501, 8502)])
    write_arrays(tmp_path / "test_c", [3], [1, 2])
    inventory: Inventory = take_inventory(tmp_path)
    assert inventory.problems == []
    assert [(scene.source, scene.category) for scene in inventory.scenes] == [
        ("1P0A8001.png", "outdoor"),
        ("1P0A8501.png", "outdoor"),
        ("1P0A9001.png", "indoor"),
    ]


def test_the_official_numbers_of_each_category_are_checked(tmp_path: Path) -> None:
    write_set(tmp_path, [("test", int(name[4:8]), int(name[4:8]) + 1) for name in TESTS])
    write_arrays(tmp_path, INDOOR[1:], [INDOOR[0], *OUTDOOR])
    problems = take_inventory(tmp_path, official=True).problems
    assert "36 indoor and 40 outdoor test scenes, officially 37 and 39" in problems[-1]


@pytest.mark.parametrize(
    ("indoor", "outdoor", "words"),
    [
        ([0, *INDOOR[1:]], OUTDOOR, ["indoor_labels.npy", "0 is not a position among 76"]),
        ([*INDOOR[:-1], 77], OUTDOOR, ["77 is not a position"]),
        (INDOOR, [*OUTDOOR, INDOOR[3]], ["outdoor_labels.npy", "already indoor"]),
        ([INDOOR[0], *INDOOR], OUTDOOR, ["indoor_labels.npy", "already indoor"]),
        (INDOOR[1:], OUTDOOR, ["lack 1 of 76", f"number {INDOOR[0]}"]),
        (np.array(INDOOR, float), OUTDOOR, ["holds float64"]),
        (np.array([str(n) for n in INDOOR]), OUTDOOR, ["indoor_labels.npy", "not whole"]),
        (np.array(INDOOR, object), OUTDOOR, ["is not a NumPy array"]),
        (np.zeros(20000), OUTDOOR, ["too large"]),
    ],
)
def test_arrays_that_cannot_be_right(
    tmp_path: Path, indoor: Any, outdoor: Any, words: list[str]
) -> None:
    write_arrays(tmp_path, indoor, outdoor)
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_array_alone_and_two_pairs_are_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path, INDOOR, OUTDOOR)
    write_arrays(tmp_path / "test_c", INDOOR, OUTDOOR)
    with pytest.raises(DataError, match=r"label arrays in .* and .*test_c; remove"):
        read(tmp_path)
    (tmp_path / "test_c" / "indoor_labels.npy").unlink()
    (tmp_path / "test_c" / "outdoor_labels.npy").unlink()
    (tmp_path / "outdoor_labels.npy").unlink()
    with pytest.raises(DataError, match=r"outdoor_labels\.npy: is missing next to the other"):
        read(tmp_path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_array_is_refused_or_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    write_arrays(folder, INDOOR, OUTDOOR)
    path = folder / "indoor_labels.npy"
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(DataError):
        assert categories(read(folder)) == dict(LIST)
