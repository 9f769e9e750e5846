"""The report `networks`: sizes and selection weights of trained networks, and its chain."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.fixture_types import EnterCopy
from support.fixture_types import Run as Command
from support.miniatures import narrow
from support.paths import PUBLISHED
from support.projects import CONFIG, edit_record, evaluate, working_in, write_config

from pipeline.chain.experiment import Chain
from pipeline.chain.reports import networks_report, reports
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.data.manifest import read_manifest, read_scene
from pipeline.errors import ConfigError, DataError, RecordError
from pipeline.evaluation.flops_fvcore import flops_fvcore
from pipeline.evaluation.selection_weights import number_of_dmssrm, selects
from pipeline.files import sha256_of
from pipeline.places import Places
from pipeline.records import RunRecord, read_record
from pipeline.run import Run, WeightsOrigin
from pipeline.stages.data import make_data
from pipeline.stages.networks import NETWORK_COLUMNS, WEIGHT_COLUMNS, make_networks, write_networks
from pipeline.stages.store import make_patches, make_store
from pipeline.stages.train import TrainingFiles, train_method
from pipeline.training.progress import Progress
from pipeline.weights.own_file import load_weights

SEEDS = 3
TRAINED = ("dmtnet-t", "dmtnet-b", "dmtnet-b-fixed")
FOLDER = Path("reports/small")
STUDY = {"claims": ["C09"], "margin": 0.1}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a study whose trainings are finished; tests must not write into it."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(PUBLISHED, folder / "reports" / "published")
    with working_in(folder):
        only = ["input", "unsharp", *TRAINED]
        experiment = write_config(only=only, repetitions=SEEDS, study=STUDY)
        places = Places.of(experiment)
        raw, store = places.data / "raw", Places.store_of(places.dataset)
        make_data(experiment, raw, places.manifest, 1, progress=False)
        make_store(raw, places.manifest, store, 1, progress=False)
        make_patches(experiment, store, places.patches, 1, progress=False)
        for method, repetition in experiment.runs_of(only):
            run = Run.of(experiment, method, repetition)
            if run.method.trainable:
                train(run, places)
    return folder


@pytest.fixture
def study(trained: Path, enter_copy: EnterCopy) -> Experiment:
    """The experiment of a copy of the project, which is the current folder."""
    enter_copy(trained)
    return load_experiment(CONFIG)


def train(run: Run, places: Places) -> None:
    train_method(
        run,
        files=TrainingFiles(Places.store_of(places.dataset), places.patches, places.manifest),
        target=places.run(run.method.name, run.repetition),
        command="dmtbench train",
        progress=Progress(run.method.name, None),
    )


def tables(folder: Path = FOLDER) -> tuple[pd.DataFrame, pd.DataFrame]:
    networks = pd.read_csv(folder / "networks.csv", dtype={"num_dmssrm": "Int64"})
    return networks, pd.read_csv(folder / "selection_weights.csv")


def state(experiment: Experiment) -> str:
    return Chain(experiment).standing("networks").state


def test_networks_are_counted_at_the_size_of_their_crops(study: Experiment) -> None:
    assert make_networks(study) == [FOLDER / "networks.csv", FOLDER / "selection_weights.csv"]
    networks, _ = tables()
    assert list(networks.columns) == [*NETWORK_COLUMNS]
    # Without controls, and without what is fitted in closed form.
    assert list(networks["method"]) == [*TRAINED]
    assert list(networks["num_dmssrm"]) == [0, 2, 2]
    assert list(networks["row"]) == [study.entry(name).row for name in TRAINED]
    for row in networks.itertuples():
        run = Run.of(study, str(row.method))
        record = read_record(Places.of(study).run(str(row.method), 0) / "record.json", RunRecord)
        assert (row.params, row.samples) == (record.trained_params, record.samples)
        counted = flops_fvcore(run.method.build(**run.kwargs), 6, 32, 32, fit=False)
        assert row.flops == counted.total


def test_selection_weights_are_those_of_every_test_image(study: Experiment) -> None:
    make_networks(study)
    _, weights = tables()
    assert list(weights.columns) == [*WEIGHT_COLUMNS]
    # Fixed weights say nothing about an image, and DMTNet-T has none.
    assert {*weights["method"]} == {"dmtnet-b"}
    places = Places.of(study)
    rows = [row for row in read_manifest(places.manifest) if row.split == "test"]
    assert len(weights) == SEEDS * len(rows) * 2 * 3
    assert weights.groupby(["repetition", "scene", "dmssrm"])["alpha"].sum().to_numpy() == (
        pytest.approx(1, abs=1e-5)
    )
    run = Run.of(study, "dmtnet-b", 1)
    network = run.method.build(**run.kwargs).eval()
    load_weights(places.weights("dmtnet-b", 1), network, "dmtnet-b")
    scene = read_scene(places.data / "raw", rows[1])
    stacked = np.concatenate([scene["right"], scene["left"]], axis=-1)
    x = torch.from_numpy(stacked.astype(np.float32) / 65535).permute(2, 0, 1)[None]
    with torch.inference_mode():
        expected = network.selection_weights(x)
    own = weights[(weights["repetition"] == 1) & (weights["scene"] == Path(rows[1].source).stem)]
    assert list(own["dmssrm"]) == [1] * 3 + [2] * 3
    assert list(own["scale"]) == [1, 2, 3] * 2
    assert {*own["category"]} == {rows[1].category}
    assert own["alpha"].to_numpy() == pytest.approx(torch.cat([*expected], 1)[0].numpy(), rel=1e-4)
    # Another seed is another network.
    assert weights.groupby("repetition")["alpha"].first().nunique() == SEEDS


def test_scenes_are_named_as_in_the_scores(study: Experiment) -> None:
    make_networks(study)
    evaluate(Run.of(study, "input"), WeightsOrigin())
    scores = pd.read_csv(Places.of(study).per_image("input", 0))
    assert {*tables()[1]["scene"]} == {*scores["scene"]}


def test_the_report_follows_its_trainings(
    study: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state(study) == "missing"
    make_networks(study)
    assert state(study) == "fresh"
    assert "networks" not in Chain(study).to_make(["networks"])
    before = sha256_of(FOLDER / "selection_weights.csv")
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.keys.source_hash", lambda name: f"{name} changed")
        assert state(study) == "stale"
    place = Places.of(study).run("dmtnet-b", 2) / "record.json"
    edit_record(place, provenance__wall_s=1.0)
    assert state(study) == "foreign"
    # What was made from other weights has other numbers.
    make_networks(study)
    assert sha256_of(FOLDER / "selection_weights.csv") == before
    (FOLDER / "networks.csv").write_text("")
    assert state(study) == "broken"


def test_every_training_must_be_there(study: Experiment) -> None:
    shutil.rmtree(Places.of(study).run("dmtnet-t", 1))
    with pytest.raises(RecordError, match=r"dmtnet-t-seed1.*missing; `dmtbench run`"):
        make_networks(study)
    assert not FOLDER.exists()


def test_an_image_that_was_changed_is_refused(study: Experiment, tmp_path: Path) -> None:
    root = Places.of(study).data / "raw"
    row = next(row for row in read_manifest(Places.of(study).manifest) if row.split == "test")
    (root / row.file_left).write_bytes((root / row.file_right).read_bytes())
    with pytest.raises(DataError, match="is not the file in the manifest"):
        write_networks(study, tmp_path / "out", root=root)


def test_without_a_study_there_is_no_report(study: Experiment) -> None:
    without = write_config(only=["input", *TRAINED], repetitions=SEEDS)
    assert "networks" in reports(study)
    assert "networks" not in reports(without)
    assert [*networks_report(study).needs] == [
        "data tiny",
        *(f"train {name}-seed{seed}" for name in TRAINED for seed in range(SEEDS)),
    ]


def test_an_experiment_without_trainings(study: Experiment, tmp_path: Path) -> None:
    nothing = write_config(tmp_path / "x.yaml", only=["input", "unsharp"])
    with pytest.raises(ConfigError, match="trains no network"):
        write_networks(nothing, tmp_path / "out", root=Places.of(study).data / "raw")


def test_the_command(study: Experiment, run: Command) -> None:
    done = run("networks", "--config", CONFIG)
    assert (done.code, done.err) == (0, [])
    assert done.out == ["reports/small/networks.csv", "reports/small/selection_weights.csv"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"selection": "mean"}, False),
        ({"selection": "sum"}, False),
        # A softmax over one scale is 1.
        ({"num_scales": 1}, False),
        ({"num_scales": 2}, True),
        ({"num_dmssrm": 0}, False),
    ],
)
def test_what_selects(changes: dict[str, Any], expected: bool) -> None:
    assert selects(narrow(**changes)) == expected


def test_other_networks_have_no_dmssrm() -> None:
    plain = torch.nn.Conv2d(3, 3, 1)
    assert number_of_dmssrm(plain) is None
    assert not selects(plain)
