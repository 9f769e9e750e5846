"""The companion set from the command line: made or taken, stored, and handed to a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.companions import CLIPS, NEEDY, write_experiment
from support.fixture_types import Done, Run, Tiny
from support.image_sets import write_set

from pipeline.config.experiment import load_experiment
from pipeline.data.manifest import read_manifest
from pipeline.data.sampling.crop_areas import clips_of
from pipeline.data.store.reader import PixelStore
from pipeline.errors import ConfigError
from pipeline.files import sha256_of
from pipeline.records import RunRecord, read_record


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Path:
    return write_experiment(tmp_path / "mine.yaml", tiny, CLIPS)


def train(run: Run, tiny: Tiny, config: Path, name: str, output: Path, *more: object) -> Done:
    given = ["--store", tiny.store, "--patches", tiny.patches, "--manifest", tiny.manifest]
    return run("train", name, *given, "--config", config, "--output", output, *more)


def test_from_the_experiment_file_to_the_record(
    run: Run, tiny: Tiny, config: Path, tmp_path: Path
) -> None:
    raw, manifest, store = tmp_path / "raw", tmp_path / "manifest.csv", tmp_path / "store"
    given = ["--root", raw, "--manifest", manifest]
    made = run("data", "--companion", *given, "--config", config)
    assert made == (0, [f"{manifest}: 4 scenes"], [])
    assert {row.split for row in read_manifest(manifest)} == {"train"}
    assert run("store", *given, "--output", store).code == 0
    assert clips_of(PixelStore(store)) == [[0, 1], [2, 3]]
    output = tmp_path / "run"
    done = train(run, tiny, config, NEEDY, output, "--companion", store)
    assert done.code == 0, done.err
    found = read_record(output / "record.json", RunRecord).provenance
    assert found.companion_sha256 == sha256_of(manifest)
    assert found.manifest_sha256 == sha256_of(tiny.manifest)


def test_without_its_companion_set_a_method_is_not_trained(
    run: Run, tiny: Tiny, config: Path, tmp_path: Path
) -> None:
    done = train(run, tiny, config, NEEDY, tmp_path / "run")
    assert done.code == 1
    assert done.err == [f"error: method {NEEDY!r} is trained on a companion set: give --companion"]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unsharp", "method 'unsharp' is not trained on a companion set: leave out --companion"),
        (NEEDY, "nowhere/index.json: cannot be read"),
    ],
)
def test_companion_sets_that_cannot_be_used(
    run: Run, tiny: Tiny, config: Path, tmp_path: Path, name: str, words: str
) -> None:
    done = train(run, tiny, config, name, tmp_path / "run", "--companion", "nowhere")
    assert done.code == 1
    (line,) = done.err
    assert words in line


def test_an_experiment_without_a_companion_set(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    given = ["--root", tmp_path / "raw", "--manifest", tmp_path / "manifest.csv"]
    done = run("data", "--companion", *given, "--config", tiny.config)
    assert (done.code, list(tmp_path.iterdir())) == (1, [])
    assert done.err == ["error: the experiment has no companion set; add `companion:` to its file"]


def folder_config(tiny: Tiny, tmp_path: Path, root: Path) -> Path:
    block = {"kind": "folder", "name": "street", "root": str(root)}
    return write_experiment(tmp_path / "mine.yaml", tiny, block)


@pytest.mark.parametrize("layout", ["official", "restormer"])
def test_your_own_images_may_have_8_bits_and_other_splits(
    run: Run, tiny: Tiny, tmp_path: Path, layout: str
) -> None:
    root = write_set(tmp_path / "set", layout=layout, size=(24, 24), depth=8)
    config = folder_config(tiny, tmp_path, root)
    manifest, store = tmp_path / "manifest.csv", tmp_path / "store"
    given = ["--root", root, "--manifest", manifest]
    # As the data set itself they would be refused by the protocol.
    assert run("data", "--companion", *given, "--config", config).code == 0
    rows = read_manifest(manifest)
    assert [(row.split, row.bit_depth) for row in rows] == [("train", 8)] * 2
    assert run("store", *given, "--output", store).code == 0
    assert [scene.split for scene in PixelStore(store).scenes] == ["train", "train"]


def test_a_companion_set_must_have_something_to_train_on(
    run: Run, tiny: Tiny, tmp_path: Path
) -> None:
    root = write_set(tmp_path / "set", [("val", 2027, 2029)])
    given = ["--root", root, "--manifest", tmp_path / "manifest.csv"]
    config = folder_config(tiny, tmp_path, root)
    done = run("data", "--companion", *given, "--config", config)
    assert done.code == 1
    assert done.err == [
        f"error: {root}: holds no training scenes; a companion set needs a split `train`"
    ]
    assert not (tmp_path / "manifest.csv").exists()


@pytest.mark.parametrize(
    "block", [CLIPS, {"kind": "folder", "name": "tiny-clips", "root": "somewhere"}]
)
def test_two_sets_cannot_share_a_folder(tiny: Tiny, tmp_path: Path, block: dict[str, Any]) -> None:
    path = write_experiment(tmp_path / "mine.yaml", tiny, {**block, "name": "tiny"})
    with pytest.raises(ConfigError, match=r"companion: name: 'tiny' is also the data set's name"):
        load_experiment(path)
