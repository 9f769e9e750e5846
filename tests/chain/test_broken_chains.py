"""Ways to break the chain behind a number: each is refused or marked in every report."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from support.paths import PUBLISHED
from support.projects import (
    CONFIG,
    edit_record,
    edit_text,
    finish,
    train_and_evaluate,
    working_in,
    write_config,
)

from pipeline.chain.experiment import Chain
from pipeline.config.experiment import load_experiment
from pipeline.errors import RecordError
from pipeline.methods import get_method
from pipeline.places import Places
from pipeline.run import Run
from pipeline.stages.report import make_plot, make_table1
from pipeline.stages.track import track_records
from pipeline.weights.own_file import save_weights

pytestmark = pytest.mark.usefixtures("project")

RESULT, RUN = Path("results/tiny/dmtnet-t-seed0"), Path("runs/tiny/dmtnet-t-seed0")
INPUT, MANIFEST = Path("results/tiny/input-seed0"), Path("data/tiny/manifest.csv")
COMPLEXITY, TABLE = Path("results/complexity/dmtnet-t.json"), Path("reports/small/table1.csv")


def change_score() -> None:
    table = pd.read_csv(RESULT / "per_image.csv", dtype=str)
    table.loc[0, "psnr"] = "48.5"
    table.to_csv(RESULT / "per_image.csv", index=False)


def drop_image() -> None:
    lines = (RESULT / "per_image.csv").read_text().splitlines(keepends=True)
    (RESULT / "per_image.csv").write_text("".join(lines[:-1]))


def forge_scores() -> None:
    """Other scores with the right digest, but means that are not theirs."""
    from pipeline.files import sha256_of

    change_score()
    edit_record(RESULT / "record.json", per_image_sha256=sha256_of(RESULT / "per_image.csv"))


def replace_weights() -> None:
    method = get_method("dmtnet-t", load_experiment(CONFIG))
    run = Run(load_experiment(CONFIG), method)
    state = {name: value + 0.01 for name, value in method.build(**run.kwargs).state_dict().items()}
    save_weights(RUN / "weights.safetensors", state, "dmtnet-t", run.kwargs)


@cache
def other_project(changes: str) -> Path:
    """A project that differs in the experiment; made once, and removed with the process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    shutil.copytree(PUBLISHED, folder / "reports" / "published")
    with working_in(folder):
        finish(write_config(**json.loads(changes)))
    return folder


def of_another_experiment(*paths: Path, **changes: object) -> Callable[[], None]:
    """Take these files and folders from a project that differs in the experiment."""

    def take() -> None:
        other = other_project(json.dumps(changes))
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path)
                shutil.copytree(other / path, path)
            else:
                shutil.copy(other / path, path)

    return take


def of_repetition_1() -> None:
    experiment = write_config(repetitions=2)
    train_and_evaluate(Run.of(experiment, "dmtnet-t", 1), Places.of(experiment))
    write_config()
    for folder in (RESULT, RUN):
        shutil.rmtree(folder)
        folder.with_name("dmtnet-t-seed1").rename(folder)


def change_manifest() -> None:
    first = MANIFEST.read_text().splitlines()[1]
    edit_text(MANIFEST, first[-8:], "00000000" if first[-8:] != "00000000" else "11111111")


def copy_result(source: Path, target: Path) -> Callable[[], None]:
    def copy() -> None:
        shutil.rmtree(target)
        shutil.copytree(source, target)

    return copy


def configured(**changes: object) -> Callable[[], object]:
    return lambda: write_config(**changes)


def nested(block: str, **values: object) -> Callable[[], object]:
    import yaml
    from support.paths import TINY

    known = yaml.safe_load(TINY.read_text())[block]
    return configured(**{block: {**known, **values}})


RECIPE = {"epochs": 3, "passes_per_epoch": 2, "batch_size": 2, "crop": 32, "learning_rate": 0.01}
EVALUATION, TRAINING, DATA = "evaluate dmtnet-t-seed0", "train dmtnet-t-seed0", "data tiny"
COUNT = "complexity dmtnet-t"
SCORES, RECORD, RUN_RECORD = RESULT / "per_image.csv", RESULT / "record.json", RUN / "record.json"
WEIGHTS, DATA_RECORD = RUN / "weights.safetensors", MANIFEST.with_name("manifest.record.json")
METRIC = {"more": {"module": "pipeline.evaluation.metrics.psnr"}}

