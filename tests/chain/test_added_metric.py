"""A metric that could not be computed and now can: only the results that lack it are made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from support.backbones import NAME, declare, save_backbone
from support.paths import REPOSITORY
from support.projects import CONFIG, edit_record, evaluate, report, write_config

from pipeline.chain.experiment import Chain
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.evaluation.metrics import lpips
from pipeline.places import Places
from pipeline.run import Run, WeightsOrigin
from pipeline.workflow.jobs import planned_jobs

pytestmark = pytest.mark.usefixtures("project")

RESULTS = {f"evaluate {name}-seed0" for name in ("dmtnet-t", "input", "unsharp")}
REPORTS = {"table1", "latex", "plot", "qualitative", "figures", "track", "verdicts", "html"}
REASON = "lacks lpips, which can be computed now"
METRIC = """
from pathlib import Path

UNIT, HIGHER_IS_BETTER = "", True


def score(prediction, target):
    return None if lacks() else 1.0


def lacks():
    return "" if Path("there").exists() else "the file there"


def status():
    return f"not computed: {lacks()}" if lacks() else "computed"
"""


def score(experiment: Experiment, *methods: str) -> None:
    """Evaluate as a job of Snakemake does, which deletes the outputs first."""
    places = Places.of(experiment)
    for method in methods:
        run = Run.of(experiment, method)
        folder = places.run(method, 0) if run.method.trainable else None
        for file in (places.per_image(method, 0), places.record(method, 0)):
            file.unlink()
        lpips._loaded.cache_clear()
        evaluate(run, WeightsOrigin(folder))
    lpips._loaded.cache_clear()


@pytest.fixture
def scored_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The project, with results that lack LPIPS, whatever this machine has."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    experiment = load_experiment(CONFIG)
    score(experiment, "dmtnet-t", "input", "unsharp")
    report(experiment)
    return experiment


@pytest.fixture
def backbone(scored_without: Experiment, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, added after the results."""
    path = save_backbone(Path("weights", NAME))
    declare(monkeypatch, path)
    return path


def to_make(experiment: Experiment) -> dict[str, str]:
    return Chain(experiment).to_make()


def test_without_the_file_nothing_is_due(scored_without: Experiment) -> None:
    assert set(to_make(scored_without)) == {"track"}


def test_with_it_results_are_scored_again_and_nothing_is_trained(
    scored_without: Experiment, backbone: Path
) -> None:
    due = to_make(scored_without)
    assert set(due) == RESULTS | REPORTS
    assert all(due[name].startswith(REASON) for name in RESULTS)
    standing = Chain(scored_without).standing("evaluate input-seed0")
    assert (standing.state, standing.reason) == ("stale", REASON)
    # Until then, reports show what there is, with a mark.
    report(scored_without)
    assert "demo (stale)" in Path("reports/small/table1.md").read_text()


def test_only_what_lacks_the_metric_is_due(scored_without: Experiment, backbone: Path) -> None:
    score(scored_without, "dmtnet-t", "input")
    assert set(to_make(scored_without)) & RESULTS == {"evaluate unsharp-seed0"}
    score(scored_without, "unsharp")
    assert not set(to_make(scored_without)) & RESULTS


def test_all_other_scores_stay_and_are_compared(
    scored_without: Experiment, backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Places.of(scored_without).per_image("dmtnet-t", 0)
    before = pd.read_csv(path, dtype=str)
    assert before["lpips"].isna().all()
    score(scored_without, "dmtnet-t")
    after = pd.read_csv(path, dtype=str)
    assert after["lpips"].astype(float).gt(0).all()
    pd.testing.assert_frame_equal(before.drop(columns="lpips"), after.drop(columns="lpips"))
    said = "results/tiny/dmtnet-t-seed0: added lpips; all other scores are as before\n"
    assert capsys.readouterr().err == said
    score(scored_without, "dmtnet-t")
    assert capsys.readouterr().err == ""


def test_scores_that_changed_are_named(
    scored_without: Experiment, backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.files import sha256_of

    kept = Path("results/tiny/.scored/input-seed0")
    table = pd.read_csv(kept / "per_image.csv", dtype=str)
    table.loc[0, "psnr"] = str(float(table.loc[0, "psnr"]) + 0.25)
    table.to_csv(kept / "per_image.csv", index=False)
    edit_record(kept / "record.json", per_image_sha256=sha256_of(kept / "per_image.csv"))
    score(scored_without, "input")
    said = capsys.readouterr().err
    assert "scores of the same weights, data and code changed: psnr by up to 0.25 (" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("damage", ["table", "record", "nothing kept", "other code"])
def test_what_cannot_be_compared_is_not(
    damage: str,
    scored_without: Experiment,
    backbone: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = Path("results/tiny/.scored/input-seed0")
    if damage == "table":
        (kept / "per_image.csv").write_text("scene,group\nx")
    elif damage == "record":
        (kept / "record.json").write_text("{")
    elif damage == "other code":
        edit_record(kept / "record.json", provenance__code={"method": "other"})
    else:
        shutil.rmtree(kept)
    score(scored_without, "input")
    assert capsys.readouterr().err == ""
    assert (kept / "record.json").exists()


def test_a_metric_that_failed_or_does_not_tell_is_not_due(
    scored_without: Experiment, backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method in ("input", "unsharp"):
        edit_record(
            Places.of(scored_without).record(method, 0), metric_status__lpips="failed: no memory"
        )
    assert set(to_make(scored_without)) & RESULTS == {"evaluate dmtnet-t-seed0"}
    monkeypatch.delattr(lpips, "lacks")
    assert not set(to_make(scored_without)) & RESULTS


def test_snakemake_runs_these_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A module of its own: the jobs are planned in another process.
    (tmp_path / "later_metric.py").write_text(METRIC)
    monkeypatch.setenv("PYTHONPATH", f"{REPOSITORY}:{tmp_path}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    experiment = write_config(metrics={"later": {"module": "later_metric"}})
    score(experiment, "dmtnet-t", "input", "unsharp")
    Path("there").touch()
    score(experiment, "unsharp")
    jobs = planned_jobs(CONFIG, [])
    found = {job.name: job.reason for job in jobs if job.rule == "evaluate"}
    reason = "Lacks later, which can be computed now: results/tiny"
    assert found == {
        name: f"{reason}/{name}/record.json" for name in ("dmtnet-t-seed0", "input-seed0")
    }
    assert not [job for job in jobs if job.rule in ("train", "data", "store", "patches")]
