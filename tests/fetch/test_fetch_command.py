"""`dmtbench fetch` as a user types it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fetch_lab import own_archive

from pipeline.cli import main


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return own_archive(tmp_path)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `dmtbench fetch` in an empty folder; returns exit code, output and complaint."""

    def fetch(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["dmtbench", "fetch", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return fetch


def test_the_command_fetches_to_its_usual_place(run: Run, archive: Path, tmp_path: Path) -> None:
    code, out, err = run("canon", "--source", archive)
    assert code == 0
    assert out == (
        "data/canon/raw: official layout, scenes: 1 train; 3 problems with its names, "
        "check it with: dmtbench doctor --root data/canon/raw\n"
    )
    assert err == f"canon: unpacking {archive}\n"
    assert (tmp_path / "data/canon/raw/train_c/source/1P0A0890.png").is_file()


def test_the_command_lists_sources(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("pixel", "--list")
    assert code == 0
    assert "dd_dp_dataset_pixel.zip" in out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["nikon"], ["canon", "--source", "gone.zip"]])
def test_the_command_complains_in_one_line(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ")
