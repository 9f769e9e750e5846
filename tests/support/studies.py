"""Studies whose trainings were not run: made-up scores and curves in true records."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from pipeline.chain.reports import networks_report, record_report
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.data.manifest import read_manifest
from pipeline.evaluation.scores import ImageScores, aggregate, write_per_image
from pipeline.files import sha256_of
from pipeline.keys import evaluate_keys, train_keys
from pipeline.places import Places, record_of
from pipeline.records import write_record
from pipeline.reporting.published import PAPER_METRICS
from pipeline.run import Run
from pipeline.stages.data import make_data
from pipeline.study.collecting import scores_frame
from support.factories import provenance, result, run
from support.paths import CONFIG, PUBLISHED, TINY

STUDY_CONFIG = Path("config/played.yaml")
SEEDS = 3
STEPS = {"input": -3.0, "dmtnet-t": 0.0, "dmtnet-s": 1.0, "dmtnet-b": 1.02, "dmtnet-b-fixed": 1.5}
"""Mean PSNR of each method above 20 dB, in dB."""
TRAINED = tuple(name for name in STEPS if name != "input")
BLOCK: dict[str, Any] = {
    "claims": ["C06", "C07", "C09", "C10"],
    "selection": "C17",
    "margin": 0.1,
    "comparisons": [{"one": "dmtnet-t", "other": "input", "question": "Does it deblur?"}],
}


def write_study_config(path: Path = STUDY_CONFIG, **changes: Any) -> Experiment:
    """Write an experiment with a study, with other top-level values; read it back."""
    data = yaml.safe_load(TINY.read_text())
    data["dataset"]["test"]["leaves"] = 4
    data |= {"repetitions": SEEDS, "only": list(STEPS), "not_run": [], "study": BLOCK, **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data))
    return load_experiment(path)


def whole_study(folder: Path) -> Experiment:
    """The experiment config/study.yaml with DPDNet, whatever it leaves out to save time."""
    path = CONFIG / "study.yaml"
    only = [*(load_experiment(path).only or ()), "dpdnet"]
    data = {"extends": str(path), "only": list(dict.fromkeys(only))}
    (folder / "whole.yaml").write_text(yaml.safe_dump(data))
    return load_experiment(folder / "whole.yaml")


def play_study(folder: Path, **changes: Any) -> Experiment:
    """Make a project in the current folder whose data are true and whose results are not."""
    shutil.copytree(PUBLISHED, folder / "reports" / "published")
    shutil.copytree(PUBLISHED.parent / "counted", folder / "reports" / "counted")
    experiment = write_study_config(**changes)
    places = Places.of(experiment)
    make_data(experiment, places.data / "raw", places.manifest, 1, progress=False)
    assert record_of(places.manifest).exists()
    for method, repetition in experiment.runs_of([*experiment.methods, *experiment.ablations]):
        play_run(Run.of(experiment, method, repetition), places)
    play_networks(experiment)
    return experiment


def play_run(this: Run, places: Places) -> None:
    """Write the files of a training and its evaluation."""
    made: dict[str, Any] = {"manifest_sha256": sha256_of(places.manifest), "weights_sha256": None}
    name, seed = this.method.name, this.repetition
    params = 0
    if this.recipe is not None:
        params, folder = 1000 * (1 + TRAINED.index(name)), places.run(name, seed)
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_text(f"{name} {seed}")
        made["weights_sha256"] = sha256_of(folder / "weights.safetensors")
        write_curve(folder / "curve.csv", STEPS[name] + 0.05 * seed)
        keys = train_keys(this)
        found = provenance(**made, configuration_key=keys.configuration, code=dict(keys.code))
        trained = run(
            name,
            this.method.entry.row,
            dataset=places.dataset,
            repetition=seed,
            trained_params=params,
            label=this.label,
            provenance=found,
        )
        write_record(folder / "record.json", trained)
    folder = places.result(name, seed)
    folder.mkdir(parents=True)
    images = images_of(places, STEPS[name], name, seed)
    write_per_image(folder / "per_image.csv", images, PAPER_METRICS)
    keys = evaluate_keys(this)
    made |= {"configuration_key": keys.configuration, "code": dict(keys.code)}
    scores, groups = aggregate(images)
    record = result(
        name,
        this.method.entry.row,
        kind=this.method.entry.kind,
        dataset=places.dataset,
        repetition=seed,
        trained_params=params,
        **made,
    )
    checksum = sha256_of(folder / "per_image.csv")
    update = {"scores": scores, "groups": groups, "per_image_sha256": checksum}
    write_record(folder / "record.json", record.model_copy(update=update))


def images_of(places: Places, step: float, name: str, seed: int) -> list[ImageScores]:
    """Scores of every test scene: those of the methods differ by `step` and a little chance."""
    chance = np.random.default_rng([seed, *name.encode()])
    common = 0.0 if name == "input" else 0.2 * seed
    return [
        ImageScores(
            row.source.removesuffix(".png"),
            row.group,
            row.category,
            {
                "psnr": 20 + number + step + common + 0.02 * chance.standard_normal(),
                "ssim": 0.8,
                "mae": 0.05,
            },
        )
        for number, row in enumerate(read_manifest(places.manifest))
        if row.split == "test"
    ]


def write_curve(path: Path, above: float) -> None:
    """A learning curve of four epochs, validated in every second one."""
    rows = [
        [epoch, 100 * epoch, 1e-3, 1 / epoch, 18 + above + epoch / 4 if epoch % 2 == 0 else None]
        for epoch in range(1, 5)
    ]
    frame = pd.DataFrame(rows, columns=["epoch", "samples", "learning_rate", "loss", "psnr"])
    frame.to_csv(path, index=False, lineterminator="\n")


def made_up_scores(
    differences: Mapping[str, Sequence[float]], scenes: int = 6, spread: float = 0.1
) -> pd.DataFrame:
    """Scores of methods whose means lie so far above 20 dB, one value for each seed."""
    chance = np.random.default_rng(1)
    noise = {name: chance.standard_normal(scenes) * spread for name in differences}
    rows = [
        [name, name.upper(), seed, f"s{scene}", ("indoor", "outdoor")[scene % 2], value, 0.8, 0.05]
        for name, steps in differences.items()
        for seed, step in enumerate(steps)
        for scene in range(scenes)
        for value in [20 + scene + step + noise[name][scene] - noise[name].mean()]
    ]
    columns = ["method", "row", "repetition", "scene", "category", *PAPER_METRICS]
    return pd.DataFrame(rows, columns=columns)


def play_networks(experiment: Experiment) -> None:
    """Write what the job `networks` makes."""
    report = networks_report(experiment)
    networks, weights = report.files
    networks.parent.mkdir(parents=True, exist_ok=True)
    networks_frame(experiment).to_csv(networks, index=False, lineterminator="\n")
    frame = selection_frame(scores_frame(experiment))
    frame.to_csv(weights, index=False, lineterminator="\n")
    record_report(experiment, report)


def networks_frame(experiment: Experiment) -> pd.DataFrame:
    """What the job `networks` would say of the networks."""
    cells = {"dmtnet-t": 0, "dmtnet-s": 1}
    rows = [
        [name, experiment.entry(name).row, cells.get(name, 2), 1000 * n, 10**6 * n, 400]
        for n, name in enumerate(TRAINED, 1)
    ]
    columns = ["method", "row", "num_dmssrm", "params", "flops", "samples"]
    return pd.DataFrame(rows, columns=columns)


def selection_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """Made-up selection weights of `dmtnet-b` on every test scene."""
    own = scores[scores["method"] == "dmtnet-b"]
    rows = [
        [row.method, row.repetition, row.scene, row.category, dmssrm, scale, alpha]
        for row in own.itertuples()
        for dmssrm in (1, 2)
        for scale, alpha in enumerate((0.6, 0.3999, 0.0001), 1)
    ]
    columns = ["method", "repetition", "scene", "category", "dmssrm", "scale", "alpha"]
    return pd.DataFrame(rows, columns=columns)
