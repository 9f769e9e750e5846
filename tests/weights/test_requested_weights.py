"""The files of weights that an experiment names, in the current folder or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.paths import CONFIG

from pipeline.config.experiment import Experiment, load_experiment
from pipeline.config.given_weights import GivenWeights
from pipeline.errors import WeightsError
from pipeline.weights.registry import all_weights
from pipeline.weights.requested import missing_weights, official_files, requested_weights
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.missing_weights import check_weights


@pytest.fixture(scope="module")
def official() -> Experiment:
    return load_experiment(CONFIG / "official.yaml")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    return path


def test_every_row_of_the_paper_is_scored_or_says_why_not(official: Experiment) -> None:
    # The registry also has the backbone of a metric.
    listed = {name for name, entry in all_weights().items() if entry.sources}
    published = listed & {*official.methods}
    assert set(official.given_of(official.methods)) == published
    rows = {name for name, entry in official.methods.items() if entry.kind != "control"}
    assert len(rows) == 16
    assert rows - published == set(official.not_run)
    assert all(official.reasons().values())
    workflow = Workflow(CONFIG / "official.yaml")
    assert not official.trains
    assert not {"store canon", "patches"} & set(workflow.chain.artifacts)
    assert not [name for name in workflow.chain.artifacts if name.startswith("train ")]
    assert "ifan-given" in workflow.named_runs(["ifan"])


def test_the_first_file_of_the_registry_that_exists(official: Experiment) -> None:
    first, second = official_files("restormer")
    assert requested_weights(official, "restormer").official == first
    put(second)
    assert requested_weights(official, "restormer").official == second
    put(first)
    assert requested_weights(official, "restormer").official == first
    assert missing_weights(official, "restormer") is None


def test_what_is_missing_is_one_line_with_its_remedy(official: Experiment) -> None:
    assert missing_weights(official, "ifan") == (
        "no weights of ifan at weights/ifan/IFAN_dual.pytorch; `dmtbench weights fetch ifan` "
        "brings them there"
    )
    by_hand = missing_weights(official, "dpdnet") or ""
    assert "in a browser" in by_hand
    assert by_hand.endswith(
        "dmtbench weights fetch dpdnet --source " + official_files("dpdnet")[0].name
    )
    own = official.model_copy(update={"weights": {"ifan": GivenWeights(file="mine.pth")}})
    assert missing_weights(own, "ifan") == "no weights of ifan at mine.pth; put the file there"


def test_a_run_without_them_does_not_start() -> None:
    target = "results/canon/kpac-given/record.json"
    with pytest.raises(
        WeightsError, match=r"official\.yaml: no weights of kpac at weights/kpac"
    ) as e:
        check_weights(CONFIG / "official.yaml", [target])
    assert "\n" not in str(e.value)
    with pytest.raises(WeightsError, match="and 6 more"):
        check_weights(CONFIG / "official.yaml", [])
    put(official_files("kpac")[0])
    check_weights(CONFIG / "official.yaml", [target])
    check_weights(CONFIG / "canon.yaml", [])


def test_file_and_key_are_options_of_the_evaluation(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(
        f"extends: {CONFIG / 'official.yaml'}\n"
        "weights: {ifan: my ifan.pth, kpac: {file: official, key: ema}}\n"
    )
    workflow = Workflow(config)
    assert workflow.given_option("ifan") == ["--weights", "my ifan.pth"]
    assert workflow.given_option("kpac") == ["--weights", "weights/kpac/dual.npz", "--key", "ema"]
    assert workflow.given_file("ifan") == []
    put(Path("my ifan.pth"))
    assert workflow.given_file("ifan") == ["my ifan.pth"]


def test_not_run_takes_precedence(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(f"extends: {CONFIG / 'official.yaml'}\nnot_run: {{ifan: no file}}\n")
    experiment = load_experiment(config)
    assert "ifan" not in experiment.given_of(experiment.methods)
    assert experiment.reasons()["IFAN"] == "no file"
    assert "DMTNet-H" in experiment.reasons()
