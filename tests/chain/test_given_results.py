"""Results of weights that the experiment names: judged by file, key and label."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.projects import CONFIG, edit_record, evaluate, report, write_config

from pipeline.chain.experiment import Chain
from pipeline.chain.standing import Standing
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.files import sha256_of
from pipeline.methods import Method
from pipeline.pins import PinnedWeights, pin_weights, pins_file
from pipeline.places import Places
from pipeline.records import ResultRecord, read_record
from pipeline.run import Run, WeightsOrigin
from pipeline.weights.own_file import save_weights

pytestmark = pytest.mark.usefixtures("project")

FILE, NAME = Path("weights/mine.safetensors"), "evaluate dmtnet-t-given"
RECORD = Path("results/tiny/dmtnet-t-given/record.json")


@pytest.fixture
def experiment(monkeypatch: pytest.MonkeyPatch, project: Path) -> Experiment:
    """An experiment that names a file for DMTNet-T, evaluated."""
    made = write_config(weights={"dmtnet-t": str(FILE)})
    run = Run.of(made, "dmtnet-t")
    network = run.method.build(**run.kwargs)
    FILE.parent.mkdir()
    save_weights(FILE, network.state_dict(), "dmtnet-t", {})
    monkeypatch.setattr(Method, "load_official", lambda self, state: network)
    evaluate(run, WeightsOrigin(official=FILE), Places.of(made).given("dmtnet-t"))
    return made


def standing(experiment: Experiment) -> Standing:
    return Chain(experiment).standing(NAME)


def test_it_takes_the_place_of_a_training(experiment: Experiment) -> None:
    artifacts = Chain(experiment).artifacts
    assert NAME in artifacts
    assert not {"train dmtnet-t-seed0", "evaluate dmtnet-t-seed0"} & set(artifacts)
    assert standing(experiment).state == "fresh"
    record = read_record(RECORD, ResultRecord)
    assert record.given_weights
    assert (record.given_weights.file, record.given_weights.key) == (FILE.as_posix(), None)
    report(experiment)
    again = Chain(experiment).to_make()
    assert set(again) == {"track"}


def test_another_file_makes_it_foreign(experiment: Experiment) -> None:
    FILE.write_bytes(FILE.read_bytes() + b"0")
    found = standing(experiment)
    assert (found.state, found.reason) == ("foreign", f"scores other weights than {FILE}")
    assert NAME in Chain(experiment).to_make(["table1"])


def test_a_file_that_is_gone_is_not_compared(experiment: Experiment) -> None:
    FILE.unlink()
    assert standing(experiment).state == "fresh"
    shutil.rmtree(RECORD.parent)
    found = standing(experiment)
    assert (found.state, found.reason) == (
        "missing",
        f"no weights of dmtnet-t at {FILE}; put the file there",
    )


def test_another_key_makes_it_foreign(experiment: Experiment) -> None:
    other = write_config(weights={"dmtnet-t": {"file": str(FILE), "key": "ema"}})
    assert standing(other).state == "foreign"
    assert "'ema'" not in standing(experiment).reason
    # A forged key does not have the configuration key of the result.
    edit_record(RECORD, given_weights__key="ema")
    assert standing(other).reason == "made for another configuration or seed"
    assert "the state dict ema, not" in standing(experiment).reason


@pytest.mark.parametrize("label", ["official weights", "demo", "reproduced"])
def test_a_label_that_is_not_earned_is_refused(experiment: Experiment, label: str) -> None:
    edit_record(RECORD, label=label)
    assert standing(experiment).reason == f"is labeled {label} instead of given weights"


def test_trusted_later_it_is_scored_again_as_official(experiment: Experiment) -> None:
    from datetime import date

    entry = PinnedWeights(sha256=sha256_of(FILE), source="authors", added=date(2026, 1, 1))
    pin_weights(pins_file(CONFIG), "dmtnet-t", entry)
    found = standing(load_experiment(CONFIG))
    assert found.reason == "is labeled given weights instead of official weights"


def test_a_record_without_its_file_is_refused(experiment: Experiment) -> None:
    edit_record(RECORD, given_weights=None)
    assert standing(experiment).reason == "does not say which file of weights it scores"
