"""What reports show: stale rows with a mark, nothing that was not requested, one experiment."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from support.projects import (
    CONFIG,
    edit_record,
    edit_text,
    evaluate,
    report,
    train_and_evaluate,
    working_in,
    write_config,
)

from pipeline import keys
from pipeline.chain.experiment import Chain
from pipeline.code_hash import source_hash
from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError, RecordError
from pipeline.evaluation import complexity
from pipeline.methods import Method
from pipeline.places import Places
from pipeline.reporting.notes import marked
from pipeline.results_versions import _VERSIONS
from pipeline.run import Run, WeightsOrigin
from pipeline.stages.report import make_plot, make_table1
from pipeline.stages.status import standings, status_json
from pipeline.stages.track import track_records
from pipeline.weights.own_file import save_weights

pytestmark = pytest.mark.usefixtures("project")

FIGURES = ("qualitative", "figures")
REPORTS = Path("reports/small")
Patch = pytest.MonkeyPatch


def table(folder: Path = REPORTS) -> pd.DataFrame:
    return pd.read_csv(folder / "table1.csv", dtype=str, keep_default_na=False).set_index("method")


def standing_of(row: str) -> str:
    return str(table()["standing"][row])


def new_method_code(patch: Patch) -> None:
    patch.setattr(Method, "code_hash", lambda self: "new")


def new_scoring_code(patch: Patch) -> None:
    patch.setattr(keys, "source_hash", lambda name: source_hash(name) + "new")


def new_version(package: str) -> Callable[[Patch], None]:
    return lambda patch: patch.setitem(_VERSIONS, package, 99)


@pytest.mark.parametrize(
    "change",
    [
        new_method_code,
        new_scoring_code,
        *map(new_version, ("pipeline.training", "pipeline.evaluation", "pipeline.data.synthetic")),
        lambda patch: patch.setattr(keys, "PYTHON", "9.9"),
        lambda patch: patch.setattr(complexity, "PYTHON", "9.9"),
    ],
    ids=["method", "scoring", "training", "evaluation", "data", "python", "counting"],
)
def test_numbers_of_other_code_are_marked_everywhere(
    monkeypatch: Patch, change: Callable[[Patch], None]
) -> None:
    change(monkeypatch)
    experiment = load_experiment(CONFIG)
    report(experiment)
    assert standing_of("DMTNet-T") == "stale"
    assert marked(table().reset_index().set_index("method", drop=False).loc["DMTNet-T"]) == (
        "DMTNet-T (stale)"
    )
    for name in ("table1.md", "table1.tex"):
        assert "demo (stale)" in (REPORTS / name).read_text()
        assert "stale were made by other code" in (REPORTS / name).read_text()
    metrics = json.loads((REPORTS / "metrics.json").read_text())["small"]
    assert "DMTNet-T (stale)" in metrics
    assert "DMTNet-T" not in metrics
    assert Chain(experiment).to_make()


def test_a_method_that_is_not_run_keeps_only_its_published_numbers() -> None:
    experiment = write_config(not_run=["dmtnet-t"])
    report(experiment)
    assert table()["label"]["DMTNet-T"] == "published"
    assert table()["trained_params"]["DMTNet-T"] == ""
    left = [one for one in standings(experiment) if one.extra]
    assert [(one.name, one.standing.state) for one in left] == [
        ("evaluate dmtnet-t-seed0", "foreign")
    ]


def test_a_repetition_that_is_not_requested_is_not_counted() -> None:
    experiment = write_config(repetitions=2)
    train_and_evaluate(Run.of(experiment, "dmtnet-t", 1), Places.of(experiment))
    report(experiment)
    assert table()["n_seeds"]["DMTNet-T"] == "2"
    report(write_config())
    assert table()["n_seeds"]["DMTNet-T"] == "1"


def test_reports_at_the_top_are_those_of_the_experiment_requested_last() -> None:
    other = write_config(Path("config/other.yaml"), only=["input"])
    experiment = load_experiment(CONFIG)
    report(other)
    for name, folder in (("other", other), ("small", experiment)):
        report(folder)
        assert set(table(Path("reports"))["experiment"]) == {name}
        for file in ("table1.csv", "table2.md", "psnr_vs_params.png", "metrics.json"):
            same = Path("reports", name, file).read_bytes()
            assert Path("reports", file).read_bytes() == same
        assert f"Experiment: {name}." in Path("reports/table1.md").read_text()
    assert set(Chain(other).to_make()) >= {"table1", "plot"}
    assert "table1" not in Chain(experiment).to_make()


def test_a_table_that_was_edited_is_not_plotted() -> None:
    edit_text(REPORTS / "table1.csv", "demo", "reproduced")
    with pytest.raises(RecordError, match=r"table1\.csv: was changed"):
        make_plot(load_experiment(CONFIG))


def test_another_published_number_makes_the_tables_again() -> None:
    edit_text(Path("reports/published/table1.csv"), "25.", "26.")
    chain = Chain(load_experiment(CONFIG))
    assert chain.standing("table1").state == "foreign"
    assert {"table1", "plot"} <= set(chain.to_make(["reports/psnr_vs_params.png"]))


@pytest.fixture
def given(project: Path, monkeypatch: Patch) -> Path:
    """The result of a network that somebody gives as the authors'."""
    experiment = load_experiment(CONFIG)
    run, path = Run.of(experiment, "dmtnet-t"), Path("given.safetensors")
    network = run.method.build(**run.kwargs)
    save_weights(path, network.state_dict(), "dmtnet-t", {})
    monkeypatch.setattr(Method, "load_official", lambda self, state: network)
    target = project / Places.of(experiment).given("dmtnet-t")
    evaluate(run, WeightsOrigin(official=path), target)
    return target


