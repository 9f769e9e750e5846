"""Tables of a study from the records of its experiment: scores of images, and learning curves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.artifacts import CURVE, PER_IMAGE_FILE
from pipeline.config.experiment import Experiment
from pipeline.errors import RecordError
from pipeline.evaluation.scores import read_per_image
from pipeline.places import Places
from pipeline.records import MAIN_GROUP
from pipeline.reporting.published import PAPER_METRICS

SCORES = ("method", "row", "repetition", "scene", "category", *PAPER_METRICS)
CURVES = ("method", "repetition", "epoch", "samples", "val_psnr")


@dataclass(frozen=True)
class Source:
    """A result of a study.

    `run`: folder of the training; `None` for a method that is not trained by gradients.
    """

    method: str
    repetition: int
    result: Path
    run: Path | None

    @property
    def name(self) -> str:
        """Name of its folders."""
        return self.result.name


def methods_of_study(experiment: Experiment) -> list[str]:
    """Methods and ablations that are run, in the order of the experiment."""
    return [*experiment.methods_run(), *experiment.ablations]


def sources_of(experiment: Experiment) -> list[Source]:
    """All results of a study, by method and repetition; whether they may be shown says the chain.

    Results with given weights are none of a study: they have no seeds.
    """
    places = Places.of(experiment)
    return [
        Source(
            method,
            repetition,
            places.result(method, repetition),
            places.run(method, repetition) if experiment.recipe_of(method) else None,
        )
        for method, repetition in experiment.runs_of(methods_of_study(experiment))
    ]


def scores_frame(experiment: Experiment) -> pd.DataFrame:
    """Scores of the main group: one row per method, repetition and scene.

    Returns:
        Columns `method`, `row`, `repetition`, `scene`, `category`, and `psnr` (dB), `ssim`, `mae`;
        NaN for a metric that was not computed.

    Raises:
        RecordError: a table cannot be read.
    """
    return pd.DataFrame(list(_scores(experiment)), columns=list(SCORES))


def _scores(experiment: Experiment) -> Iterator[list[object]]:
    for source in sources_of(experiment):
        row = experiment.entry(source.method).row
        for image in read_per_image(source.result / PER_IMAGE_FILE):
            if image.group == MAIN_GROUP:
                values = [image.values.get(metric) for metric in PAPER_METRICS]
                place = [source.method, row, source.repetition, image.scene, image.category]
                yield [*place, *values]


def curves_frame(experiment: Experiment) -> pd.DataFrame:
    """Every validation of every training.

    Returns:
        Columns `method`, `repetition`, `epoch`, `samples` (crops seen so far), `val_psnr` (dB).

    Raises:
        RecordError: a curve cannot be read.
    """
    parts = [
        _curve(source.run / CURVE).assign(method=source.method, repetition=source.repetition)
        for source in sources_of(experiment)
        if source.run is not None
    ]
    if not parts:
        return pd.DataFrame(columns=list(CURVES))
    return pd.concat(parts, ignore_index=True)[list(CURVES)]


def _curve(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
        return frame.rename(columns={"psnr": "val_psnr"})[["epoch", "samples", "val_psnr"]].dropna(
            subset="val_psnr"
        )
    except (OSError, ValueError, KeyError) as error:
        raise RecordError(f"{path}: not a learning curve ({error}); train again") from error
