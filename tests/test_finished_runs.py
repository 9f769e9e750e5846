"""Runs that are replaced stay, with their records, until somebody prunes them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.factories import provenance, run
from support.fixture_types import Run

from pipeline.artifacts import CURVE, RECORD, WEIGHTS
from pipeline.errors import RecordError
from pipeline.files import atomic_folder
from pipeline.finished_runs import finished_runs, keep_finished
from pipeline.records import RunRecord, read_record, write_record
from pipeline.tracking.entries import read_entries


def finish(target: Path, weights: str, epoch: int) -> None:
    """What a training does at its end."""
    with atomic_folder(target) as folder:
        (folder / WEIGHTS).write_text(weights)
        (folder / CURVE).write_text("curve")
        write_record(folder / RECORD, run(epoch=epoch, provenance=provenance()))
        keep_finished(folder, target)


def delete_outputs(target: Path) -> None:
    """What Snakemake does before it starts a job."""
    for name in (WEIGHTS, CURVE, RECORD):
        (target / name).unlink()


def superseded(runs: Path) -> list[Path]:
    return [found.folder for found in finished_runs(runs) if found.superseded]


@pytest.mark.parametrize("deleted", [True, False])
def test_a_run_that_is_replaced_is_moved_aside(tmp_path: Path, deleted: bool) -> None:
    target = tmp_path / "runs" / "dmtnet-b-seed0"
    finish(target, "first", 1)
    if deleted:
        delete_outputs(target)
    finish(target, "second", 2)
    assert (target / WEIGHTS).read_text() == "second"
    (aside,) = superseded(target.parent)
    assert aside.name.startswith("superseded-")
    assert (aside / WEIGHTS).read_text() == "first"
    assert read_record(aside / RECORD, RunRecord).epoch == 1
    assert (aside / CURVE).read_text() == "curve"


def test_deleted_outputs_are_not_lost_before_the_next_result(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "dmtnet-b-seed0"
    finish(target, "first", 1)
    delete_outputs(target)
    (kept,) = (tmp_path / "runs" / ".finished").iterdir()
    assert (kept / WEIGHTS).read_text() == "first"
    # A training that is killed before its end leaves it there.
    with pytest.raises(KeyboardInterrupt), atomic_folder(target):
        raise KeyboardInterrupt
    assert (kept / WEIGHTS).read_text() == "first"


def test_a_run_whose_next_training_is_not_finished_is_listed(tmp_path: Path, run: Run) -> None:
    target = tmp_path / "runs" / "dmtnet-b-seed0"
    finish(target, "first", 1)
    delete_outputs(target)
    (kept,) = (tmp_path / "runs" / ".finished").iterdir()
    (line,) = run("runs", "--runs", target.parent).out
    assert line.startswith(f"{kept} ")
    assert line.endswith("(kept until its next training finishes)")
    # It is the only copy: pruning must not touch it.
    assert run("prune", "--runs", target.parent, "--yes").out == []
    assert (kept / WEIGHTS).read_text() == "first"


def test_the_same_result_again_supersedes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "dmtnet-b-seed0"
    finish(target, "first", 1)
    finish(target, "first", 1)
    assert superseded(target.parent) == []


def test_equal_weights_of_another_training_keep_their_record(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "dmtnet-b-seed0"
    finish(target, "first", 1)
    finish(target, "first", 2)
    (aside,) = superseded(target.parent)
    assert read_record(aside / RECORD, RunRecord).epoch == 1


def test_runs_whose_names_begin_alike_do_not_disturb_each_other(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("dmtnet-b-seed0", "dmtnet-b-seed01", "dmtnet-b-seed0-more"):
        finish(runs / name, name, 1)
    finish(runs / "dmtnet-b-seed0", "again", 2)
    (aside,) = superseded(runs)
    assert (aside / WEIGHTS).read_text() == "dmtnet-b-seed0"


def test_a_run_of_before_there_were_second_names(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "dmtnet-b-seed0"
    target.mkdir(parents=True)
    (target / WEIGHTS).write_text("old")
    write_record(target / RECORD, run(epoch=1))
    finish(target, "new", 2)
    (aside,) = superseded(target.parent)
    assert (aside / WEIGHTS).read_text() == "old"


def test_second_names_take_no_space(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "dmtnet-b-seed0"
    finish(target, "first", 1)
    (kept,) = (tmp_path / "runs" / ".finished").iterdir()
    assert (kept / WEIGHTS).samefile(target / WEIGHTS)


def test_where_there_are_no_links_files_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refused)
    target = tmp_path / "runs" / "dmtnet-b-seed0"
    finish(target, "first", 1)
    finish(target, "second", 2)
    (aside,) = superseded(target.parent)
    assert (aside / WEIGHTS).read_text() == "first"


def test_mlflow_does_not_see_them(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    finish(runs / "dmtnet-b-seed0", "first", 1)
    finish(runs / "dmtnet-b-seed0", "second", 2)
    (entry,) = read_entries(runs, tmp_path / "results")
    assert entry.curve == runs / "dmtnet-b-seed0" / CURVE


def test_the_commands(tmp_path: Path, run: Run) -> None:
    runs = tmp_path / "runs"
    finish(runs / "dmtnet-b-seed0", "first", 1)
    finish(runs / "dmtnet-b-seed0", "second", 2)
    (aside,) = superseded(runs)
    everything = run("runs", "--runs", runs).out
    assert [line.split()[0] for line in everything] == [str(runs / "dmtnet-b-seed0"), str(aside)]
    assert "at epoch 2" in everything[0]
    assert run("runs", "--runs", runs, "--superseded").out == everything[1:]
    assert run("prune", "--runs", runs).out == [f"would remove {everything[1]}"]
    (found,) = map(json.loads, run("prune", "--runs", runs, "--json").out)
    assert (found["run"], found["state"], found["removed"]) == (str(aside), "superseded", False)
    assert aside.exists()
    assert run("prune", "--runs", runs, "--yes").out == [f"removed {everything[1]}"]
    assert not aside.exists()
    assert run("prune", "--runs", runs, "--yes").out == []
    assert (runs / "dmtnet-b-seed0" / WEIGHTS).read_text() == "second"


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "dmtnet-b-seed0"
    finish(target, "first", 1)
    (target / RECORD).write_text("{}")
    with pytest.raises(RecordError, match="dmtnet-b-seed0"):
        finished_runs(target.parent)
