"""Only images that were examined as the official Canon set make numbers under its name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.fixture_types import Run, Tiny
from support.image_sets import official_scenes, write_image, write_set

from pipeline.chain.experiment import Chain
from pipeline.config.experiment import load_experiment
from pipeline.data import canon
from pipeline.data.png import read_png
from pipeline.errors import DataError
from pipeline.files import sha256_of
from pipeline.pins import check_manifest, manifest_pins, pins_file, read_pins
from pipeline.records import ResultRecord, read_record

SIZE = (24, 32)


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise under the official names of the test scenes."""
    scenes = [scene for scene in official_scenes() if scene[0] == "test"]
    return write_set(tmp_path_factory.mktemp("noise"), scenes, size=SIZE)


@pytest.fixture
def config(tiny: Tiny, noise: Path, tmp_path: Path) -> Path:
    data = yaml.safe_load(tiny.config.read_text())
    data["dataset"] = {"kind": "canon", "name": "canon", "root": str(noise)}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture
def given(config: Path, noise: Path, tmp_path: Path) -> list[object]:
    """Options of every command that reads images."""
    return ["--config", config, "--root", noise, "--manifest", tmp_path / "manifest.csv"]


def test_noise_under_the_official_names_is_not_the_official_set(
    run: Run, given: list[object], config: Path, noise: Path, tmp_path: Path
) -> None:
    done = run("data", *given)
    assert done.code == 1
    assert done.err[0].startswith(f"error: {noise}/test_c/source/1P0A")
    assert (
        "is 32x24, not 1680x1120 as in the official set (303 other images neither)" in (done.err[0])
    )
    assert "`dataset.kind: folder`" in done.err[0]
    assert not (tmp_path / "manifest.csv").exists()
    assert not pins_file(config).exists()
    for options in (["--config", config], []):
        found = run("doctor", "--root", noise, "--workers", 1, *options)
        assert found.code == 1
        assert found.out[0] == done.err[0].removeprefix("error: ").split(" (the only")[0]


@pytest.mark.parametrize("size", [SIZE, SIZE[::-1]])
def test_both_orientations_are_official(
    run: Run, given: list[object], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canon, "CANON_SIZE", size)
    assert run("data", *given).code == 0


@pytest.fixture
def pinned(run: Run, given: list[object], monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """As `given`, after the manifest was made and pinned."""
    monkeypatch.setattr(canon, "CANON_SIZE", SIZE)
    assert run("data", *given).code == 0
    return given


def _uses(given: list[object], tmp_path: Path) -> list[list[object]]:
    """Commands that would make numbers on the set; the training's other files do not exist."""
    target = ["--output", tmp_path / "made"]
    files = ["--store", tmp_path / "store", "--patches", tmp_path / "patches.csv"]
    options = [*given[:2], *given[4:]]
    return [
        ["evaluate", "input", *given, *target],
        ["predict", "input", *given, *target],
        ["train", "dmtnet-t", *options, *files, *target],
        ["train", "linear-fit", *options, *files, *target],
    ]


def test_the_first_manifest_is_pinned(
    run: Run, pinned: list[object], config: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.csv"
    before = pins_file(config).read_bytes()
    # It holds test scenes only.
    assert read_pins(pins_file(config)).manifest == {"canon-test": sha256_of(manifest)}
    manifest.unlink()
    assert run("data", *pinned).code == 0
    assert pins_file(config).read_bytes() == before
    assert run("evaluate", "input", *pinned, "--output", tmp_path / "result").code == 0
    assert read_record(tmp_path / "result/record.json", ResultRecord).label == "reproduced"


def test_other_images_are_refused(
    run: Run, pinned: list[object], noise: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.csv"
    first = manifest.read_bytes()
    image = next((noise / "test_l" / "source").iterdir())
    content = image.read_bytes()
    write_image(image, read_png(image).pixels ^ np.uint16(1))
    try:
        done = run("data", *pinned)
    finally:
        image.write_bytes(content)
    assert done.code == 1
    assert done.err[-1].startswith(f"error: {manifest}: its SHA-256 ")
    assert "which is pinned for 'canon'; restore the images, or remove the pin" in done.err[-1]
    assert manifest.read_bytes() == first


def test_another_manifest_is_refused_by_all_that_use_it(
    run: Run, pinned: list[object], tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_bytes(manifest.read_bytes().replace(b"indoor", b"outdoor", 1))
    for command in _uses(pinned, tmp_path):
        done = run(*command)
        assert (done.code, done.out) == (1, [])
        assert done.err[-1].startswith(f"error: {manifest}: its SHA-256 ")
        assert not (tmp_path / "made").exists()


def test_nothing_is_made_without_a_pin(
    run: Run, pinned: list[object], config: Path, tmp_path: Path
) -> None:
    pins_file(config).unlink()
    assert load_experiment(config).dataset.kind == "canon"
    for command in _uses(pinned, tmp_path):
        done = run(*command)
        assert done.code == 1
        assert (
            "no manifest of 'canon' is pinned for this experiment; run `dmtbench data`"
            in (done.err[-1])
        )
        assert not (tmp_path / "made").exists()


def test_other_sets_are_not_pinned(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    config = tmp_path / "tiny.yaml"
    config.write_text(f"extends: {tiny.config}\n")
    data = ["--config", config, "--root", tiny.raw, "--manifest", tmp_path / "manifest.csv"]
    assert run("data", *data).code == 0
    assert not pins_file(config).exists()


def test_a_part_never_passes_for_the_whole(
    run: Run, pinned: list[object], config: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.csv"
    test_only = manifest.read_text()
    header, first, *_ = test_only.splitlines(keepends=True)
    training = first.replace("test,", "train,", 1).replace("1P0A0917.png", "1P0A0890.png")
    manifest.write_text(test_only.replace(header, header + training))
    whole = manifest_pins("canon", manifest)
    assert list(whole) == ["canon", "canon-test"]
    assert whole["canon-test"] == read_pins(pins_file(config)).manifest["canon-test"]
    for command in _uses(pinned, tmp_path):
        assert "no manifest of 'canon' is pinned" in run(*command).err[-1]
    pins = {"manifest": {"canon": whole["canon"]}, "weights": {}}
    pins_file(config).write_text(json.dumps(pins))
    check_manifest(load_experiment(config), manifest)
    manifest.write_text(test_only)
    with pytest.raises(DataError, match="no manifest of 'canon' is pinned"):
        check_manifest(load_experiment(config), manifest)


def test_the_test_images_alone_are_said_to_be_no_training_set(
    run: Run, given: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canon, "CANON_SIZE", SIZE)
    done = run("data", *given)
    assert done.code == 0
    assert done.err[0].endswith("only the test scenes: enough to score given weights, not to train")


def test_a_manifest_of_another_experiment_is_examined_again(
    pinned: list[object], config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data/canon").mkdir(parents=True)
    for name in ("manifest.csv", "manifest.record.json"):
        (tmp_path / name).rename(tmp_path / "data/canon" / name)
    monkeypatch.chdir(tmp_path)
    assert Chain(load_experiment(config)).standing("data canon").state == "fresh"
    other = config.with_name("other.yaml")
    other.write_text(f"extends: {config.name}\n")
    chain = Chain(load_experiment(other))
    assert chain.standing("data canon").reason == "is not pinned for this experiment yet"
    assert "data canon" in chain.to_make(["results/canon/input-seed0/record.json"])
