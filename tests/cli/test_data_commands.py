"""`data`, `doctor`, `evaluate` and `predict` on sets as mirrors offer them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from support.fixture_types import Run, Tiny
from support.image_sets import SCENES, folder_of, official_scenes, write_image, write_set

from pipeline.data import canon
from pipeline.data.manifest import read_manifest
from pipeline.data.png import read_png
from pipeline.records import DoctorReport, ResultRecord, read_record

Config = Callable[..., Path]


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Config:
    def write(kind: str, root: Path, protocol: str = "dpdd-16") -> Path:
        data = yaml.safe_load(tiny.config.read_text())
        data["dataset"] = {"kind": kind, "name": {"folder": "mine"}.get(kind, kind)}
        data["dataset"]["root"] = str(root)
        data["protocol"] = protocol
        path = tmp_path / f"{kind}-{protocol}.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


@pytest.fixture(autouse=True)
def size_of_the_official_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canon, "CANON_SIZE", (6, 8))


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("official"), official_scenes())


def test_the_official_set_gets_a_manifest(
    run: Run, config: Config, official: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.csv"
    given = ["--root", official, "--manifest", manifest, "--config", config("canon", official)]
    done = run("data", *given, "--workers", 2)
    assert done == (0, [f"{manifest}: 500 scenes"], [])
    rows = read_manifest(manifest)
    assert [row.category for row in rows].count("indoor") == 37
    assert not Path(f"{manifest}.journal").exists()


def test_part_of_the_official_set_is_not_the_official_set(
    run: Run, config: Config, tmp_path: Path
) -> None:
    root, manifest = write_set(tmp_path / "set"), tmp_path / "manifest.csv"
    given = ["--root", root, "--manifest", manifest]
    refused = run("data", *given, "--config", config("canon", root))
    assert refused.code == 1
    (line,) = refused.err
    assert "train has 2 scenes of 350: 348 (1P0A0892.png" in line
    assert f"run `dmtbench doctor --root {root}`" in line
    assert not manifest.exists()
    assert run("data", *given, "--config", config("folder", root)).code == 0
    assert len(read_manifest(manifest)) == len(SCENES)


def test_label_arrays_take_precedence_with_a_warning(
    run: Run, config: Config, official: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    shutil.copytree(official, root)
    labels = [
        row.category
        for row in read_manifest(_manifest(run, config, official, tmp_path / "a.csv", "folder"))
    ][-76:]
    one, other = labels.index("indoor"), labels.index("outdoor")
    labels[one], labels[other] = labels[other], labels[one]
    for category in ("indoor", "outdoor"):
        numbers = [n for n, label in enumerate(labels, 1) if label == category]
        np.save(root / "test_c" / f"{category}_labels.npy", numbers)
    manifest = tmp_path / "manifest.csv"
    given = ["--root", root, "--manifest", manifest, "--config", config("canon", root)]
    done = run("data", *given)
    assert done.code == 0
    assert len(done.err) == 2
    assert all(line.startswith("warning: ") and "take precedence over" in line for line in done.err)
    assert [row.category for row in read_manifest(manifest)][-76:] == labels
    seen = run("doctor", "--root", root, "--workers", 1)
    assert seen.code == 0
    assert [line for line in seen.out if line.startswith("warning: ")] == done.err
    assert f"labels: label arrays in {root / 'test_c'}" in " ".join(seen.out)


def _manifest(run: Run, config: Config, root: Path, manifest: Path, kind: str = "canon") -> Path:
    given = ["--root", root, "--manifest", manifest, "--config", config(kind, root)]
    assert run("data", *given).code == 0
    return manifest


def test_the_doctor_finds_nothing_in_the_official_set(
    run: Run, official: Path, tmp_path: Path
) -> None:
    done = run("doctor", "--root", official, "--workers", 1, "--report", tmp_path / "report.json")
    assert done.code == 0
    assert done.err == []
    assert done.out[-1] == "no problems"
    assert "500 scenes (train 350, val 74, test 76), 2000 sound images, 16 bits" in done.out[1]
    report = read_record(tmp_path / "report.json", DoctorReport)
    assert (report.problems, len(report.images)) == ((), 2000)
    assert report.unjudged == 1500


def test_the_doctor_continues_and_lists_everything(
    run: Run, config: Config, tmp_path: Path
) -> None:
    root, report = write_set(tmp_path / "set"), tmp_path / "report.json"
    bad = [
        root / "test_l" / "source" / "1P0A0917_L.png",
        root / "val_c" / "target" / "1P0A2029.png",
    ]
    for path in bad:
        path.write_bytes(b"rubbish")
    folder = config("folder", root)
    done = run("doctor", "--root", root, "--config", folder, "--report", report, "--workers", 2)
    assert done.code == 1
    assert sorted(line.split(":")[0] for line in done.out[:2]) == sorted(map(str, bad))
    assert all("convert it to 16-bit RGB PNG" in line for line in done.out[:2])
    assert done.out[-1] == "2 problems"
    written = read_record(report, DoctorReport)
    assert list(written.problems) == [line.replace(str(root), ".../set") for line in done.out[:2]]
    assert str(tmp_path) not in report.read_text()
    assert len(written.images) == 18
    # Without an experiment it should have been the official set.
    assert len(run("doctor", "--root", root, "--workers", 1).out) > len(done.out)


def test_the_doctor_sees_exchanged_images(run: Run, tmp_path: Path) -> None:
    root, random = tmp_path / "set", np.random.default_rng(0)
    lines = ["split,source,category,group"]
    for number in (1, 3):
        # Large enough to be judged; a little noise makes each file different.
        coarse = random.integers(2000, 60000, (12, 18, 3)).astype(np.uint16)
        smooth = cv2.resize(coarse, (384, 256), interpolation=cv2.INTER_LINEAR)
        for view in ("combined", "left", "right", "target"):
            suffix = {"left": "_L", "right": "_R"}.get(view, "")
            name = f"1P0A{number + (view == 'target'):04d}{suffix}.png"
            noise = random.integers(0, 40, smooth.shape).astype(np.uint16)
            write_image(root / folder_of("official", "test", view) / name, smooth + noise)
        lines.append(f"test,1P0A{number:04d}.png,,main")
    (root / "scenes.csv").write_text("\n".join(lines) + "\n")
    assert run("doctor", "--root", root, "--workers", 1).out[-1] == "no problems"
    left = [root / "test_l" / "source" / f"1P0A{number:04d}_L.png" for number in (1, 3)]
    content = [path.read_bytes() for path in left]
    for path, other in zip(left, reversed(content), strict=True):
        path.write_bytes(other)
    done = run("doctor", "--root", root, "--workers", 1)
    assert done.code == 1
    assert [line.split(":")[0] for line in done.out[:2]] == [str(path) for path in left]
    assert all("does not show the scene of its combined view" in line for line in done.out[:2])


def test_a_folder_without_images_is_one_line(run: Run, tmp_path: Path) -> None:
    done = run("doctor", "--root", tmp_path)
    assert (done.code, done.out) == (1, [])
    assert "check the root" in done.err[0]
    assert len(done.err) == 1


def test_eight_bit_copies_are_never_mixed_in(run: Run, config: Config, tmp_path: Path) -> None:
    root, manifest = write_set(tmp_path / "set", size=(24, 24), depth=8), tmp_path / "m.csv"
    sixteen, eight = config("folder", root), config("folder", root, "dpdd-8")
    given = ["--root", root, "--manifest", manifest]
    refused = run("data", *given, "--config", sixteen)
    assert refused.code == 1
    assert "`protocol: dpdd-8` in a copy of the experiment file" in refused.err[0]
    assert not manifest.exists()
    sick = run("doctor", "--root", root, "--config", sixteen, "--workers", 1)
    assert (sick.code, sick.out[0].split(": ", 1)[1]) == (1, refused.err[0].split(": ", 2)[2])
    assert run("doctor", "--root", root, "--config", eight, "--workers", 1).code == 0
    assert run("data", *given, "--config", eight).code == 0
    assert {row.bit_depth for row in read_manifest(manifest)} == {8}
    # The manifest is there now: the wrong protocol is still refused.
    output = tmp_path / "result"
    again = run("evaluate", "input", *given, "--output", output, "--config", sixteen)
    assert again.code == 1
    assert f"{manifest}: the images have 8 bits" in again.err[0]
    assert not output.exists()
    assert run("evaluate", "input", *given, "--output", output, "--config", eight).code == 0
    record = read_record(output / "record.json", ResultRecord)
    # Results on other images are not a reproduction.
    assert (record.label, record.dataset) == ("demo", "mine")
    protocol = record.protocol
    assert (protocol.id, protocol.input_bits, protocol.ground_truth_bits) == ("dpdd-8", 8, 8)


@pytest.fixture
def pixel(run: Run, config: Config, tmp_path: Path) -> list[object]:
    """Options that name a Pixel 4 set, its manifest and its experiment."""
    root = tmp_path / "phone"
    scenes = [("test", number, 0) for number in (1, 2, 3)]
    write_set(root / "PixelDP", scenes, "flat", truth=False, size=(24, 32))
    manifest = _manifest(run, config, root, tmp_path / "phone.csv", "folder")
    return ["--root", root, "--manifest", manifest, "--config", config("folder", root)]


def test_pixel_4_images_are_predicted_and_not_scored(
    run: Run, pixel: list[object], tmp_path: Path
) -> None:
    scored = run("evaluate", "input", *pixel, "--output", tmp_path / "result")
    assert scored.code == 1
    assert "no ground truth: inference only, use `dmtbench predict`" in scored.err[0]
    assert not (tmp_path / "result").exists()
    out = tmp_path / "out"
    assert run("predict", "left", *pixel, "--output", out).out == [
        f"{out}: 3 images, 3 of them new"
    ]
    names = [f"1P0A000{number}.png" for number in (1, 2, 3)]
    assert sorted(path.name for path in out.iterdir()) == [*names, "predictions.json"]
    for name in names:
        left = tmp_path / "phone" / "PixelDP" / "test_l" / name.replace(".png", "_L.png")
        np.testing.assert_array_equal(read_png(out / name).pixels, read_png(left).pixels)
    doctor = run("doctor", *pixel[:2], "--workers", 1)
    assert doctor.code == 0
    assert "no ground truth: inference only, use `dmtbench predict`" in doctor.out


def test_predictions_resume(run: Run, pixel: list[object], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("predict", "mean", *pixel, "--output", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "1P0A0001.png").unlink()
    (out / "1P0A0002.png").write_bytes(before["1P0A0002.png"][:-9])
    (out / ".tmp-torn.png").write_bytes(b"half")
    assert run("predict", "mean", *pixel, "--output", out).out == [
        f"{out}: 3 images, 2 of them new"
    ]
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run("predict", "mean", *pixel, "--output", out).out[0].endswith("0 of them new")


def test_predictions_of_another_origin_are_left_alone(
    run: Run, pixel: list[object], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run("predict", "mean", *pixel, "--output", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    for method, folder in (("left", out), ("mean", tmp_path / "phone")):
        done = run("predict", method, *pixel, "--output", folder)
        assert done.code == 1
        assert f"{folder}: holds something else" in done.err[0]
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
