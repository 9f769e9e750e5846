"""The manifest: complete sets are described, incomplete or changed ones are refused by name."""

import csv
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.image_sets import SCENES, random_image, write_set

from pipeline.data.inspection.scene_labels import TEST_SCENES
from pipeline.data.manifest import (
    VIEWS,
    ManifestRow,
    build_manifest,
    read_manifest,
    read_scene,
    write_manifest,
)
from pipeline.data.png import write_png16
from pipeline.errors import DataError
from pipeline.files import sha256_of


def canon_set(root, scenes=SCENES):
    return write_set(root, scenes)


def label(root, rows):
    lines = ["split,source,group,category,note", *rows]
    (root / "scenes.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def canon(tmp_path):
    return canon_set(tmp_path / "canon")


def refuses(root, *words):
    with pytest.raises(DataError) as caught:
        build_manifest(root)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_canon_set_is_described_with_the_published_labels(canon):
    rows = build_manifest(canon)
    assert [(row.split, row.source, row.target, row.category, row.group) for row in rows] == [
        ("train", "1P0A0890.png", "1P0A0891.png", "", "main"),
        ("train", "1P0A0911.png", "1P0A0910.png", "", "main"),
        ("val", "1P0A2027.png", "1P0A2029.png", "", "main"),
        ("test", "1P0A0917.png", "1P0A0916.png", "outdoor", "main"),
        ("test", "1P0A1434.png", "1P0A1435.png", published("1P0A1434.png"), "main"),
    ]
    assert {(row.width, row.height, row.bit_depth) for row in rows} == {(8, 6, 16)}
    assert rows[0].sha256_left == sha256_of(canon / "train_l" / "source" / "1P0A0890_L.png")
    assert rows[0].sha256_target == sha256_of(canon / "train_c" / "target" / "1P0A0891.png")


def published(name):
    with TEST_SCENES.open(newline="") as stream:
        return {row["file_name"]: row["category"] for row in csv.DictReader(stream)}[name]


def test_published_labels_have_both_categories_in_the_published_numbers():
    with TEST_SCENES.open(newline="") as stream:
        labels = [row["category"] for row in csv.DictReader(stream)]
    assert (labels.count("indoor"), labels.count("outdoor"), len(labels)) == (37, 39, 76)


def test_own_labels_win_over_the_published_ones(tmp_path):
    root = canon_set(tmp_path / "own", [("test", 917, 916), ("test", 9001, 9000)])
    label(root, ["test,1P0A0917.png,main,indoor,x", "test,1P0A9001.png,stereo,outdoor,y"])
    assert [(row.category, row.group) for row in build_manifest(root)] == [
        ("indoor", "main"),
        ("outdoor", "stereo"),
    ]


def test_the_test_split_alone_is_enough(tmp_path):
    root = canon_set(tmp_path / "test-only", SCENES[3:])
    assert [row.split for row in build_manifest(root)] == ["test", "test"]


def test_reading_a_scene_gives_the_images_in_the_manifest(canon):
    row = build_manifest(canon)[3]
    scene = read_scene(canon, row)
    assert tuple(scene) == VIEWS
    for view in VIEWS:
        np.testing.assert_array_equal(scene[view], random_image(917, view))


@pytest.mark.parametrize("view", VIEWS)
def test_an_exchanged_image_is_noticed(canon, view):
    row = build_manifest(canon)[3]
    path = {
        "combined": canon / "test_c" / "source" / "1P0A0917.png",
        "left": canon / "test_l" / "source" / "1P0A0917_L.png",
        "right": canon / "test_r" / "source" / "1P0A0917_R.png",
        "target": canon / "test_c" / "target" / "1P0A0916.png",
    }[view]
    write_png16(path, random_image(1, view))
    with pytest.raises(DataError, match="sha256 differs"):
        read_scene(canon, row)
    path.unlink()
    with pytest.raises(DataError, match=path.name):
        read_scene(canon, row)


@pytest.mark.parametrize(
    ("cell", "match"),
    [({"width": 9}, "is 8x6 with 16 bits, .* 9x6 with 16"), ({"bit_depth": 8}, "8x6 with 8;")],
)
def test_a_manifest_that_is_wrong_about_its_images_is_noticed(canon, cell, match):
    with pytest.raises(DataError, match=match):
        read_scene(canon, build_manifest(canon)[3].model_copy(update=cell))


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("test_l/source/1P0A0917_L.png", ["1P0A0917_L.png", "is missing"]),
        ("test_r/source/1P0A1434_R.png", ["1P0A1434_R.png", "is missing"]),
        ("test_c/target/1P0A0916.png", ["test_c", "2 sources and 1 targets"]),
        ("test_c/source/1P0A0917.png", ["test_c", "1 sources and 2 targets"]),
        ("test_l", ["is missing"]),
        ("test_c", ["0 sources"]),
        ("test_c/target", ["0 targets"]),
    ],
)
def test_missing_images_are_named(canon, lost, words):
    path = canon / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    refuses(canon, *words)


