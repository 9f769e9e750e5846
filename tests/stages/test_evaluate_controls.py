"""What the evaluation of a method records of its controls, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from support.fixture_types import Run as Command
from support.projects import CONFIG, evaluate

from pipeline.config.experiment import load_experiment
from pipeline.data.manifest import ManifestRow
from pipeline.data.manifest import read_scene as really_read
from pipeline.errors import ControlError, DataError
from pipeline.evaluation.metrics import Metric, load_metrics
from pipeline.evaluation.metrics.psnr import score as psnr
from pipeline.places import Places
from pipeline.records import ResultRecord, read_record
from pipeline.run import Run, WeightsOrigin
from pipeline.stages import evaluate as stage

pytestmark = pytest.mark.usefixtures("project")

RESULT, TARGET = Path("results/tiny/dmtnet-t-seed0"), Path("results/tiny/new")
Patch = pytest.MonkeyPatch


def evaluated(name: str = "dmtnet-t") -> ResultRecord:
    run = Run.of(load_experiment(CONFIG), name)
    folder = Places.of(run.experiment).run(name, 0) if run.method.trainable else None
    evaluate(run, WeightsOrigin(folder), TARGET)
    return read_record(TARGET / "record.json", ResultRecord)


def test_controls_and_floor_are_recorded() -> None:
    record = evaluated()
    assert list(record.controls) == [
        *("ground truth", "ground truth with noise of 0.05", "input", "left view")
    ]
    assert record.controls["ground truth"]["ssim"].found == pytest.approx(1, abs=1e-9)
    assert record.floor is not None
    plain = evaluated("input")
    assert plain.floor is None
    assert plain.controls == record.controls
    # Both test scenes are checked, so that the floor is the score of the row `input`.
    assert record.floor.scenes == 2
    assert record.floor.psnr == pytest.approx(record.scores["combined"].mean["psnr"])
    assert record.floor.input_psnr == pytest.approx(plain.scores["combined"].mean["psnr"], abs=1e-4)


def test_nothing_is_written_if_a_control_is_off(monkeypatch: Patch) -> None:
    def off(entries: object) -> dict[str, Metric]:
        metrics = load_metrics(load_experiment(CONFIG).metrics)
        declaration = dataclasses.replace(
            metrics["psnr"].declaration, score=lambda p, t: psnr(p, t) + 0.01
        )
        return {**metrics, "psnr": Metric(declaration)}

    before = (RESULT / "record.json").read_bytes()
    monkeypatch.setattr(stage, "load_metrics", off)
    with pytest.raises(ControlError, match=r"psnr is 100\.01, expected 100; nothing is scored"):
        evaluated()
    assert not TARGET.exists()
    assert (RESULT / "record.json").read_bytes() == before


def test_scenes_are_looked_at_before_any_prediction(monkeypatch: Patch) -> None:
    def read(root: Path, row: ManifestRow) -> object:
        scene = really_read(root, row)
        return {**scene, "target": scene["target"][..., ::-1]}

    monkeypatch.setattr(stage, "read_scene", read)
    monkeypatch.setattr(stage, "evaluate", lambda *_, **__: pytest.fail("predicted"))
    with pytest.raises(DataError, match="one of them is in BGR order"):
        evaluated()


def test_a_bad_network_is_scored_with_a_warning(run: Command) -> None:
    record = read_record(RESULT / "record.json", ResultRecord)
    assert record.floor is not None
    # Two steps of training do not reach the blurred input.
    assert record.floor.psnr < record.floor.input_psnr
    done = run(
        *("evaluate", "dmtnet-t", "--config", CONFIG, "--root", "data/tiny/raw"),
        *("--manifest", "data/tiny/manifest.csv", "--run", "runs/tiny/dmtnet-t-seed0"),
        *("--output", TARGET),
    )
    assert done.code == 0, done.err
    assert f"{TARGET}: {record.floor.warning()}; no mistake in views" in done.out[-1]
