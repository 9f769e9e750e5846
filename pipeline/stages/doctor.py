"""Doctor stage: reports all problems of a data set at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.config.blocks import Canon
from pipeline.config.experiment import Experiment
from pipeline.data.inspection.survey import Survey, survey
from pipeline.errors import DataError
from pipeline.evaluation.protocol import check_bit_depth
from pipeline.records import DoctorReport, ImageReport


def examine_set(
    root: Path, experiment: Experiment | None, workers: int, *, progress: bool
) -> DoctorReport:
    """Examine every image of a data set and the set as a whole; bad files don't stop it.

    Args:
        root: the folder of the set, or one up to three levels above it.
        experiment: defines the expected set and protocol. Without one, it must be the official
            Canon set unless it has its own labels or no ground truth.
        workers: number of processes; the findings don't depend on it.
        progress: whether a progress bar is shown.

    Raises:
        DataError: there is no set, or more than one; a process was killed.
    """
    started = time.perf_counter()
    official = None if experiment is None else isinstance(experiment.dataset, Canon)
    examined = survey(root, official=official, workers=workers, progress=progress)
    inventory, problems = examined.inventory, list(examined.problems)
    depths = {facts.bit_depth for _, facts, _ in examined.images()}
    if experiment is not None and depths:
        try:
            check_bit_depth(experiment, min(depths), str(root))
        except DataError as error:
            problems.append(str(error))
    alignments = [a for facts in examined.facts for a in facts.registration.values()]
    return DoctorReport(
        root=str(root),
        layout=f"{inventory.place.layout} layout in {inventory.place.folder}",
        labels=inventory.labels_from,
        ground_truth=inventory.truth,
        scenes=dict(Counter(scene.split for scene in inventory.scenes)),
        unjudged=alignments.count(None),
        seconds=time.perf_counter() - started,
        problems=tuple(problems),
        notes=tuple(inventory.notes),
        images=dict(_images(examined)),
    )


def report_lines(report: DoctorReport) -> list[str]:
    """The report as text: one line per problem and note, then a summary."""
    scenes = ", ".join(f"{split} {count}" for split, count in report.scenes.items())
    depths = sorted({image.bit_depth for image in report.images.values()})
    size = sum(image.bytes for image in report.images.values())
    summary = [
        f"{report.layout}; labels: {report.labels}",
        f"{sum(report.scenes.values())} scenes ({scenes}), {len(report.images)} sound images, "
        f"{' and '.join(map(str, depths)) or 'no'} bits per channel; {size / 1e9:.2f} GB in "
        f"{report.seconds:.1f} s ({size / 1e6 / report.seconds:.1f} MB/s)",
    ]
    if 8 in depths:
        summary.append("8-bit images: evaluate them with `protocol: dpdd-8`")
    if not report.ground_truth:
        summary.append("no ground truth: inference only, use `dmtbench predict`")
    if report.unjudged:
        summary.append(f"{report.unjudged} views are too small or flat to compare with their scene")
    notes = [f"warning: {note}" for note in report.notes]
    count = len(report.problems)
    verdict = f"{count or 'no'} problem{'' if count == 1 else 's'}"
    return [*report.problems, *notes, *summary, verdict]


def _images(examined: Survey) -> Iterator[tuple[str, ImageReport]]:
    for name, facts, alignment in examined.images():
        correlation, shift = (alignment.correlation, alignment.shift) if alignment else (None, None)
        yield name, ImageReport(**facts.model_dump(), correlation=correlation, shift=shift)