def test_surplus_views_are_named(canon):
    write_png16(canon / "test_l" / "source" / "1P0A5555_L.png", random_image(0, "right"))
    refuses(canon, "1P0A5555_L.png", "has no combined view")


def test_pairs_that_do_not_belong_together_are_refused(tmp_path):
    refuses(canon_set(tmp_path / "far", [("train", 890, 893)]), "1P0A0890.png", "1P0A0893.png")
    # One source and one target are gone, of different scenes: the counts still agree.
    scenes = [("train", number, number + 1) for number in (890, 892, 898)]
    shifted = canon_set(tmp_path / "shifted", scenes)
    (shifted / "train_c" / "source" / "1P0A0890.png").unlink()
    (shifted / "train_c" / "target" / "1P0A0899.png").unlink()
    refuses(shifted, "does not belong to target")


def test_a_image_without_a_capture_number_is_refused(canon):
    (canon / "test_c" / "source" / "1P0A0917.png").rename(
        canon / "test_c" / "source" / "1P0A-917.png"
    )
    refuses(canon, "capture number")


def test_hidden_files_of_foreign_archives_are_no_images(canon):
    (canon / "test_c" / "source" / "._1P0A0917.png").write_bytes(b"rubbish")
    (canon / "test_c" / "source" / "Thumbs.db").write_bytes(b"rubbish")
    assert len(build_manifest(canon)) == 5


def test_images_of_another_size_depth_or_state_are_refused(canon):
    right = canon / "test_r" / "source" / "1P0A0917_R.png"
    write_png16(right, random_image(0, "right", (8, 6)))
    refuses(canon, right.name, "6x8", "8x6")
    write_png16(right, random_image(0, "right"))
    content = right.read_bytes()
    right.write_bytes(content[:-20])
    refuses(canon, right.name, "truncated")
    right.write_bytes(b"GIF89a")
    refuses(canon, right.name, "not a PNG")


def test_a_scene_in_two_splits_is_refused(tmp_path):
    root = canon_set(tmp_path / "leak", [("train", 890, 891), ("val", 890, 891)])
    refuses(root, "1P0A0890.png", "train", "val")


def test_scenes_without_labels_and_labels_without_scenes_are_refused(tmp_path):
    root = canon_set(tmp_path / "set", [("test", 9001, 9000)])
    refuses(root, "1P0A9001.png", "not one of the published test scenes")
    label(root, [])
    refuses(root, "scenes.csv", "no row for 1P0A9001.png")
    label(root, ["test,1P0A9001.png,main,indoor,", "test,1P0A9003.png,main,indoor,"])
    refuses(root, "scenes.csv", "1P0A9003.png")
    label(root, ["test,1P0A9001.png,main,garden,"])
    refuses(root, "1P0A9001.png", "category")
    label(root, ["test,1P0A9001.png,main"])
    refuses(root, "scenes.csv:2", "5 values")


