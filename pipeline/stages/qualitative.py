"""Qualitative stage: what networks make of a few test scenes, as files for drawing figures."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from pipeline.artifacts import PER_IMAGE_FILE, RECORD
from pipeline.chain.experiment import Chain
from pipeline.chain.qualitative import FIGURE5_ROW, INPUT, QualitativeResult, qualitative_results
from pipeline.chain.reports import finish_report, qualitative_report
from pipeline.config.experiment import Experiment
from pipeline.data.manifest import read_manifest, read_scene
from pipeline.errors import ConfigError
from pipeline.evaluation.chosen_scenes import chosen_scenes
from pipeline.evaluation.loading import Prepared, prepare
from pipeline.evaluation.qualitative import View, qualitative_scene, selection_of, view
from pipeline.evaluation.scores import read_per_image
from pipeline.evaluation.selection_weights import selects
from pipeline.places import Places
from pipeline.progress_bars import watched
from pipeline.qualitative_files import Selection, write_figure4, write_figure5
from pipeline.records import MAIN_GROUP
from pipeline.run import Run, WeightsOrigin
from pipeline.weights.requested import requested_weights


def make_qualitative(experiment: Experiment) -> list[Path]:
    """Write the images and numbers behind Figures 4 and 5 to `reports/<experiment>/`.

    Methods that have not been evaluated are left out.

    Raises:
        ConfigError: the experiment file names a scene, a box or a network that cannot be shown.
        DataError: an image is not the one in the manifest; the folder is read-only or full.
        NoMemory: an image is too large for the device.
        RecordError: a result is missing on the way, broken or foreign, or its network now makes
            something else of the scene.
        WeightsError: weights are damaged or of another architecture.
    """
    report = qualitative_report(experiment)
    found = _checked(experiment)
    scores = {one.method: _psnr_of(one) for one in found}
    compared = [one.method for one in found if one.compared]
    places, read = Places.of(experiment), partial(read_scene, Places.raw_of(experiment.dataset))
    scenes = chosen_scenes(
        experiment.qualitative,
        {name: scores[name] for name in compared},
        read_manifest(places.manifest),
        read=read,
        blurred=INPUT,
    )
    views, selection = dict[str, list[View]](), None
    ordered = sorted(found, key=lambda one: not _is_preferred(experiment, one.method))
    for one in watched(ordered, len(ordered), "qualitative", sys.stderr.isatty()):
        ready = _prepare(experiment, one)
        if one.compared:
            values = scores[one.method]
            views[one.method] = [view(ready, scene, values[scene.name]) for scene in scenes]
        if selection is None and scenes and selects(ready.loaded.network):
            selection = selection_of(ready, scenes[0], read)
    _require_network(experiment, found, selection)
    shown = [
        qualitative_scene(scene, [views[name][number] for name in compared])
        for number, scene in enumerate(scenes)
    ]
    write_figure4(report.record.parent, shown)
    write_figure5(report.record.parent, selection)
    return finish_report(experiment, report)


def _checked(experiment: Experiment) -> list[QualitativeResult]:
    """The results that there are, each with its chain back to the data."""
    chain = Chain(experiment)
    found = [one for one in qualitative_results(experiment) if (one.folder / RECORD).exists()]
    for one in found:
        for name in one.inputs:
            chain.require(name)
    return found


def _psnr_of(one: QualitativeResult) -> dict[str, float]:
    """PSNR of each scene of the main group, from a result."""
    rows = read_per_image(one.folder / PER_IMAGE_FILE)
    values = {row.scene: row.values["psnr"] for row in rows if row.group == MAIN_GROUP}
    return {scene: value for scene, value in values.items() if value is not None}


def _is_preferred(experiment: Experiment, method: str) -> bool:
    """Whether a method is the network of Figure 5 if it can be."""
    wanted = experiment.qualitative.network
    return experiment.entry(method).row == FIGURE5_ROW if wanted is None else method == wanted


def _require_network(
    experiment: Experiment, found: list[QualitativeResult], selection: Selection | None
) -> None:
    wanted, shown = experiment.qualitative.network, selection and selection.method
    if wanted in {one.method for one in found} and shown != wanted:
        raise ConfigError(
            f"qualitative: network: {wanted!r} does not weight its scales adaptively; "
            "name another one"
        )


def _prepare(experiment: Experiment, one: QualitativeResult) -> Prepared:
    origin = WeightsOrigin(run_folder=one.run)
    if one.method in experiment.weights:
        origin = requested_weights(experiment, one.method)
    manifest = Places.of(experiment).manifest
    return prepare(Run.of(experiment, one.method), origin=origin, manifest=manifest)
