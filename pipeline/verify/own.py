"""Our results by the rows and columns of the paper's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts import PER_IMAGE_FILE, RECORD, SENSITIVITY
from pipeline.errors import RecordError
from pipeline.evaluation.scores import ImageScores, read_per_image
from pipeline.files import sha256_of
from pipeline.records import (
    CATEGORIES,
    MAIN_GROUP,
    ResultRecord,
    SensitivityRecord,
    read_record,
)
from pipeline.reporting import tables

TABLE1, TABLE2 = "t1", "t2"
"""Names of the paper's tables in its claims."""
TITLES = {TABLE1: "Table 1", TABLE2: "Table 2"}


@dataclass(frozen=True)
class Scored:
    """A result record, the scores of its images, and its scores in other ways, if they exist."""

    record: ResultRecord
    images: tuple[ImageScores, ...]
    sensitivity: SensitivityRecord | None = None


@dataclass(frozen=True)
class Column:
    """A quality column: `indoor`, `outdoor` or `combined`, and the metric."""

    category: str
    metric: str

    @classmethod
    def of(cls, table: str, name: str) -> Column:
        """The column of this name; those of Table 2 are combined.

        >>> Column.of("t2", "psnr") == Column.of("t1", "combined_psnr")
        True
        """
        if table == TABLE2:
            return cls(CATEGORIES[-1], name)
        category, _, metric = name.partition("_")
        return cls(category, metric)

    @property
    def name(self) -> str:
        """As in Table 1, for example `combined_psnr`."""
        return f"{self.category}_{self.metric}"


def read_scored(folders: Iterable[Path]) -> list[Scored]:
    """Read the results in these folders; whether they may be shown is for the chain to say.

    Raises:
        RecordError: a record or table cannot be read.
    """
    return [
        Scored(
            read_record(folder / RECORD, ResultRecord),
            tuple(read_per_image(folder / PER_IMAGE_FILE)),
            _sensitivity(folder),
        )
        for folder in folders
    ]


def _sensitivity(folder: Path) -> SensitivityRecord | None:
    if not (folder / SENSITIVITY).exists():
        return None
    record = read_record(folder / SENSITIVITY, SensitivityRecord)
    return record if record.result_sha256 == sha256_of(folder / RECORD) else None


@dataclass(frozen=True)
class Own:
    """Our results.

    `table2`: method by number of the row in the paper's Table 2.
    """

    scored: Sequence[Scored]
    table2: Mapping[int, str]

    @cached_property
    def _rows(self) -> dict[tuple[str, str], list[Scored]]:
        groups = tables.by_row(one.record for one in self.scored)
        of = {id(one.record): one for one in self.scored}
        rows = {
            (TABLE1, name): [of[id(record)] for record in records]
            for name, records in groups.items()
        }
        # A surrogate, or weights that nobody knows, stand for no row of the paper.
        methods = {
            records[0].method: rows[TABLE1, name]
            for name, records in groups.items()
            if name == records[0].row
        }
        for number, method in self.table2.items():
            if method in methods:
                rows[TABLE2, str(number)] = methods[method]
        return rows

    def repetitions(self, table: str, row: str) -> list[Scored]:
        """The repetitions of a row, in order; empty if it was not run.

        Raises:
            RecordError: the records of one row do not belong together.
        """
        found = self._rows.get((table, row), [])
        return sorted(found, key=lambda one: one.record.repetition)

    def records(self, table: str, row: str) -> list[ResultRecord]:
        """Their records."""
        return [one.record for one in self.repetitions(table, row)]

    def values(self, table: str, row: str, column: Column) -> dict[int, float | None]:
        """Means by repetition; `None` where the metric was not computed."""
        records = self.records(table, row)
        values = tables.scores_of(records, column.category, column.metric)
        return {record.repetition: value for record, value in zip(records, values, strict=True)}

    def images(self, table: str, row: str, column: Column) -> dict[int, dict[str, float]]:
        """Scores of the images of the main group, by repetition and scene."""
        return {
            one.record.repetition: _scores(one.images, column)
            for one in self.repetitions(table, row)
        }


def _scores(images: Sequence[ImageScores], column: Column) -> dict[str, float]:
    everywhere = column.category == CATEGORIES[-1]
    chosen = {
        image.scene: image.values.get(column.metric)
        for image in images
        if image.group == MAIN_GROUP and (everywhere or image.category == column.category)
    }
    return {scene: value for scene, value in chosen.items() if value is not None}


def paired(
    one: Mapping[int, Mapping[str, float]], other: Mapping[int, Mapping[str, float]]
) -> NDArray[np.float64]:
    """Differences `[repetitions, images]`, one minus other, of two rows on the same images.

    Raises:
        RecordError: the rows were scored on different images.
    """
    common = sorted(one.keys() & other.keys())
    scenes = sorted(one[common[0]]) if common else []
    for repetition in common:
        if sorted(one[repetition]) != scenes or sorted(other[repetition]) != scenes:
            raise RecordError(
                f"repetition {repetition}: scored on different images; evaluate the methods again"
            )
    differences = [[one[r][scene] - other[r][scene] for scene in scenes] for r in common]
    return np.asarray(differences, dtype=np.float64).reshape(len(common), len(scenes))