def test_wrong_roots_are_refused_with_a_hint(tmp_path):
    refuses(tmp_path, "check the root")
    refuses(tmp_path / "gone", "cannot be read (No such file")
    canon_set(tmp_path / "set")
    refuses(tmp_path / "set" / "train_c", "use ", str(tmp_path / "set"))


DIGEST = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.from_regex(r"1P0A[0-9]{4}\.png", fullmatch=True)
ROWS = st.builds(
    ManifestRow,
    split=st.sampled_from(["train", "val", "test"]),
    group=st.sampled_from(["main", "stereo", "photographs"]),
    category=st.sampled_from(["indoor", "outdoor", ""]),
    source=NAMES,
    target=NAMES,
    width=st.integers(1, 10**5),
    height=st.integers(1, 10**5),
    bit_depth=st.just(16),
    file_combined=st.just("train_c/source/a.png"),
    file_left=st.just("train_l/source/a_L.PNG"),
    file_right=st.just("DPDD (1)/train_r/source/ä.png"),
    file_target=st.just("train_c/target/b.png"),
    sha256_combined=DIGEST,
    sha256_left=DIGEST,
    sha256_right=DIGEST,
    sha256_target=DIGEST,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=5, unique_by=lambda row: row.source))
def test_manifests_come_back_and_have_fixed_bytes(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("manifest")
    write_manifest(folder / "a.csv", rows)
    assert read_manifest(folder / "a.csv") == rows
    write_manifest(folder / "b.csv", read_manifest(folder / "a.csv"))
    content = (folder / "a.csv").read_bytes()
    assert content == (folder / "b.csv").read_bytes()
    assert b"\r" not in content


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("train,", "trian,", r"m\.csv:2: split"),
        (",8,6,16", ",8,6,12", r"m\.csv:2: bit_depth"),
        (",8,6,16", ",8,6,8", r"m\.csv:3: scene 1P0A0911\.png has 16 bits"),
        ("train_c/source", "../train_c/source", r"m\.csv:2: file_combined"),
        ("train_c/source", "/train_c/source", r"m\.csv:2: file_combined"),
        ("train_l/source", "train_l//source", r"m\.csv:2: file_left"),
        ("train_l/source", "train_l\\source", r"m\.csv:2: file_left"),
        ("train_l/source", "C:/source", r"m\.csv:2: file_left"),
        ("train_c/target/1P0A0891.png", "train_c/target/x.gif", r"m\.csv:2: file_target"),
        ("train_c/target/1P0A0891.png", "", r"m\.csv:2: target: .* go together"),
        (",8,6,16", ",8,0,16", r"m\.csv:2: height"),
        (",8,6,16", ",8,six,16", r"m\.csv:2: height"),
        (",8,6,16", ",8,6", r"m\.csv:2: needs 16 values"),
        (",8,6,16", ",8,6,16,16", r"m\.csv:2: needs 16 values"),
        ("1P0A0890.png", "../../1P0A0890.png", r"m\.csv:2: source"),
        ("1P0A0911.png", "1P0A0890.png", r"m\.csv:3: scene 1P0A0890\.png is already on line 2"),
        ("sha256_left", "sha1_left", r"m\.csv:1: columns must be split,"),
        ("group", "gro\0up", r"m\.csv:"),
        ("train,main", 'train,"main', r"m\.csv:"),
    ],
)
def test_mangled_manifests_are_refused_by_line(canon, tmp_path, old, new, match):
    path = tmp_path / "m.csv"
    write_manifest(path, build_manifest(canon))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=match):
        read_manifest(path)


def test_missing_empty_and_binary_manifests_are_refused(tmp_path):
    path = tmp_path / "m.csv"
    with pytest.raises(DataError, match="cannot be read"):
        read_manifest(path)
    write_manifest(path, [])
    with pytest.raises(DataError, match="holds no scenes"):
        read_manifest(path)
    for content in (b"", b"\xff\xfe\x00binary"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"m\.csv"):
            read_manifest(path)