# Ways to break the chain, by the broken artifact, how it stands, and the file that is named.
WAYS: dict[tuple[str, str, Path], dict[str, Callable[[], object]]] = {
    (EVALUATION, "broken", SCORES): {
        "a score is changed": change_score,
        "an image is dropped": drop_image,
        "scores of another method": lambda: shutil.copy(INPUT / "per_image.csv", SCORES),
    },
    (EVALUATION, "missing", SCORES): {"scores are deleted": lambda: SCORES.unlink()},
    (EVALUATION, "broken", RECORD): {
        "scores are forged": forge_scores,
        "a mean is edited": lambda: edit_text(RECORD, '"psnr": ', '"psnr": 4'),
        "a mean is forged": lambda: edit_record(RECORD, scores__combined__mean__psnr=48.5),
        "a record is no JSON": lambda: RECORD.write_text("{"),
    },
    (EVALUATION, "foreign", RECORD): {
        "a label is forged": lambda: edit_record(RECORD, label="reproduced"),
        "a label of given weights": lambda: edit_record(RECORD, label="official weights"),
        "a row is forged": lambda: edit_record(RECORD, row="DMTNet-H"),
        "a kind is forged": lambda: edit_record(RECORD, method_kind="control"),
        "a size is forged": lambda: edit_record(RECORD, trained_params=1),
        "another set's result": lambda: edit_record(RECORD, dataset="canon"),
        "a result of another seed": of_another_experiment(RESULT, seed=5),
        "a result of another recipe": of_another_experiment(RESULT, recipes={"dmtnet": RECIPE}),
        "another method's result": copy_result(INPUT, RESULT),
        "another protocol is requested": configured(protocol="dpdd-8"),
        "another metric is requested": configured(metrics=METRIC),
    },
    (TRAINING, "broken", WEIGHTS): {
        "weights are replaced": replace_weights,
        "a run record of other weights": lambda: edit_record(
            RUN_RECORD, provenance__weights_sha256="0" * 64
        ),
    },
    (TRAINING, "missing", WEIGHTS): {"weights are deleted": lambda: WEIGHTS.unlink()},
    (TRAINING, "missing", RUN_RECORD): {"runs are deleted": lambda: shutil.rmtree("runs")},
    (TRAINING, "broken", RUN_RECORD): {
        "a run record is edited": lambda: edit_text(RUN_RECORD, '"val_psnr": ', '"val_psnr": 4'),
    },
    (TRAINING, "foreign", RUN_RECORD): {
        "a run of another seed": of_another_experiment(RUN, seed=5),
        "another repetition": of_repetition_1,
        "another recipe is requested": configured(recipes={"dmtnet": RECIPE}),
        "other windows are requested": nested("patches", overlap=0.5),
        "another precision is requested": nested("compute", precision="bfloat16"),
    },
    (DATA, "broken", MANIFEST): {"the manifest is edited": change_manifest},
    (DATA, "missing", MANIFEST): {"the manifest is deleted": lambda: MANIFEST.unlink()},
    (DATA, "missing", DATA_RECORD): {"its record is deleted": lambda: DATA_RECORD.unlink()},
    (DATA, "foreign", DATA_RECORD): {
        "another set of the same name": of_another_experiment(MANIFEST, DATA_RECORD, seed=5),
        "another seed is requested": configured(seed=5),
        "another set is requested": nested("dataset", coc_far=[7.0, 11.0]),
    },
    (COUNT, "broken", COMPLEXITY): {
        "a count is edited": lambda: edit_text(COMPLEXITY, '"params": ', '"params": 1'),
    },
    (COUNT, "foreign", COMPLEXITY): {
        "a count of another size": configured(complexity_size=[32, 32]),
        "a count of another method": lambda: edit_record(COMPLEXITY, method="dmtnet-h"),
    },
}
CASES = [(place, breaks) for place, ways in WAYS.items() for breaks in ways.values()]
NAMES = [name for ways in WAYS.values() for name in ways]


def state_of(artifact: str) -> tuple[str, Path]:
    standing = Chain(load_experiment(CONFIG)).standing(artifact)
    return standing.state, standing.path


def test_the_chain_of_a_finished_project_is_whole() -> None:
    chain = Chain(load_experiment(CONFIG))
    states = {name: chain.standing(name).state for name in chain.artifacts}
    assert states.pop("track") == "missing"
    assert set(states.values()) == {"fresh"}
    assert set(chain.to_make()) == {"track"}


@pytest.mark.parametrize(("place", "breaks"), CASES, ids=NAMES)
def test_a_broken_chain_is_refused_by_every_report_and_made_again(
    place: tuple[str, str, Path], breaks: Callable[[], object]
) -> None:
    artifact, state, file = place
    breaks()
    assert state_of(artifact) == (state, file)
    experiment = load_experiment(CONFIG)
    assert artifact in Chain(experiment).to_make()
    before = TABLE.read_bytes()
    for make in (make_table1, make_plot):
        with pytest.raises(RecordError, match=f"{file}: .*; `dmtbench run`"):
            make(experiment)
    with pytest.raises(RecordError):
        track_records(experiment, "sqlite:///mlflow.db", Path("mlartifacts"))
    assert not Path("mlflow.db").exists()
    assert TABLE.read_bytes() == before


def test_there_are_many_ways() -> None:
    assert len({*NAMES}) == len(NAMES) >= 30
