"""Temporary files of killed jobs are removed once nobody can be writing them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipeline.workflow.leftovers import AGE_S, remove_leftovers

OLD = 2 * AGE_S


def make(path: Path, age_s: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    for each in (path, path.parent):
        os.utime(each, (time.time() - age_s,) * 2)
    return path


def test_old_ones_are_removed_and_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    image = make(Path("reports/demo/.tmp-1.png"), OLD)
    folder = make(Path("data/demo/.tmp-raw-1/train/scene.png"), OLD)
    os.utime(folder.parents[1], (time.time() - OLD,) * 2)
    new = make(Path("reports/demo/.tmp-2.png"), 60)
    # Its folder is old; what is in it is not.
    growing = make(Path("data/demo/.tmp-raw-2/a.png"), OLD)
    make(growing.with_name("b.png"), 60)
    os.utime(growing.parent, (time.time() - OLD,) * 2)
    kept = make(Path("results/demo/a/per_image.csv"), OLD)
    remove_leftovers()
    assert not image.exists()
    assert not folder.parents[1].exists()
    assert all(path.exists() for path in (new, growing, kept))
    assert "Removed 2 temporary files" in capsys.readouterr().err
    remove_leftovers()
    assert capsys.readouterr().err == ""


def test_links_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = make(tmp_path / "elsewhere" / ".tmp-1.png", OLD)
    project = tmp_path / "project"
    (project / "runs").mkdir(parents=True)
    monkeypatch.chdir(project)
    Path("data").symlink_to(elsewhere.parent)
    Path("runs/.tmp-link").symlink_to(elsewhere)
    Path("runs/linked").symlink_to(elsewhere.parent)
    remove_leftovers()
    assert elsewhere.exists()
    assert Path("runs/.tmp-link").is_symlink()
