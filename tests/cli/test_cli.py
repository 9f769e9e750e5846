"""The command line: one line for every mistake of the user."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from support.fixture_types import Tiny
from support.paths import CONFIG
from support.projects import CONFIG as SMALL

from pipeline.cli import main
from pipeline.methods import get_method
from pipeline.weights.own_file import save_weights

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `dmtbench`, expects a user error; returns its one line."""

    def fails(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["dmtbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert end.value.code == 1
        assert out == ""
        *before, line = err.splitlines()
        assert line.startswith("error: ")
        assert not any("error" in other for other in before)
        assert "Traceback" not in err
        return line

    return fails


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def raw(tiny: Tiny, tmp_path: Path) -> Path:
    """A copy of the tiny set's images, to damage."""
    shutil.copytree(tiny.raw, tmp_path / "raw")
    return tmp_path / "raw"


@pytest.fixture
def real(tiny: Tiny, raw: Path, tmp_path: Path) -> Path:
    """An experiment that uses the images in `raw`, as it would real photographs."""
    data = yaml.safe_load(tiny.config.read_text())
    data["dataset"] = {"kind": "folder", "name": "mine", "root": str(raw)}
    path = tmp_path / "real.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.mark.parametrize("command", ["train", "evaluate", "complexity"])
def test_an_unknown_method(run: Run, tiny: Tiny, tmp_path: Path, command: str) -> None:
    data = ["--manifest", tiny.manifest, "--output", tmp_path / "out"]
    options: dict[str, list[object]] = {
        "train": ["--store", tiny.store, "--patches", tiny.patches, *data],
        "evaluate": ["--root", tiny.raw, *data],
        "complexity": ["--cache", tmp_path / "out"],
    }
    line = run(command, "dmtnet-x", *options[command], "--config", tiny.config)
    assert "unknown method 'dmtnet-x'; known: dmenet, dmtnet-b" in line
    assert not files(tmp_path)


@pytest.mark.parametrize("arguments", [[], ["--all", "dmtnet-t"]])
def test_complexity_needs_either_names_or_all(run: Run, arguments: list[str]) -> None:
    assert "either names of methods or --all" in run("complexity", *arguments)


def test_complexity_without_published_numbers(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    options = ["--published", tmp_path, "--cache", tmp_path / "out", "--config", tiny.config]
    assert f"{tmp_path / 'table1.csv'}: cannot be read" in run("complexity", "--all", *options)
    assert not files(tmp_path)


def test_an_unknown_key(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(tiny.config.read_text() + "color: red\n")
    assert f"{path}: color: unknown key" in run("methods", "--config", path)


def test_a_missing_experiment(run: Run, tmp_path: Path) -> None:
    assert "gone.yaml: cannot be read" in run("methods", "--config", tmp_path / "gone.yaml")


def damage_by_removal(image: Path) -> str:
    image.unlink()
    return "is missing"


def damage_by_8_bit(image: Path) -> str:
    pixels = cv2.imread(str(image), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(image), (pixels >> 8).astype(np.uint8))
    return "8"


def damage_by_truncation(image: Path) -> str:
    image.write_bytes(image.read_bytes()[:-40])
    return "damaged"


@pytest.mark.parametrize("damage", [damage_by_removal, damage_by_8_bit, damage_by_truncation])
def test_images_that_cannot_be_used(
    run: Run, tiny: Tiny, raw: Path, real: Path, tmp_path: Path, damage: Callable[[Path], str]
) -> None:
    image = next((raw / "val_l" / "source").iterdir())
    word = damage(image)
    before = files(tmp_path)
    out = tmp_path / "out"
    line = run("data", "--config", real, "--root", raw, "--manifest", out / "manifest.csv")
    assert str(image) in line
    assert word in line
    # The same, found out only after the manifest was written.
    stored = run("store", "--root", raw, "--manifest", tiny.manifest, "--output", out / "store")
    assert str(image) in stored
    left = {name for name in files(tmp_path) if not name.startswith("out/")}
    assert left - {"out"} == before
    # What was stored of the others is kept until the image is fixed.
    assert not (out / "store").exists()
    assert (out / "store.partial").exists()


def test_weights_of_another_architecture(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    other = get_method("dmtnet-s").build(**tiny.experiment.trained_kwargs("dmtnet-s"))
    weights = tmp_path / "run" / "weights.safetensors"
    save_weights(weights, other.state_dict(), "dmtnet-s", {"variant": "s"})
    options = ["--config", tiny.config, "--root", tiny.raw, "--manifest", tiny.manifest]
    target = ["--run", weights.parent, "--output", tmp_path / "out" / "results"]
    line = run("evaluate", "dmtnet-b", *options, *target)
    assert f"{weights}: holds dmtnet-s" in line
    assert "another architecture than dmtnet-b" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("method", "remedy"), [("dmtnet-b", "give its folder with --run"), ("input", "leave out --run")]
)
def test_a_missing_or_superfluous_run(
    run: Run, tiny: Tiny, tmp_path: Path, method: str, remedy: str
) -> None:
    options = ["--config", tiny.config, "--root", tiny.raw, "--manifest", tiny.manifest]
    extra = ["--run", tmp_path] if method == "input" else []
    line = run("evaluate", method, *options, *extra, "--output", tmp_path / "out")
    assert remedy in line
    assert not files(tmp_path)


def test_nothing_to_train(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    store = ["--store", tiny.store, "--patches", tiny.patches]
    options = [*store, "--manifest", tiny.manifest, "--output", tmp_path / "out"]
    assert "nothing to train" in run("train", "input", *options, "--config", tiny.config)
    assert not files(tmp_path)


def test_a_store_of_another_manifest(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(tiny.manifest.read_text().splitlines()[:-1]) + "\n")
    store = ["--store", tiny.store, "--patches", tiny.patches]
    options = [*store, "--manifest", manifest, "--output", tmp_path / "out"]
    line = run("train", "unsharp", *options, "--config", tiny.config)
    assert "was built from another manifest" in line
    assert files(tmp_path) == {"manifest.csv"}


def test_patches_of_other_settings(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(tiny.config.read_text().replace("discard: 0.3", "discard: 0.2"))
    store = ["--store", tiny.store, "--patches", tiny.patches]
    options = [*store, "--manifest", tiny.manifest, "--output", tmp_path / "out"]
    line = run("train", "dmtnet-t", *options, "--config", path)
    assert f"{tiny.patches}: belongs to another store or to other patches settings" in line
    assert files(tmp_path) == {"mine.yaml"}


def test_a_damaged_store_is_detected(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(tiny.store, folder)
    with (folder / "pixels.u16").open("r+b") as stream:
        stream.write(b"damage")
    assert "differ from their checksums" in run("check-store", folder)


def test_arguments_that_a_network_refuses(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(tiny.config.read_text().replace("channels: 24", "channels: 30"))
    store = ["--store", tiny.store, "--patches", tiny.patches]
    options = [*store, "--manifest", tiny.manifest, "--output", tmp_path / "out"]
    line = run("train", "dmtnet-t", *options, "--config", path)
    assert "channels 30 is not a multiple of 4" in line
    assert files(tmp_path) == {"mine.yaml"}


@pytest.mark.parametrize(
    "command", ["schemas", "store", "data", "patches", "train", "evaluate", "complexity"]
)
def test_places_that_cannot_be_written(run: Run, tiny: Tiny, tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    out = tmp_path / "file" / "out"
    root, manifest = ["--root", tiny.raw], ["--manifest", tiny.manifest]
    config, output = ["--config", tiny.config], ["--output", out]
    store = ["--store", tiny.store]
    options: dict[str, list[object]] = {
        "schemas": [out],
        "store": [*root, *manifest, *output],
        "data": ["--root", out, "--manifest", tmp_path / "manifest.csv", *config],
        "patches": [*store, *output, *config],
        "train": ["unsharp", *store, "--patches", tiny.patches, *manifest, *output, *config],
        "evaluate": ["input", *root, *manifest, *output, *config],
        "complexity": ["dmtnet-t", "--size", 64, 64, "--cache", out, *config],
    }
    line = run(command, *options[command])
    assert "cannot be written" in line
    assert files(tmp_path) == {"file"}
    assert (tmp_path / "file").read_text() == "not a folder"


def test_damaged_records(run: Run, project: Path) -> None:
    record = project / "results" / "tiny" / "input-seed0" / "record.json"
    record.write_text('{"kind": "result"}')
    before = (project / "reports" / "table1.csv").read_bytes()
    assert "input-seed0/record.json" in run("table1", "--config", SMALL)
    assert (project / "reports" / "table1.csv").read_bytes() == before


def test_an_interrupt_has_the_shells_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.cli.app", interrupt)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130


def test_methods_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny: Tiny
) -> None:
    monkeypatch.setattr(sys, "argv", ["dmtbench", "methods", "--config", str(tiny.config)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [*tiny.experiment.methods, *tiny.experiment.ablations]


def test_methods_at_length_have_citation_license_and_choices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(f"extends: {CONFIG / 'demo.yaml'}\nonly: [dmtnet-b, jnb, mrnet]\n")
    monkeypatch.setattr(sys, "argv", ["dmtbench", "methods", "--long", "--config", str(path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    dmtnet, jnb, mrnet = re.split(r"\n(?=\S)", capsys.readouterr().out.strip())
    assert dmtnet.startswith("dmtnet-b: DMTNet-B\n")
    assert "    views: right, left\n    input: 16 bits\n" in dmtnet
    assert "Just Noticeable Defocus Blur Detection and Estimation" in jnb
    assert "license: Apache-2.0 (written anew; " in jnb
    known, ours = jnb.split("    known:\n")[1].split("    reconstruction:\n")
    assert "        most atoms: 64 of 128\n" in known
    assert "        sparse coding: orthogonalized exactly\n" in ours
    assert "    surrogate: neither code nor a full description of MRNet" in mrnet
    assert max(map(len, [*dmtnet.splitlines(), *jnb.splitlines(), *mrnet.splitlines()])) <= 100