@pytest.mark.usefixtures("given")
def test_given_weights_have_a_row_of_their_own() -> None:
    make_table1(load_experiment(CONFIG))
    assert table()["label"]["DMTNet-T (given weights)"] == "given weights"
    assert table()["label"]["DMTNet-T"] == "demo"


def test_given_weights_do_not_pass_for_official_ones(given: Path) -> None:
    edit_record(given / "record.json", label="official weights")
    with pytest.raises(RecordError, match="their checksum is not known"):
        make_table1(load_experiment(CONFIG))


def test_given_weights_do_not_take_the_place_of_trained_ones(given: Path) -> None:
    shutil.rmtree("results/tiny/dmtnet-t-seed0")
    given.rename("results/tiny/dmtnet-t-seed0")
    with pytest.raises(RecordError, match="scores other weights"):
        make_table1(load_experiment(CONFIG))


@pytest.mark.usefixtures("given")
def test_only_checked_results_are_imported() -> None:
    experiment = write_config(not_run=["dmtnet-t"])
    report(experiment)
    track_records(experiment, "sqlite:///mlflow.db", Path("mlartifacts"))
    with sqlite3.connect("mlflow.db") as database:
        labels = [
            label
            for (label,) in database.execute(
                "select tags.value from tags join tags as method using (run_uuid)"
                " where tags.key = 'label' and method.key = 'dmtbench.method'"
                " and method.value = 'dmtnet-t'"
            )
        ]
    assert labels == ["given weights"]


@pytest.mark.parametrize(
    "entry",
    [
        {"module": "baselines.controls", "row": "DMTNet-H", "kind": "control"},
        {"module": "dmtnet", "row": "DMTNet-T", "kwargs": {"variant": "t"}},
        {"module": "dmtnet", "row": "Input (no deblurring)"},
        {"module": "dmtnet", "row": "Mine", "table2": 3},
    ],
)
def test_a_row_of_the_list_belongs_to_its_method(entry: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="row"):
        write_config(methods={"mine": entry}, only=["mine", "input"])


def test_content_decides_not_times(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(Path.cwd(), copy, copy_function=shutil.copyfile)
    with working_in(copy):
        os.utime("data/tiny/manifest.csv")
        assert set(Chain(load_experiment(CONFIG)).to_make()) == {"track"}


def test_a_deleted_store_is_not_a_reason_to_train_again() -> None:
    shutil.rmtree("data/tiny/store")
    Path("data/tiny/patches.csv").unlink()
    assert set(Chain(load_experiment(CONFIG)).to_make()) == {"track"}


def test_an_edited_manifest_is_not_a_reason_to_train_again() -> None:
    with Path("data/tiny/manifest.csv").open("a") as manifest:
        manifest.write("\n")
    again = set(Chain(load_experiment(CONFIG)).to_make())
    assert again == {
        "data tiny",
        "store tiny",
        "patches",
        "table1",
        "table2",
        "latex",
        "plot",
        "qualitative",
        "figures",
        "verdicts",
        "track",
        "html",
    }


def test_only_what_the_targets_need_is_made() -> None:
    Path("results/complexity/dmtnet-t.json").unlink()
    edit_text(Path("results/tiny/input-seed0/per_image.csv"), "0.", "0.1")
    chain = Chain(load_experiment(CONFIG))
    assert set(chain.to_make(["runs/tiny/dmtnet-t-seed0/record.json"])) == set()
    assert set(chain.to_make(["reports/table2.csv"])) == set()
    needed = set(chain.to_make(["reports/table1.csv"]))
    assert needed == {"complexity dmtnet-t", "evaluate input-seed0", "table1"}
    assert set(chain.to_make(["all"])) == {
        *needed,
        "latex",
        "plot",
        *FIGURES,
        "verdicts",
        "track",
        "html",
    }


def test_status_has_one_object_per_artifact() -> None:
    lines = [
        json.loads(line) for line in status_json(standings(load_experiment(CONFIG))).splitlines()
    ]
    assert {line["state"] for line in lines if line["name"] != "track"} == {"fresh"}
    assert {"name", "state", "path", "reason"} == set(lines[0])
