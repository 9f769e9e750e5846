"""Clips of the synthetic camera: frames that overlap, names that group and pair, fixed bytes."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.config.blocks import Clips
from pipeline.data.inspection.layout import VIEWS
from pipeline.data.manifest import build_manifest, read_scene, write_manifest
from pipeline.data.png import read_png
from pipeline.data.sampling.crop_areas import clips_of
from pipeline.data.store.build import build_store
from pipeline.data.store.reader import PixelStore
from pipeline.data.synthetic.clips import MAX_STEP, Pan, synthesize_clips
from pipeline.data.synthetic.dual_pixel import MAX_RADIUS
from pipeline.errors import ConfigError, DataError

SMALL = {
    "kind": "clips",
    "name": "small-clips",
    "size": [48, 64],
    "clips": 3,
    "frames": 4,
    "coc_far": [3.0, 6.0],
    "focus": [2.0, 6.0],
    "distortion": False,
}
SIZE = (48, 64)


def make(root: Path, seed: int = 5, workers: int = 1, **changes: Any) -> Path:
    synthesize_clips(Clips.model_validate({**SMALL, **changes}), seed, root, workers, False)
    return root


def bytes_of(root: Path) -> dict[str, bytes]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def table(root: Path) -> list[dict[str, str]]:
    with (root / "scenes.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("clips") / "raw")


def test_any_number_of_workers_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    assert bytes_of(make(tmp_path / "raw", workers=2)) == bytes_of(small)


def test_a_clip_depends_on_the_seed_and_its_number_only(small: Path, tmp_path: Path) -> None:
    fewer, other = make(tmp_path / "fewer", clips=2), make(tmp_path / "other", seed=6)
    mine, less = bytes_of(small), bytes_of(fewer)
    assert all(mine[name] == less[name] for name in less if name != "scenes.csv")
    assert set(mine.values()).isdisjoint(bytes_of(other).values())


def test_the_set_has_frames_for_training_only(small: Path) -> None:
    rows = table(small)
    names = [f"{clip:03d}-{frame:04d}.png" for clip in (1, 2, 3) for frame in (1, 2, 3, 4)]
    assert [row["source"] for row in rows] == [row["target"] for row in rows] == names
    assert {row["split"] for row in rows} == {"train"}
    assert [row["category"] for row in rows[::4]] == ["indoor", "outdoor", "indoor"]
    found = build_manifest(small)
    assert [(row.split, row.source, row.target) for row in found] == [
        ("train", name, name) for name in names
    ]
    assert {(row.height, row.width, row.bit_depth) for row in found} == {(*SIZE, 16)}
    assert found[1].file_left == "train_l/source/001-0002_L.png"
    assert found[1].file_target == "train_c/target/001-0002.png"


def images(root: Path) -> list[dict[str, NDArray[np.uint16]]]:
    return [read_scene(root, row) for row in build_manifest(root)]


def overlap(
    earlier: NDArray[Any], later: NDArray[Any], down: int, right: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """What two frames share if the camera moved by so much in between."""
    height, width = earlier.shape[:2]
    rows = slice(max(0, down), height + min(0, down))
    columns = slice(max(0, right), width + min(0, right))
    back_rows = slice(max(0, -down), height + min(0, -down))
    back_columns = slice(max(0, -right), width + min(0, -right))
    return earlier[rows, columns], later[back_rows, back_columns]


def test_frames_of_a_clip_show_one_scene_from_a_moving_camera(small: Path) -> None:
    frames, places = images(small), [(int(r["top"]), int(r["left"])) for r in table(small)]
    for start in range(0, 12, 4):
        steps = set()
        for number in range(start + 1, start + 4):
            down, right = np.subtract(places[number], places[number - 1])
            steps.add((down, right))
            for view in VIEWS:
                shared = overlap(frames[number - 1][view], frames[number][view], down, right)
                np.testing.assert_array_equal(*shared)
        ((down, right),) = steps
        assert 0 < max(abs(down), abs(right)) <= MAX_STEP
    # Different clips show different scenes.
    assert not np.array_equal(frames[0]["target"], frames[4]["target"])


@pytest.mark.parametrize("pan", [(0, 3), (-2, 0), (4, -4), (-1, -3)])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_every_frame_lies_in_the_scene_and_touches_its_border(
    pan: tuple[int, int], frames: int
) -> None:
    way = Pan(*pan)
    corners = [way.corner(frame, frames) for frame in range(frames)]
    assert all(tuple(np.subtract(b, a)) == pan for a, b in pairwise(corners))
    assert np.min(corners, axis=0).tolist() == [0, 0]
    ends = np.max(corners, axis=0) + SIZE
    assert tuple(ends) == way.scene_size(SIZE, frames)


def test_views_are_blurred_and_differ_as_dual_pixels_do(small: Path) -> None:
    for frame in images(small):
        scene = {view: image / 65535 for view, image in frame.items()}
        assert np.mean((scene["combined"] - scene["target"]) ** 2) > 1e-4
        assert np.mean(np.abs(scene["left"] - scene["right"])) > 0.002
        mean = (scene["left"] + scene["right"]) / 2
        np.testing.assert_allclose(scene["combined"], mean, atol=1.5 / 65535)


def test_distortion_is_the_cameras_and_does_not_move_with_the_scene(
    small: Path, tmp_path: Path
) -> None:
    bent = make(tmp_path / "raw", clips=1, distortion=True)
    straight, places = images(small), table(bent)
    assert places == table(small)[:4]
    for one, other in zip(images(bent), straight[:4], strict=True):
        assert all(not np.array_equal(one[view], other[view]) for view in VIEWS)
        # At the center of the image nothing moves.
        center = (slice(23, 25), slice(31, 33))
        np.testing.assert_allclose(
            one["combined"][center] / 65535, other["combined"][center] / 65535, atol=0.03
        )


def test_the_store_has_the_clips_in_order(small: Path, tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.csv", build_manifest(small))
    build_store(small, tmp_path / "manifest.csv", tmp_path / "store")
    store = PixelStore(tmp_path / "store")
    assert clips_of(store) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    sharp = read_png(small / "train_c" / "target" / "002-0003.png").pixels
    np.testing.assert_array_equal(store.read(6)["target"], sharp)


def test_frames_without_their_own_target_are_no_pair(small: Path, tmp_path: Path) -> None:
    root = make(tmp_path / "raw", clips=1)
    # The counts still agree, and neighboring numbers would do in the Canon set.
    (root / "train_c" / "source" / "001-0002.png").unlink()
    (root / "train_c" / "target" / "001-0003.png").unlink()
    with pytest.raises(DataError, match=r"001-0003\.png: does not belong to target 001-0002\.png"):
        build_manifest(root)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"clips": 1000}, "companion: clips: 1000 exceed the maximum of 999"),
        ({"frames": 2100}, "companion: frames: 2100 of 48x64 may need a scene of 8444x8460"),
        ({"coc_far": [3.0, MAX_RADIUS + 1]}, "companion: coc_far"),
        ({"focus": [6.0, 2.0]}, r"focus\s+Value error, the first number must not be larger"),
        ({"size": [48, 8]}, r"size\.1\s+Input should be greater than or equal to 16"),
    ],
)
def test_impossible_sets_are_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], match: str
) -> None:
    with pytest.raises((ConfigError, ValidationError), match=match):
        make(tmp_path / "raw", **changes)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match="choose another folder"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
