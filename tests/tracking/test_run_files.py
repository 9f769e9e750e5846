"""Runs as one JSON file: out of one store, into another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.tracking_lab import Lab, filled

from pipeline.errors import DataError, RecordError
from pipeline.tracking.export import export_runs
from pipeline.tracking.imports import import_runs
from pipeline.tracking.names import DIGEST, NOTE, PARENT
from pipeline.tracking.store import opened
from pipeline.tracking.views import kind_and_name


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    made = filled(tmp_path_factory.mktemp("lab"), "mine")
    made.ingest()
    return made


@pytest.fixture(scope="module")
def file(lab: Lab) -> Path:
    path = lab.folder / "runs.json"
    assert export_runs(lab.uri, "mine", path) == 4
    return path


def imported(file: Path, folder: Path) -> tuple[Lab, tuple[int, int]]:
    other = Lab(folder)
    return other, import_runs(file, other.uri, folder / "artifacts")


def test_everything_but_the_artifacts_arrives(lab: Lab, file: Path, tmp_path: Path) -> None:
    other, counts = imported(file, tmp_path)
    assert counts == (4, 0)
    order = "metrics.`test/combined_psnr` DESC"
    (parent,) = other.parents("mine")
    for before, after in zip(lab.found("mine", order), other.found("mine", order), strict=True):
        assert after.data.params == before.data.params
        assert after.data.metrics == before.data.metrics
        assert after.data.tags[DIGEST] == before.data.tags[DIGEST]
        assert after.data.tags[PARENT] == parent.info.run_id
        assert after.info.start_time == before.info.start_time
        assert after.info.end_time == before.info.end_time
        assert after.info.status == "FINISHED"
        assert [one.dataset.digest for one in after.inputs.dataset_inputs] == [
            one.dataset.digest for one in before.inputs.dataset_inputs
        ]
        for name in before.data.metrics:
            old, new = (
                [(one.step, one.timestamp, one.value) for one in client.get_metric_history(*which)]
                for client, which in (
                    (lab.client(), (before.info.run_id, name)),
                    (other.client(), (after.info.run_id, name)),
                )
            )
            assert new == old
    assert "training/record.json" in file.read_text()


def test_twice_adds_nothing(lab: Lab, file: Path, tmp_path: Path) -> None:
    other, _ = imported(file, tmp_path)
    assert imported(file, tmp_path)[1] == (0, 4)
    assert import_runs(file, lab.uri, lab.folder / "artifacts") == (0, 4)
    # Nor does a file that was written by the second store.
    export_runs(other.uri, "mine", tmp_path / "again.json")
    assert import_runs(tmp_path / "again.json", lab.uri, lab.folder / "artifacts") == (0, 4)


def test_an_import_has_the_views_and_a_description(file: Path, tmp_path: Path) -> None:
    other, _ = imported(file, tmp_path)
    tags = other.client().get_experiment_by_name("mine").tags
    assert {kind_and_name(tag) for tag in tags} - {None} == {
        *(("runs", "mine"), ("charts", "mine"), ("parallel", "mine"))
    }
    assert "# Experiment mine" in tags[NOTE]


def test_an_import_that_was_broken_off_is_done_again(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no more space")

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.tracking.imports.log_dataset", broken)
        with pytest.raises(DataError, match="no more space"):
            imported(file, tmp_path)
    other, counts = imported(file, tmp_path)
    assert counts == (4, 0)
    assert len(other.found("mine")) == 3


def test_numbers_that_json_lacks(tmp_path: Path) -> None:
    own = Lab(tmp_path / "own")
    log_as_a_stranger(own)
    export_runs(own.uri, "stranger", tmp_path / "runs.json")
    assert json.loads((tmp_path / "runs.json").read_text())["runs"][0]["metrics"] == {
        "loss": [[1, 5, "NaN"], [2, 6, 0.5]]
    }
    assert imported(tmp_path / "runs.json", tmp_path / "other")[1] == (1, 0)
    assert imported(tmp_path / "runs.json", tmp_path / "other")[1] == (0, 1)


def log_as_a_stranger(lab: Lab) -> None:
    """A run that somebody else logged, with a point that is no number."""
    with opened(lab.uri) as client:
        number = client.create_experiment("stranger")
        run = client.create_run(number).info.run_id
        client.log_metric(run, "loss", float("nan"), 5, 1)
        client.log_metric(run, "loss", 0.5, 6, 2)
        client.set_terminated(run)


def changed(change: Callable[[Any], object]) -> Callable[[str], str]:
    def change_text(text: str) -> str:
        data = json.loads(text)
        change(data)
        return json.dumps(data)

    return change_text


HOSTILE: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut off": lambda text: text[: len(text) // 2],
    "deep": lambda text: "[" * 100_000,
    "a list": lambda text: "[]",
    "another format": changed(lambda data: data.update(format="else")),
    "an unknown key": changed(lambda data: data.update(more=1)),
    "a folder as name": changed(lambda data: data.update(experiment="../out")),
    "an id": changed(lambda data: data["runs"][0].update(id="../../x")),
    "twice": changed(lambda data: data["runs"].append(data["runs"][0])),
    "no parent": changed(lambda data: data["runs"][0].update(parent="0" * 32)),
    "a metric outside": changed(lambda data: data["runs"][0]["metrics"].update({"../a": []})),
    "a long value": changed(lambda data: data["runs"][0]["tags"].update(a="x" * 10_000)),
    "a huge step": changed(lambda data: data["runs"][0]["metrics"].update(a=[[10**30, 1, 1]])),
    "a status": changed(lambda data: data["runs"][0].update(status="DONE")),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_another_file_is_refused_before_anything_is_written(
    file: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "hostile.json"
    path.write_text(HOSTILE[name](file.read_text()))
    with pytest.raises(RecordError, match=r"hostile\.json: .*export") as refused:
        imported(path, tmp_path / "store")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "store" / "mlflow.db").exists()


def test_a_missing_file_or_experiment(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"none\.json: cannot be read"):
        imported(tmp_path / "none.json", tmp_path)
    with pytest.raises(DataError, match="no experiment 'other'"):
        export_runs(lab.uri, "other", tmp_path / "runs.json")
    assert not (tmp_path / "runs.json").exists()
