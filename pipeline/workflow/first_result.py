"""The first result of a run, shown while the others are made."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pipeline.artifacts import IMAGES_FOLDER
from pipeline.errors import RecordError
from pipeline.records import ResultRecord, read_record
from pipeline.workflow.experiment import Workflow


class FirstResult:
    """Tells once when the experiment's `first` method has been scored.

    Args:
        workflow: the experiment. A result that exists already is no news.
    """

    def __init__(self, workflow: Workflow) -> None:
        method = workflow.experiment.first
        self._path = workflow.places.record(method, 0) if method is not None else None
        self._seen = _time_of(self._path)

    def news(self) -> str | None:
        """The line about the result when it is new; `None` before, and afterwards."""
        made = _time_of(self._path)
        if self._path is None or made in (None, self._seen):
            return None
        path, self._path = self._path, None
        try:
            return first_line(path, read_record(path, ResultRecord))
        except RecordError:
            return None


def first_line(path: Path, record: ResultRecord) -> str:
    """PSNR of a result, that of its input where this is known, and an image to look at.

    Args:
        path: of the record.
        record: its content.
    """
    text = f"First result: {record.row} {_psnr(record)}"
    control = path.parent.with_name(f"input-seed{record.repetition}") / path.name
    with suppress(RecordError):
        text += f", its input {_psnr(read_record(control, ResultRecord))}"
    if record.images:
        image = path.with_name(IMAGES_FOLDER) / Path(record.images[0]).name
        text += f"; input, result and target side by side: {image}"
    return text


def _psnr(record: ResultRecord) -> str:
    value = record.scores["combined"].mean.get("psnr")
    return "without PSNR" if value is None else f"{value:.2f} dB"


def _time_of(path: Path | None) -> int | None:
    try:
        return None if path is None else path.stat().st_mtime_ns
    except OSError:
        return None
