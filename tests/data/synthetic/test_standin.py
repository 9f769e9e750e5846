"""The stand-in: official names, real dual-pixel views, and never taken for the Canon set."""

import csv
import itertools
import os
import shutil
import sys
from collections import Counter

import numpy as np
import pytest
from support.kills import kill_repeatedly
from support.paths import REPOSITORY

from pipeline.data.manifest import build_manifest, read_scene
from pipeline.data.synthetic import standin
from pipeline.data.synthetic.dual_pixel import BOKEHS, render
from pipeline.data.synthetic.mosaic import MAX_MOSAIC_RADIUS, mosaic
from pipeline.data.synthetic.standin import choose_scenes, make_standin
from pipeline.errors import ConfigError, DataError

SIZE = (96, 128)
NAMES = REPOSITORY / "pipeline" / "data" / "inspection" / "dpdd_split_file_names.csv"
PUBLISHED = REPOSITORY / "pipeline" / "data" / "inspection" / "dpdd_test_scenes.csv"


def make(root, count=8, seed=3, size=SIZE, workers=1):
    return make_standin(root, count, seed, size, workers, progress=False)


def bytes_of(root):
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    root = tmp_path_factory.mktemp("standin") / "set"
    assert make(root) == 8
    return root


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (4, (1, 1, 2)),
        (8, (5, 1, 2)),
        (100, (70, 15, 15)),
        (499, (349, 74, 76)),
        (500, (350, 74, 76)),
    ],
)
def test_splits_share_the_scenes_as_in_the_real_set(count, expected):
    scenes = choose_scenes(count)
    found = Counter(scene.split for scene in scenes)
    assert tuple(found[split] for split in ("train", "val", "test")) == expected
    assert len(set(scenes)) == count
    assert {scene.category for scene in scenes if scene.split == "test"} == {"indoor", "outdoor"}


def test_all_scenes_are_the_published_list():
    chosen = [(s.split, s.source, s.target) for s in choose_scenes(500)]
    assert chosen == [
        (row["split"], f"{row['source']}.png", f"{row['target']}.png") for row in rows_of(NAMES)
    ]
    labels = {row["file_name"]: row["category"] for row in rows_of(PUBLISHED)}
    assert {s.source: s.category for s in choose_scenes(500) if s.split == "test"} == labels


def test_the_layout_and_the_labels_are_understood(small):
    scenes = build_manifest(small)
    assert [(s.split, s.source, s.target, s.category) for s in scenes] == [
        (s.split, s.source, s.target, s.category) for s in choose_scenes(8)
    ]
    for row in scenes:
        assert (row.height, row.width, row.bit_depth) == (*SIZE, 16)


def test_it_says_what_it_is(small):
    rows = rows_of(small / "scenes.csv")
    assert {row["kind"] for row in rows} == {"stand-in"}
    assert len({row["sources"] for row in rows}) == len(rows) == 8


def test_no_two_scenes_are_equal(small):
    targets = [read_scene(small, row)["target"] for row in build_manifest(small)]
    for one, two in itertools.combinations(targets, 2):
        assert np.mean(one != two) > 0.9


def sharpness(image):
    return np.mean(np.abs(np.diff(image.astype(float), axis=1)))


def test_targets_are_sharper_and_use_all_16_bits(small):
    for row in build_manifest(small):
        scene = read_scene(small, row)
        assert sharpness(scene["target"]) > 1.3 * sharpness(scene["combined"])
        for view, image in scene.items():
            assert len(np.unique(image & 0xFF)) == 256, view
        mean = (scene["left"].astype(float) + scene["right"]) / 2
        np.testing.assert_allclose(scene["combined"], mean, atol=1)


def disparity(left, right, most=12):
    """Columns by which `right` lies to the right of `left`."""
    left, right = (image.mean(axis=2) for image in (left, right))
    inner = slice(most, -most)
    errors = {
        shift: np.mean((np.roll(right, -shift, axis=1)[:, inner] - left[:, inner]) ** 2)
        for shift in range(-most, most + 1)
    }
    return min(errors, key=errors.get)


def test_views_shift_to_opposite_sides_before_and_behind_the_focal_plane():
    random = np.random.default_rng(2)
    sharp, _ = mosaic((160, 200), random)
    for radius in (4, 8, MAX_MOSAIC_RADIUS):
        behind, before = (
            disparity(view.left, view.right)
            for view in (
                render(sharp, np.full(sharp.shape[:2], sign * radius), BOKEHS[0])
                for sign in (1, -1)
            )
        )
        # Half the aperture each: their centers are a good radius apart.
        assert 0 < abs(behind) <= 1.2 * radius
        assert before == -behind


