"""Sensitivity tables as text, Markdown, CSV and JSON lines."""

from __future__ import annotations

import json

import pandas as pd

from pipeline.records import CATEGORIES, SensitivityRecord

_COMBINED = CATEGORIES[-1]
_DIGITS = {"psnr": 3, "ssim": 4, "mae": 4}
_HEADINGS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "mae": "MAE"}


def sensitivity_frame(record: SensitivityRecord) -> pd.DataFrame:
    """One row for each way: `way`, `meaning`, then score and `_moved` by category and metric."""
    rows = []
    for way in record.rows:
        cells: dict[str, object] = {"way": way.name, "meaning": way.meaning}
        for category in CATEGORIES:
            for metric, value in way.scores[category].mean.items():
                cells[f"{category}_{metric}"] = value
                cells[f"{category}_{metric}_moved"] = way.moved[category][metric]
        rows.append(cells)
    return pd.DataFrame(rows)


def sensitivity_csv(record: SensitivityRecord) -> str:
    """The table in full precision."""
    return sensitivity_frame(record).to_csv(index=False, lineterminator="\n")


def sensitivity_json(record: SensitivityRecord) -> str:
    """One JSON object per line: `way`, `meaning`, `scores`, `moved`; then what was left out."""
    lines = [
        {
            "way": way.name,
            "meaning": way.meaning,
            "scores": {category: scores.mean for category, scores in way.scores.items()},
            "moved": way.moved,
        }
        for way in record.rows
    ]
    lines += [{"way": name, "left_out": reason} for name, reason in record.left_out.items()]
    return "\n".join(map(json.dumps, lines)) + "\n"


def sensitivity_markdown(record: SensitivityRecord) -> str:
    """The combined scores as a Markdown table, under a line that says what was scored."""
    header, *rows = _cells(record)
    lines = [header, ["---", *["---:"] * (len(header) - 2), "---"], *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([_title(record), table, *_notes(record)]) + "\n"


def sensitivity_text(record: SensitivityRecord) -> str:
    """The combined scores in aligned columns."""
    cells = _cells(record)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            # The first and the last column are text.
            cell.ljust(width) if number in (0, len(widths) - 1) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join([_title(record), *lines, *_notes(record)]) + "\n"


FORMATS = {
    "text": sensitivity_text,
    "md": sensitivity_markdown,
    "csv": sensitivity_csv,
    "json": sensitivity_json,
}
"""Writers by the name of their format."""


def _title(record: SensitivityRecord) -> str:
    count = record.rows[0].scores[_COMBINED].n
    return (
        f"{record.row}, repetition {record.repetition}, on {record.dataset}: combined scores of "
        f"{count} images ({record.label}), and how far each way moves them from "
        f"{record.protocol.id}"
    )


def _notes(record: SensitivityRecord) -> list[str]:
    return [f"Left out: {name} ({reason})." for name, reason in record.left_out.items()]


def _cells(record: SensitivityRecord) -> list[list[str]]:
    metrics = [name for name in _DIGITS if name in record.rows[0].scores[_COMBINED].mean]
    headings = [heading for name in metrics for heading in (_HEADINGS[name], "moved")]
    lines = [["way", *headings, "meaning"]]
    for way in record.rows:
        line = [way.name]
        for name in metrics:
            value, moved = way.scores[_COMBINED].mean[name], way.moved[_COMBINED][name]
            line += [_number(value, name), _number(moved, name, "+")]
        lines.append([*line, way.meaning])
    return lines


def _number(value: float | None, metric: str, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.{_DIGITS[metric]}f}"
