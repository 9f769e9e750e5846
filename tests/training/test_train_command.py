"""`dmtbench train`: stopped, resumed, changed and forked."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.fixture_types import Run, Tiny

from pipeline.claims import Owner, path_of
from pipeline.errors import RESUMABLE
from pipeline.records import RunRecord, read_record
from pipeline.training.checkpointing import FileCheckpointer
from pipeline.training.run_lock import RunLock


def given(tiny: Tiny, folder: Path, *more: object, config: Path | None = None) -> list[object]:
    data = ["--store", tiny.store, "--patches", tiny.patches, "--manifest", tiny.manifest]
    where = ["--config", config or tiny.config, "--output", folder / "run"]
    return ["train", "dmtnet-t", *data, *where, *more]


def changed(tiny: Tiny, path: Path, rate: float) -> Path:
    data = yaml.safe_load(tiny.config.read_text())
    data["recipes"]["dmtnet"]["learning_rate"] = rate
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture
def stopped(run: Run, tiny: Tiny, tmp_path: Path) -> Path:
    """A folder with a training that was stopped after its first step."""
    folder = tmp_path / "stopped"
    done = run(*given(tiny, folder, "--time-limit", "0s"))
    assert done.code == RESUMABLE == 75
    state = folder / "run.state"
    expected = f"stopped by the time limit after step 1; the state is in {state}: the same command"
    assert expected in done.err[-1]
    assert not (folder / "run").exists()
    return folder


def test_stopped_and_resumed(run: Run, tiny: Tiny, tmp_path: Path, stopped: Path) -> None:
    assert run(*given(tiny, tmp_path)).code == 0
    assert run(*given(tiny, stopped)).code == 0
    for name in ("weights.safetensors", "curve.csv"):
        assert (stopped / "run" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()
    with (stopped / "run" / "curve.csv").open() as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2"]
    # What is finished needs no state.
    assert not [*(stopped / "run.state").glob("*.state")]


def test_a_changed_configuration(run: Run, tiny: Tiny, tmp_path: Path, stopped: Path) -> None:
    config = changed(tiny, tmp_path / "mine.yaml", 0.002)
    done = run(*given(tiny, stopped, config=config))
    assert (done.code, len(done.err)) == (1, 1)
    assert "recipe.learning_rate: 0.001 -> 0.002" in done.err[0]
    assert "--fork" in done.err[0]
    assert not (stopped / "run").exists()
    assert run(*given(tiny, stopped, "--fork", config=config)).code == 0
    record = read_record(stopped / "run" / "record.json", RunRecord)
    assert record.epoch in (1, 2)
    # Not what the new configuration gives from its own first weights.
    assert run(*given(tiny, tmp_path, config=config)).code == 0
    alone = (tmp_path / "run" / "weights.safetensors").read_bytes()
    assert (stopped / "run" / "weights.safetensors").read_bytes() != alone


def test_a_second_trainer(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    with RunLock(tmp_path / "mine"):
        done = run(*given(tiny, tmp_path, "--state", tmp_path / "mine"))
    assert (done.code, len(done.err)) == (1, 1)
    assert f"{tmp_path / 'mine'}: this training is being run by process" in done.err[0]


def test_a_trainer_that_is_replaced_before_its_result_leaves_it_to_the_other(
    run: Run, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_end = FileCheckpointer.at_end

    def then_replaced(self: FileCheckpointer, *reached: Any) -> None:
        at_end(self, *reached)
        path_of(tmp_path / "mine" / "lock", 2).write_text(Owner.this_process().model_dump_json())

    monkeypatch.setattr(FileCheckpointer, "at_end", then_replaced)
    done = run(*given(tiny, tmp_path, "--state", tmp_path / "mine"))
    assert (done.code, "nothing more is written here" in done.err[-1]) == (1, True)
    assert not (tmp_path / "run").exists()
    assert [*(tmp_path / "mine").glob("*.state")]


def test_invalid_lengths_of_time(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    done = run(*given(tiny, tmp_path, "--time-limit", "soon"))
    assert "'soon' is not a duration" in done.err[0]
