"""`dmtbench deblur` on folders: pairs, failures, results that are current, exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.fixture_types import Run
from support.photographs import encoded, pixels

from pipeline.errors import PARTIAL

IMAGE = encoded(pixels(8, 3, (24, 32)), "PNG")
MEAN = ["--method", "mean"]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three shots in folders `l` and `r` of the current folder."""
    monkeypatch.chdir(tmp_path)
    for view in "lr":
        (tmp_path / view).mkdir()
        for number in range(3):
            (tmp_path / view / f"IMG_{number}_{view.upper()}.png").write_bytes(IMAGE)
    return tmp_path


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("sources", [("l", "r"), ("l/*_L.png", "r/*_R.png")])
def test_every_shot_of_a_folder(run: Run, sources: tuple[str, str]) -> None:
    done = run("deblur", *sources, *MEAN, "-o", "out")
    assert (done.code, done.err) == (0, [])
    assert done.out[-1] == "3 deblurred, 0 current, 0 failed"
    assert sorted(path.name for path in Path("out").glob("*.png")) == [
        f"IMG_{number}_L.png" for number in range(3)
    ]


def test_a_second_run_makes_what_is_missing_or_changed(run: Run, photos: Path) -> None:
    command = ["deblur", "l", "r", *MEAN, "-o", "out"]
    assert run(*command).code == 0
    (photos / "out/IMG_1_L.png").unlink()
    assert run(*command).out[-1] == "1 deblurred, 2 current, 0 failed"
    (photos / "l/IMG_2_L.png").write_bytes(encoded(pixels(8, 1, (24, 32))[..., 0], "PNG"))
    done = run(*command)
    assert (done.code, done.out[-1]) == (PARTIAL, "0 deblurred, 2 current, 1 failed")
    assert "out/IMG_2_L.png: exists and is not what would be made now" in done.err[0]
    assert run(*command, "--force").out[-1] == "3 deblurred, 0 current, 0 failed"
    assert run(*command).out[-1] == "0 deblurred, 3 current, 0 failed"
    other = run("deblur", "l", "r", "--method", "unsharp", "-o", "out", "--run", "gone")
    assert other.code == 1


def test_what_fails_does_not_stop_the_rest(run: Run, photos: Path) -> None:
    (photos / "l/IMG_0_L.png").write_bytes(IMAGE[:-30])
    (photos / "r/IMG_1_R.png").unlink()
    done = run("deblur", "l", "r", *MEAN, "-o", "out")
    assert done.code == PARTIAL
    assert done.out[-1] == "1 deblurred, 0 current, 2 failed"
    assert [line for line in done.err if line.startswith("error: ")] == done.err
    assert any("IMG_1_L.png: has no right view; left out" in line for line in done.err)
    assert any("IMG_0_L.png: damaged image" in line for line in done.err)
    assert (photos / "out/IMG_2_L.png").exists()


def test_all_fail(run: Run, photos: Path) -> None:
    for path in photos.glob("l/*"):
        path.write_bytes(b"no image")
    assert run("deblur", "l", "r", *MEAN, "-o", "out").code == 1


@pytest.mark.usefixtures("photos")
def test_inputs_are_never_replaced(run: Run) -> None:
    before = Path("l/IMG_0_L.png").read_bytes()
    done = run("deblur", "l", "r", *MEAN, "-o", "l", "--force")
    assert done.code == 1
    assert "is an image to deblur; name another folder" in done.err[0]
    assert Path("l/IMG_0_L.png").read_bytes() == before


@pytest.mark.usefixtures("photos")
def test_json(run: Run) -> None:
    Path("l/IMG_0_L.png").write_bytes(b"")
    lines = run("deblur", "l", "r", *MEAN, "-o", "out", "--json").out
    states = {Path(data["output"]).name: data["state"] for data in map(json.loads, lines)}
    assert states == {
        "IMG_0_L.png": "failed", "IMG_1_L.png": "deblurred", "IMG_2_L.png": "deblurred"
    }  # fmt: skip


@pytest.mark.usefixtures("photos")
def test_a_damaged_record_of_the_folder(run: Run) -> None:
    Path("out").mkdir()
    Path("out/deblurred.json").write_text("{")
    done = run("deblur", "l", "r", *MEAN, "-o", "out")
    assert (done.code, len(done.err)) == (1, 1)
    assert "out/deblurred.json: cannot be read; remove it" in done.err[0]
