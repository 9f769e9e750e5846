"""Folders that cannot be written: one line for every command, and no traceback."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from support.fixture_types import Done, Run, Tiny
from support.permissions import permissions_bind, read_only
from support.projects import CONFIG

from pipeline.data.png import write_png16

IMAGE = np.zeros((32, 32, 3), np.uint16)
SMALL = ["--config", CONFIG]
TRACK = ["track", *SMALL]
REPORTS = "reports/small"

# The command, and the folder (below the current one) that is closed.
COMMANDS: dict[str, tuple[list[object], str]] = {
    "data": (["data", "--root", "raw", "--manifest", "out/manifest.csv", "CONFIG"], "out"),
    "images": (["data", "--root", "out/raw", "--manifest", "m.csv", "CONFIG"], "out"),
    "doctor": (["doctor", "--root", "RAW", "CONFIG", "--report", "out/report.json"], "out"),
    "store": (["store", "--root", "RAW", "--manifest", "MANIFEST", "--output", "out/store"], "out"),
    "patches": (["patches", "--store", "STORE", "--output", "out/patches.csv", "CONFIG"], "out"),
    "standin": (["standin", "--output", "out", "--scenes", 4, "--size", 64, 64], "out"),
    "runs": (["train", "unsharp", "TRAIN", "--output", "out/run"], "out"),
    "weights": (["train", "dmtnet-t", "TRAIN", "--output", "out/run", "--state", "state"], "out"),
    "state": (["train", "dmtnet-t", "TRAIN", "--output", "run", "--state", "out/state"], "out"),
    "results": (["evaluate", "input", "SET", "--output", "out/result"], "out"),
    "predict": (["predict", "input", "SET", "--output", "out/images"], "out"),
    "complexity": (["complexity", "dmtnet-t", "--size", 64, 64, "--cache", "out", "CONFIG"], "out"),
    "table1": (["table1", *SMALL], REPORTS),
    "table2": (["table2", *SMALL], REPORTS),
    "plot": (["plot", *SMALL], REPORTS),
    "qualitative": (["qualitative", *SMALL], REPORTS),
    "latex": (["latex", *SMALL], REPORTS),
    "figures": (["figures", *SMALL], REPORTS),
    "verdicts": (["verdicts", *SMALL], REPORTS),
    "html": (["html", *SMALL], REPORTS),
    "verified": (["verify", *SMALL, "--output", "out"], "out"),
    "copies": (["plot", *SMALL], "reports"),
    "database": ([*TRACK, "--uri", "sqlite:///out/mlflow.db"], "out"),
    "artifacts": ([*TRACK, "DATABASE", "--artifacts", "out"], "out"),
    "summary": ([*TRACK, "DATABASE"], REPORTS),
    "deblur": (["deblur", "a.png", "b.png", "--method", "mean", "-o", "out/c.png"], "out"),
    "profile": (["debug", "profile", "dmtnet-t", "TRIAL", "-o", "out/trace.json"], "out"),
    "schemas": (["schemas", "out"], "out"),
    "project": (["init", "out/mine"], "out"),
    "current": (["deblur", "a.png", "b.png", "--method", "mean", "-o", "c.png"], "."),
    "current-track": ([*TRACK, "DATABASE"], "."),
}


@pytest.fixture
def folder(project: Path) -> Path:
    """A finished project as the current folder, with two images."""
    for name in ("a.png", "b.png"):
        write_png16(project / name, IMAGE)
    return project


def expanded(command: list[object], tiny: Tiny) -> list[object]:
    config = ["--config", tiny.config]
    trial = ["--store", tiny.store, "--patches", tiny.patches, *config]
    words: dict[object, list[object]] = {
        # Its full name, because MLflow keeps stores open by name.
        "DATABASE": ["--uri", f"sqlite:///{Path.cwd()}/mlflow.db"],
        "RAW": [tiny.raw],
        "STORE": [tiny.store],
        "MANIFEST": [tiny.manifest],
        "CONFIG": [*config],
        "TRIAL": [*trial],
        "TRAIN": [*trial, "--manifest", tiny.manifest],
        "SET": ["--root", tiny.raw, "--manifest", tiny.manifest, *config],
    }
    return [part for word in command for part in words.get(word, [word])]


def is_one_line(done: Done) -> None:
    assert done.code == 1, done.out
    errors = [line for line in done.err if not line.startswith(("warning: ", "out/"))]
    assert len(errors) == 1, done.err
    assert errors[0].startswith("error: ")
    assert "Traceback" not in "".join([*done.out, *done.err])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_read_only_folder(run: Run, tiny: Tiny, folder: Path, name: str) -> None:
    command, place = COMMANDS[name]
    with ExitStack() as closed:
        closed.enter_context(read_only(folder / place))
        closed.enter_context(permissions_bind())
        done = run(*expanded(command, tiny))
    is_one_line(done)


@pytest.mark.parametrize("name", [name for name in COMMANDS if COMMANDS[name][1] == "out"])
def test_a_file_in_the_place_of_a_folder(run: Run, tiny: Tiny, folder: Path, name: str) -> None:
    (folder / "out").write_text("kept")
    is_one_line(run(*expanded(COMMANDS[name][0], tiny)))
    assert (folder / "out").read_text() == "kept"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "command", ["table1", "table2", "latex", "plot", "qualitative", "verdicts", "html", "track"]
)
def test_a_file_in_the_place_of_the_reports(run: Run, command: str) -> None:
    shutil.rmtree(REPORTS)
    Path(REPORTS).write_text("kept")
    is_one_line(run(command, *SMALL))
    assert Path(REPORTS).read_text() == "kept"


UNREADABLE: dict[str, list[object]] = {
    "mine.yaml": ["methods", "--config", "mine.yaml"],
    "a.png": ["deblur", "a.png", "b.png", "--method", "mean", "-o", "c.png"],
    "results/tiny/input-seed0/record.json": ["table1", *SMALL],
    "results/tiny/input-seed0": ["table1", *SMALL],
    "results": [*TRACK, "DATABASE"],
    "manifest.csv": ["store", "--root", "RAW", "--manifest", "manifest.csv", "--output", "s"],
    "raw": ["doctor", "--root", "raw", "CONFIG"],
    "store": ["check-store", "store"],
    "store/index.json": ["check-store", "store"],
    "store/pixels.u16": ["check-store", "store"],
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("path", UNREADABLE)
def test_what_cannot_be_read(run: Run, tiny: Tiny, path: str) -> None:
    shutil.copy(tiny.config, "mine.yaml")
    shutil.copy(tiny.manifest, "manifest.csv")
    shutil.copytree(tiny.raw, "raw")
    shutil.copytree(tiny.store, "store")
    mode = Path(path).stat().st_mode
    Path(path).chmod(0)
    try:
        with permissions_bind():
            done = run(*expanded(UNREADABLE[path], tiny))
    finally:
        Path(path).chmod(mode)
    is_one_line(done)