def test_panels_of_a_image_show_the_disparity_of_their_depth():
    random = np.random.default_rng(7)
    sharp, radius = mosaic((1120, 1680), random)
    assert 3 <= len(np.unique(radius)) <= 5
    assert radius.min() < 0 < radius.max()
    assert np.abs(radius).max() <= MAX_MOSAIC_RADIUS
    views = render(sharp, radius, BOKEHS[3])
    signs = []
    for rows in np.array_split(np.arange(1120), 3):
        for columns in np.array_split(np.arange(1680), 4):
            here = np.ix_(rows[40:-40], columns[40:-40])
            (own,) = np.unique(radius[here])
            found = disparity(views.left[here], views.right[here])
            signs.append(np.sign(found) * np.sign(own))
    assert len(set(signs)) == 1
    assert signs[0] != 0


def test_any_number_of_workers_gives_the_same_bytes(small, tmp_path):
    make(tmp_path / "set", workers=2)
    assert bytes_of(tmp_path / "set") == bytes_of(small)


def test_another_seed_or_size_gives_other_images(small, tmp_path):
    make(tmp_path / "seed", seed=4)
    make(tmp_path / "size", size=(96, 144))
    for other in (tmp_path / "seed", tmp_path / "size"):
        assert not set(bytes_of(other).values()) & set(bytes_of(small).values())


def test_a_scene_is_the_same_in_a_larger_set(small, tmp_path):
    make(tmp_path / "set", count=20)
    name = "test_c/source/1P0A0917.png"
    assert (tmp_path / "set" / name).read_bytes() == (small / name).read_bytes()


def test_a_killed_start_is_gone_on_with(small, tmp_path):
    root = tmp_path / "set"
    command = [sys.executable, "-m", "pipeline", "standin", "--output", str(tmp_path)]
    command += ["--scenes", "8", "--seed", "3", "--size", *map(str, SIZE)]

    def reset():
        for path in tmp_path.iterdir():
            shutil.rmtree(path)

    assert kill_repeatedly(command, kills=4, reset=reset, cwd=REPOSITORY) == 4
    (root,) = tmp_path.iterdir()
    assert bytes_of(root) == bytes_of(small)


def test_only_what_is_missing_is_made(small, tmp_path, monkeypatch):
    root = tmp_path / "set"
    work = tmp_path / f".work-set-8-3-{SIZE[0]}x{SIZE[1]}"
    shutil.copytree(small, work)
    (work / "val_l" / "source" / "1P0A0894_L.png").unlink()
    (work / "val_l" / "source" / ".tmp-half.png").write_bytes(b"half")
    assert make(root) == 1
    assert bytes_of(root) == bytes_of(small)
    # Made already: nothing is left to do.
    monkeypatch.setattr(standin, "mosaic", None)
    assert make(root) == 0


def test_what_is_there_is_not_touched(small, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(small, root)
    with pytest.raises(DataError, match="holds something else; remove it"):
        make(root, seed=4)
    assert bytes_of(root) == bytes_of(small)
    (tmp_path / "thesis").mkdir()
    with pytest.raises(DataError, match="thesis: holds something else"):
        make(tmp_path / "thesis")


def test_a_full_disk_is_noticed_before_anything_is_made(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"needs 2\.0 MB and has 1\.0 MB free"):
        make(tmp_path / "set")
    assert not list(tmp_path.iterdir())


def test_the_predicted_size_is_about_right(small):
    predicted = 8 * SIZE[0] * SIZE[1] * standin.BYTES_PER_PIXEL
    actual = sum(len(content) for content in bytes_of(small).values())
    assert 0.85 * predicted < actual < 1.15 * predicted


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="cannot be written"):
        make(tmp_path / "set")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"count": 3}, "--scenes: 3 cannot be made; use 4 to 500"),
        ({"count": 501}, "--scenes: 501"),
        ({"size": (48, 96)}, "--size: 48x96"),
        ({"size": (10**5, 10**5)}, "--size"),
    ],
)
def test_impossible_sets_are_refused(tmp_path, changes, match):
    with pytest.raises(ConfigError, match=match):
        make(tmp_path / "set", **changes)
    assert not list(tmp_path.iterdir())
