"""`dmtbench init`: a folder for experiments without a checkout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.paths import CONFIG, REPOSITORY

from pipeline.config.experiment import load_experiment
from pipeline.errors import DataError
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
