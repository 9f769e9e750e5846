"""Per-image scores: their table and their means."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import RecordError
from pipeline.files import atomic_file
from pipeline.records import CATEGORIES, MAIN_GROUP, Scores

KEY_COLUMNS = ("scene", "group", "category")


@dataclass(frozen=True)
class ImageScores:
    """One line of `per_image.csv`.

    `values` maps a metric to its score, or to `None` where it was not computed.
    """

    scene: str
    group: str
    category: str
    values: dict[str, float | None]


def write_per_image(path: Path, table: Iterable[ImageScores], metrics: Sequence[str]) -> None:
    """Write scene, group, category and the metrics; numbers read back to the same bits.

    Args:
        path: the CSV file; a metric that was not computed leaves an empty cell.
        table: the rows, in order.
        metrics: names of the metric columns, in order.

    Raises:
        DataError: the folder is read-only or full.
    """
    with (
        atomic_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*KEY_COLUMNS, *metrics])
        for row in table:
            cells = (_cell(row.values[name]) for name in metrics)
            writer.writerow([row.scene, row.group, row.category, *cells])


def read_per_image(path: Path) -> list[ImageScores]:
    """Read what `write_per_image` wrote, to the same bits.

    Raises:
        RecordError: the file cannot be read or is not such a table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, strict=True))
        if any(None in row.values() for row in rows):
            raise ValueError("a line is cut short")
        return [
            ImageScores(
                row.pop("scene"),
                row.pop("group"),
                row.pop("category"),
                {name: float(text) if text else None for name, text in row.items()},
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise RecordError(f"{path}: not per-image scores ({error}); evaluate again") from error


def aggregate(table: Sequence[ImageScores]) -> tuple[dict[str, Scores], dict[str, Scores]]:
    """Plain means over images; PSNR is averaged in dB (DPDD protocol).

    Returns:
        Means of the main group for indoor, outdoor and combined (all of its images); means of
        every other group, by group.
    """
    main = [row for row in table if row.group == MAIN_GROUP]
    parts = {name: [row for row in main if row.category == name] for name in CATEGORIES[:-1]}
    scores = {name: _mean(rows) for name, rows in {**parts, CATEGORIES[-1]: main}.items()}
    others = sorted({row.group for row in table} - {MAIN_GROUP})
    groups = {name: _mean([row for row in table if row.group == name]) for name in others}
    metrics = list(table[0].values) if table else []
    return _complete(scores, metrics), _complete(groups, metrics)


def _mean(rows: Sequence[ImageScores]) -> Scores:
    names = list(rows[0].values) if rows else []
    return Scores(
        n=len(rows), mean={name: _average([r.values[name] for r in rows]) for name in names}
    )


def _complete(scores: dict[str, Scores], metrics: Sequence[str]) -> dict[str, Scores]:
    empty = Scores(n=0, mean=dict.fromkeys(metrics))
    return {name: value if value.n else empty for name, value in scores.items()}


def _average(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    # A mean over some of the images would look like one over all of them.
    if len(numbers) < len(values):
        return None
    # fsum makes the mean independent of the order of the images.
    return math.fsum(numbers) / len(numbers)


def _cell(value: float | None) -> str:
    return "" if value is None else repr(float(value))
