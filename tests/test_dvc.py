"""`dvc.yaml` beside the workflow: the same outputs, nothing deleted, nobody told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from support.paths import CONFIG, REPOSITORY
from support.projects import CONFIG as SMALL
from support.projects import write_config

from pipeline.chain.experiment import ALL_DATA, ALL_RESULTS, Chain
from pipeline.chain.reports import reports
from pipeline.config.experiment import load_experiment
from pipeline.workflow.jobs import planned_jobs

STAGES: Mapping[str, Any] = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
EXPERIMENTS = sorted(
    path
    for path in CONFIG.glob("*.yaml")
    if "dataset:" in path.read_text() or "extends" in path.read_text()
)


def outputs(stage: str, experiment: str) -> dict[Path, Mapping[str, Any]]:
    """Outputs of a stage with their settings; metrics and plots are outputs too."""
    listed = [
        entry for part in ("outs", "metrics", "plots") for entry in STAGES[stage].get(part, [])
    ]
    return {
        Path(path.replace("${experiment}", experiment)): settings
        for entry in listed
        for path, settings in entry.items()
    }


def stage_of(chain: Chain, name: str) -> str:
    if name in reports(chain.experiment):
        return "reports"
    return "data" if chain.artifacts[name].data else "results"


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_artifact_is_an_output_of_its_stage_and_nothing_else_is(path: Path) -> None:
    experiment = load_experiment(path)
    # The stages find the file and the folder of reports by one name.
    assert experiment.name == path.stem
    chain, made = Chain(experiment), dict[str, set[Path]]()
    for name, artifact in chain.artifacts.items():
        made.setdefault(stage_of(chain, name), set()).update(artifact.outputs)
    for stage in STAGES:
        listed = outputs(stage, experiment.name)
        # A stage fails without one of its outputs.
        files = {file for out in listed for file in made[stage] if out in (file, *file.parents)}
        assert files == made[stage]
        empty = {out for out in listed if not any(out in (f, *f.parents) for f in files)}
        assert empty <= {Path("runs")}


def test_snakemake_finds_what_it_made() -> None:
    listed = [settings for stage in STAGES for settings in outputs(stage, "demo").values()]
    assert len(listed) > 20
    assert all(settings["persist"] is True for settings in listed)
    assert not any(settings.get("cache") is False for settings in listed)


def test_stages_depend_on_what_their_artifacts_are_made_from() -> None:
    inputs = {
        path
        for report in reports(load_experiment(CONFIG / "study.yaml")).values()
        for path in report.inputs.values()
    }
    known = {*map(Path, STAGES["reports"]["deps"]), *outputs("reports", "study")}
    assert [path for path in inputs if not known & {path, *path.parents}] == []
    packages = {"baselines", "dmtnet", "pipeline"}
    assert packages <= {*STAGES["results"]["deps"]} & {*STAGES["reports"]["deps"]}


@pytest.mark.parametrize(
    ("target", "rules"),
    [
        (ALL_DATA, {"data", "store", "patches"}),
        (ALL_RESULTS, {"data", "store", "patches", "train", "evaluate", "complexity"}),
    ],
)
def test_a_stage_asks_for_its_part_of_the_workflow(
    target: str, rules: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    experiment = write_config()
    jobs = planned_jobs(SMALL, [target])
    assert {job.rule for job in jobs} == rules
    planned = {file for job in jobs for file in job.output}
    chain = Chain(experiment)
    made = [f for name in chain.to_make([target]) for f in chain.artifacts[name].outputs]
    assert {file.as_posix() for file in made} <= planned
    assert any(target in str(STAGES[stage]["cmd"]) for stage in STAGES)


def test_the_plot_shows_only_what_was_run(project: Path) -> None:
    plots = {path: one for entry in STAGES["reports"]["plots"] for path, one in entry.items()}
    shown = plots["reports/table1.csv"]
    template = (REPOSITORY / ".dvc" / "plots" / f"{shown['template']}.json").read_text()
    (condition,) = json.loads(template)["transform"]
    column = re.fullmatch(r"datum\.(\w+)", condition["filter"])
    assert column is not None
    # DVC hands on what is written; Vega takes an empty text for false.
    table = pd.read_csv(project / "reports/table1.csv", dtype=str, keep_default_na=False)
    assert {*table.loc[table[column[1]] == "", "label"]} == {"published"}
    assert {*table.loc[table[column[1]] != "", "label"]} == {"demo"}
    assert {shown["x"], shown["y"], json.loads(template)["encoding"]["row"]["field"]} <= {*table}


def test_dvc_tells_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    analytics = pytest.importorskip("dvc.analytics")
    monkeypatch.chdir(REPOSITORY)
    for name in ("DVC_NO_ANALYTICS", "DVC_TEST"):
        monkeypatch.delenv(name, raising=False)
    assert not analytics.is_enabled()
    assert pytest.importorskip("dvc.config").Config.from_cwd()["core"]["check_update"] is False
