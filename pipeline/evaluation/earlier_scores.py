"""The scores that a result had before it was made again, to compare the new ones with.

Snakemake deletes the outputs of a job before it starts the job. So record and per-image scores of
every result have a copy in `<results>/.scored/<name>/`. Predictions are not stored: a result that
only lacks a metric is predicted and scored again, and then everything else must be as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import PER_IMAGE_FILE, RECORD
from pipeline.errors import RecordError
from pipeline.evaluation.metrics import COMPUTED
from pipeline.evaluation.scores import ImageScores, read_per_image
from pipeline.files import copy_file, sha256_of
from pipeline.records import ResultRecord, read_record

_SCORED = ".scored"


@dataclass(frozen=True)
class EarlierScores:
    """A result as it was, with its per-image scores."""

    record: ResultRecord
    table: list[ImageScores]

    def compared(self, record: ResultRecord, table: Sequence[ImageScores]) -> str:
        """What became of the scores, in one line; empty if these are of other predictions.

        Args:
            record: of the new result.
            table: its per-image scores.
        """
        if _depends_on(self.record) != _depends_on(record):
            return ""
        known = {row.scene: row.values for row in self.table}
        moved: dict[str, float] = {}
        for row in table:
            for name, value in row.values.items():
                before = known.get(row.scene, {}).get(name)
                if before is not None and before != value:
                    change = abs(value - before) if value is not None else float("inf")
                    moved[name] = max(moved.get(name, 0.0), change)
        if moved:
            changes = ", ".join(f"{name} by up to {change:.2g}" for name, change in moved.items())
            elsewhere = self.record.provenance.hardware != record.provenance.hardware
            where = "another machine" if elsewhere else "this machine"
            return f"scores of the same weights, data and code changed: {changes} (before: {where})"
        known_status = self.record.metric_status
        added = [
            name
            for name, status in record.metric_status.items()
            if status == COMPUTED and known_status.get(name) != COMPUTED
        ]
        return f"added {', '.join(added)}; all other scores are as before" if added else ""


def keep_scores(folder: Path, target: Path) -> None:
    """Copy record and per-image scores of a result that will be renamed to `target`.

    Raises:
        DataError: the folder of results is read-only or full.
    """
    for name in (PER_IMAGE_FILE, RECORD):
        copy_file(folder / name, _kept(target) / name)


def earlier_scores(target: Path) -> EarlierScores | None:
    """The scores that the result folder `target` had last; `None` if none are kept whole."""
    kept = _kept(target)
    try:
        record = read_record(kept / RECORD, ResultRecord)
        table = read_per_image(kept / PER_IMAGE_FILE)
    except RecordError:
        return None
    whole = record.per_image_sha256 == sha256_of(kept / PER_IMAGE_FILE)
    return EarlierScores(record, table) if whole else None


def _kept(target: Path) -> Path:
    return target.parent / _SCORED / target.name


def _depends_on(record: ResultRecord) -> tuple[object, ...]:
    known = record.provenance
    keys = (known.configuration_key, known.code, known.packages)
    return (*keys, known.weights_sha256, known.manifest_sha256)
