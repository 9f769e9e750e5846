"""A small finished project: data, two trainings, three results, sizes and reports."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.experiment import Experiment, load_experiment
from pipeline.data.manifest import read_manifest
from pipeline.evaluation.complexity import count_complexity
from pipeline.methods import get_method
from pipeline.places import COMPLEXITY, Places
from pipeline.records import CHECKSUM, _checksum
from pipeline.run import Run, WeightsOrigin
from pipeline.stages.data import make_data
from pipeline.stages.evaluate import evaluate_method
from pipeline.stages.figures import make_figures
from pipeline.stages.html import make_html
from pipeline.stages.latex import make_latex
from pipeline.stages.qualitative import make_qualitative
from pipeline.stages.report import make_plot, make_table1, make_table2
from pipeline.stages.store import make_patches, make_store
from pipeline.stages.train import TrainingFiles, train_method
from pipeline.stages.verdicts import make_verdicts
from pipeline.training.progress import Progress
from support.paths import PUBLISHED, TINY

CONFIG = Path("config/small.yaml")
METHODS = ("dmtnet-t", "input", "unsharp")


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Work in a folder, as `chdir`."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def write_config(path: Path = CONFIG, **changes: Any) -> Experiment:
    """Write the experiment of the project, with other top-level values; read it back."""
    data = yaml.safe_load(TINY.read_text())
    data |= {"only": list(METHODS), "complexity_size": [64, 64], "sample_images": 0, **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data))
    return load_experiment(path)


def finish(experiment: Experiment) -> None:
    """Make everything of an experiment in the current folder, through the stages."""
    places = Places.of(experiment)
    raw, store = places.data / "raw", Places.store_of(places.dataset)
    make_data(experiment, raw, places.manifest, 1, progress=False)
    make_store(raw, places.manifest, store, 1, progress=False)
    make_patches(experiment, store, places.patches, 1, progress=False)
    for method, repetition in experiment.runs_of(METHODS):
        train_and_evaluate(Run.of(experiment, method, repetition), places)
    for method in ("dmtnet-t",):
        count_complexity(get_method(method, experiment), experiment.complexity_size, COMPLEXITY)
    report(experiment)


def train_and_evaluate(run: Run, places: Places) -> None:
    """Train a method, if it learns anything, and evaluate it."""
    folder = places.run(run.method.name, run.repetition)
    if run.method.trainable:
        store = Places.store_of(places.dataset)
        train_method(
            run,
            files=TrainingFiles(store, places.patches, places.manifest),
            target=folder,
            command="dmtbench train",
            progress=Progress(run.method.name, None),
        )
    evaluate(run, WeightsOrigin(folder if run.method.trainable else None))


def evaluate(run: Run, origin: WeightsOrigin, target: Path | None = None) -> None:
    """Evaluate a method in the current folder."""
    places = Places.of(run.experiment)
    evaluate_method(
        run,
        origin=origin,
        root=places.data / "raw",
        manifest=places.manifest,
        target=target or places.result(run.method.name, run.repetition),
        command="dmtbench evaluate",
    )


def report(experiment: Experiment) -> None:
    """Make tables, plot, verdicts, figures and page."""
    make_table1(experiment)
    make_table2(experiment)
    make_latex(experiment)
    make_plot(experiment)
    make_verdicts(experiment)
    make_qualitative(experiment)
    make_figures(experiment)
    make_html(experiment, CONFIG)


def make_project(folder: Path) -> Path:
    """Make the project in an empty folder."""
    shutil.copytree(PUBLISHED, folder / "reports" / "published")
    with working_in(folder):
        finish(write_config())
    return folder


def edit_record(path: Path, **values: Any) -> None:
    """Change values of a record, by dotted key, and forge its checksum."""
    content = json.loads(path.read_text())
    del content[CHECKSUM]
    for where, value in values.items():
        *parents, last = where.split("__")
        block = content
        for parent in parents:
            block = block[parent]
        block[last] = value
    content[CHECKSUM] = _checksum(content)
    path.write_text(json.dumps(content))


def edit_text(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there, once."""
    text = path.read_text()
    assert old in text, f"{path}: {old}"
    path.write_text(text.replace(old, new, 1))


def scenes(manifest: Path) -> list[str]:
    """Names of the test scenes."""
    return [row.source for row in read_manifest(manifest) if row.split == "test"]
