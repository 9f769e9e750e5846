"""The synthetic set as a whole: its folder, its names, its splits, and that its bytes are fixed."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.config.blocks import Synthetic
from pipeline.data.manifest import build_manifest, read_scene
from pipeline.data.png import read_png
from pipeline.data.synthetic.dataset import MAX_SCENES, synthesize, true_defocus
from pipeline.data.synthetic.dual_pixel import BOKEHS, render
from pipeline.data.synthetic.scenes import PHOTOGRAPHS
from pipeline.errors import ConfigError, DataError

SMALL = {
    "kind": "synthetic",
    "name": "small",
    "size": [32, 48],
    "coc_far": [3.0, 6.0],
    "focus": [2.0, 6.0],
    "distortion": False,
    "train": {"leaves": 3, "photographs": ["astronaut"]},
    "val": {"leaves": 2},
    "test": {"leaves": 2, "photographs": ["chelsea", "rocket"], "stereo": True},
}


def spec(**changes):
    return Synthetic.model_validate({**SMALL, **changes})


def make(root, seed=5, workers=1, **changes):
    synthesize(spec(**changes), seed, root, workers, False)
    return root


def bytes_of(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def rows_of(root):
    with (root / "scenes.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return make(tmp_path_factory.mktemp("set") / "raw")


def test_any_number_of_workers_gives_the_same_bytes(small, tmp_path):
    assert bytes_of(make(tmp_path / "raw", workers=2)) == bytes_of(small)


def test_another_seed_gives_other_images_of_the_same_scenes(small, tmp_path):
    other = make(tmp_path / "raw", seed=6)
    mine, theirs = rows_of(small), rows_of(other)
    assert [row["kind"] for row in mine] == [row["kind"] for row in theirs]
    same = set(bytes_of(small).values()) & set(bytes_of(other).values())
    # The stereo scene is one image with one depth; only its bokeh is drawn.
    assert len(same) <= 4


def test_scenes_of_one_split_do_not_depend_on_the_size_of_another(small, tmp_path):
    other = make(tmp_path / "raw", train={"leaves": 1})
    expected, found = (
        [read_scene(root, row) for row in build_manifest(root) if row.split == "test"]
        for root in (small, other)
    )
    for one, two in zip(expected, found, strict=True):
        for view in one:
            np.testing.assert_array_equal(one[view], two[view])


def test_no_image_is_in_two_splits(small):
    sources = {"train": set(), "val": set(), "test": set()}
    for row in rows_of(small):
        assert row["sources"] not in sources[row["split"]]
        sources[row["split"]].add(row["sources"])
    assert not sources["train"] & sources["val"]
    assert not sources["train"] & sources["test"]
    assert not sources["val"] & sources["test"]
    targets = [row.sha256_target for row in build_manifest(small)]
    assert len(set(targets)) == len(targets)


def test_names_look_like_the_canon_set(small):
    numbers = []
    for row in rows_of(small):
        pair = [int(re.fullmatch(r"1P0A(\d{4})\.png", row[end])[1]) for end in ("source", "target")]
        assert abs(pair[0] - pair[1]) == 1
        numbers += pair
    assert len(set(numbers)) == len(numbers)
    for split in ("train", "val", "test"):
        rows = [row for row in rows_of(small) if row["split"] == split]
        sources, targets = (sorted(row[end] for row in rows) for end in ("source", "target"))
        pairs = list(zip(sources, targets, strict=True))
        assert pairs == sorted((row["source"], row["target"]) for row in rows)
    orders = {row["source"] < row["target"] for row in rows_of(small)}
    assert orders == {True, False}


def test_scenes_are_labeled_by_split_and_kind(small):
    found = [(row["split"], row["group"], row["category"], row["kind"]) for row in rows_of(small)]
    assert found == [
        ("train", "main", "indoor", "leaves"),
        ("train", "main", "outdoor", "leaves"),
        ("train", "main", "indoor", "leaves"),
        ("train", "main", "indoor", "photograph"),
        ("val", "main", "indoor", "leaves"),
        ("val", "main", "outdoor", "leaves"),
        ("test", "main", "indoor", "leaves"),
        ("test", "main", "outdoor", "leaves"),
        ("test", "photographs", "indoor", "photograph"),
        ("test", "photographs", "outdoor", "photograph"),
        ("test", "stereo", "indoor", "stereo"),
    ]


def test_views_are_blurred_and_differ_as_dual_pixels_do(tmp_path):
    root = make(tmp_path / "raw", size=[96, 144])
    for row in build_manifest(root):
        scene = {view: image / 65535 for view, image in read_scene(root, row).items()}
        error = np.mean((scene["combined"] - scene["target"]) ** 2)
        assert 17 < -10 * np.log10(error) < 33, row.source
        assert np.mean(np.abs(scene["left"] - scene["right"])) > 0.002
        mean = (scene["left"] + scene["right"]) / 2
        np.testing.assert_allclose(scene["combined"], mean, atol=1.5 / 65535)


def test_the_true_defocus_is_what_the_camera_rendered(small):
    root, rows = small, build_manifest(small)
    for split in ("val", "test"):
        known = true_defocus(spec(), 5, split)
        scenes = [row for row in rows if row.split == split]
        assert set(known) == {row.source for row in scenes}
        for row in scenes:
            images = read_scene(root, row)
            radii = known[row.source]
            assert radii.shape == (row.height, row.width)
            # Which of the shapes it had is not recorded.
            errors = [
                np.abs(
                    render(images["target"] / 65535, radii, bokeh).combined * 65535
                    - images["combined"]
                ).max()
                for bokeh in BOKEHS
            ]
            assert min(errors) < 2
            assert np.ptp(radii) > 0


def test_no_true_defocus_behind_a_distorting_lens():
    with pytest.raises(ConfigError, match="distortion moves the pixels"):
        true_defocus(spec(distortion=True), 5, "test")


def test_distortion_changes_the_views_and_the_target(small, tmp_path):
    bent = make(tmp_path / "raw", distortion=True)
    straight = bytes_of(small)
    assert straight.pop("scenes.csv") == (bent / "scenes.csv").read_bytes()
    for name in straight:
        assert not np.array_equal(read_png(small / name).pixels, read_png(bent / name).pixels), name


def test_an_empty_split_leaves_no_folder(tmp_path):
    root = make(tmp_path / "raw", val={"leaves": 0})
    assert not list(root.glob("val_*"))
    assert {row.split for row in build_manifest(root)} == {"train", "test"}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        (
            {"val": {"leaves": 1, "photographs": ["chelsea"]}},
            "'chelsea' is in both `val` and `test`",
        ),
        ({"val": {"leaves": 1, "photographs": ["lena"]}}, "'lena'; known: astronaut, chelsea"),
        ({"train": {"leaves": 1, "stereo": True}}, "belongs to `test` only"),
        ({"train": {"leaves": MAX_SCENES}}, "requests 5006 scenes"),
        ({split: {"leaves": 0} for split in ("train", "val", "test")}, "requests 0 scenes"),
        ({"coc_far": [6.0, 3.0]}, r"coc_far\s+Value error, the first number must not be larger"),
        ({"coc_far": [3.0, 41.0]}, "coc_far"),
        ({"coc_far": [float("nan"), 4.0]}, "coc_far"),
        ({"focus": [0.0, 3.0]}, "focus"),
        ({"size": [0, 48]}, r"size\.0\s+Input should be greater than or equal to 16"),
        ({"size": [10**6, 10**6]}, "size"),
    ],
)
def test_impossible_sets_are_refused_before_anything_is_written(tmp_path, changes, match):
    with pytest.raises((ConfigError, ValidationError), match=match):
        make(tmp_path / "raw", **changes)
    assert not list(tmp_path.iterdir())


def test_an_earlier_set_is_replaced_as_a_whole(tmp_path):
    root = make(tmp_path / "raw")
    make(root, train={"leaves": 1}, val={"leaves": 0}, test={"leaves": 1})
    assert len(rows_of(root)) == 2
    assert len(list(root.rglob("*.png"))) == 8


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for root in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(DataError, match="choose another folder"):
            make(root)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_leaves_the_earlier_set_and_no_rubbish(tmp_path, monkeypatch, workers):
    root = make(tmp_path / "raw")
    before = bytes_of(root)
    # One scene fails after others have been written.
    changes = {"test": {"leaves": 2, "photographs": ["gone"], "stereo": True}}
    monkeypatch.setitem(PHOTOGRAPHS, "gone", "gone.png")
    with pytest.raises((DataError, ConfigError), match="gone"):
        make(root, seed=9, workers=workers, **changes)
    assert bytes_of(root) == before
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_progress_is_shown_only_on_request(tmp_path, capsys):
    make(tmp_path / "quiet")
    assert capsys.readouterr() == ("", "")
    synthesize(spec(), 5, Path(tmp_path / "loud"), 1, True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "synthesizing" in err
