"""`dmtbench init`: a folder for experiments without a checkout."""

from __future__ import annotations

import configparser
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.clones import git
from support.paths import CONFIG, REPOSITORY

from pipeline import keys
from pipeline.config.experiment import load_experiment
from pipeline.errors import DataError
from pipeline.reporting.compared import tolerances
from pipeline.stages.init import make_project


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "deep" / "mine"
    make_project(folder)
    return folder


def test_every_experiment_can_be_used(made: Path) -> None:
    names = {path.name for path in (made / "config").glob("*.yaml")}
    shared = {"methods.yaml", "recipes.yaml", "tolerances.yaml"}
    assert names == {path.name for path in CONFIG.glob("*.yaml")} - shared
    for name in names:
        assert load_experiment(made / "config" / name) == load_experiment(CONFIG / name)


def test_schemas_are_where_the_experiments_say(made: Path) -> None:
    for path in (made / "config").glob("*.yaml"):
        first = path.read_text().splitlines()[0]
        assert (path.parent / first.partition("$schema=")[2]).is_file()


def test_published_numbers_are_copied(made: Path) -> None:
    for part in ("published", "counted"):
        for path in (REPOSITORY / "reports" / part).iterdir():
            assert (made / "reports" / part / path.name).read_bytes() == path.read_bytes()


def test_dvc_follows_only_what_is_there(made: Path) -> None:
    own, whole = (
        yaml.safe_load((folder / "dvc.yaml").read_text())["stages"] for folder in (made, REPOSITORY)
    )
    assert own.keys() == whole.keys()
    made_by_stages = {name for stage in own.values() for out in stage["outs"] for name in out}
    for name, stage in own.items():
        known = whole[name].pop("deps")
        kept = stage.pop("deps")
        assert stage == whole[name]
        here = [path for path in known if (made / path).exists() or path in made_by_stages]
        assert kept == here != []


def test_dvc_finds_its_plot_template(made: Path) -> None:
    stages = yaml.safe_load((made / "dvc.yaml").read_text())["stages"].values()
    plots = [plot for stage in stages for plot in stage.get("plots", [])]
    settings = [values for plot in plots for values in plot.values()]
    templates = {values["template"] for values in settings if "template" in values}
    assert templates
    for name in templates:
        shipped = REPOSITORY / ".dvc" / "plots" / f"{name}.json"
        assert (made / ".dvc" / "plots" / shipped.name).read_bytes() == shipped.read_bytes()


def test_dvc_works_after_git_init_and_reports_to_nobody(made: Path) -> None:
    pytest.importorskip("dvc")
    git(made, "init", "-q")
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--names-only"],
        cwd=made,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["data", "results", "reports"])
    core = configparser.ConfigParser()
    core.read_string(git(REPOSITORY, "show", "HEAD:.dvc/config"))
    own = configparser.ConfigParser()
    own.read(made / ".dvc" / "config")
    assert {**own["core"]} == {**core["core"]} == {"analytics": "false", "check_update": "false"}


def test_a_project_may_have_its_own_tolerances(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load_experiment(made / "config" / "demo.yaml")
    monkeypatch.chdir(made)
    before, known = keys.report_keys(experiment), tolerances()
    own = known.model_dump()
    own["psnr"]["seed_spread"] = {"value": 0.125, "reason": "five trainings of ours"}
    Path("config", "tolerances.yaml").write_text(yaml.safe_dump(own))
    assert known.psnr.spread is None
    assert tolerances().psnr.spread == 0.125
    # So tables and verdicts are made again.
    assert keys.report_keys(experiment) != before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    make_project(tmp_path)
    assert (tmp_path / "Snakefile").is_file()


def a_file(folder: Path) -> None:
    folder.write_text("mine")


def a_full_folder(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes").write_text("mine")


@pytest.mark.parametrize("make", [a_file, a_full_folder])
def test_nothing_is_overwritten(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "mine")
    with pytest.raises(DataError, match="is not an empty folder; name one that does not exist"):
        make_project(tmp_path / "mine")
    assert len(list(tmp_path.rglob("*"))) == (1 if make is a_file else 2)
    assert "mine" in {path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
