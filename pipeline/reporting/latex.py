"""Result tables for LaTeX: best and second scores marked, footnotes for labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from string import ascii_lowercase

import pandas as pd

from pipeline.reporting.blocks import Block, blocks
from pipeline.reporting.columns import Column, readable_columns
from pipeline.reporting.escapes import escape_latex
from pipeline.reporting.headings import Metrics
from pipeline.reporting.notes import Note, all_notes
from pipeline.reporting.ranks import Rank, Ranks, ranks

_MARKED = (
    r"\textbf{Bold}: best; \underline{underlined}: second best, among rows that may be compared; "
    "of published numbers, among all rows of the paper."
)
_MARKS = {Rank.BEST: r"\textbf", Rank.SECOND: r"\underline"}


def latex(frame: pd.DataFrame, metrics: Metrics) -> str:
    """The readable columns of `frame` as a booktabs `tabular` per block, with the notes below.

    A block has no columns that are empty in all of its rows. Within it, the best score of a column
    is bold and the second underlined, as in the paper. A table that is wider than the line is
    shrunk to it. There is no float and no caption, so that a manuscript can `input` it into its own
    `table`.
    """
    columns = readable_columns(frame, metrics)
    said = all_notes(frame)
    found = blocks(frame)
    noted = {note.label for note in said}
    labels = dict.fromkeys(label for block in found for label in block.frame["label"])
    letters = dict(zip((one for one in labels if one in noted), ascii_lowercase, strict=False))
    lines = ["% needs \\usepackage{booktabs,graphicx}"]
    for block in found:
        filled = [
            one for one in columns if any(one.value(row) for _, row in block.frame.iterrows())
        ]
        marked = ranks(block, frame.drop(block.frame.index), filled, metrics)
        lines += _tabular(block, filled, marked, letters)
    lines += ["{\\noindent\\footnotesize", *_footnotes(said, letters), "\\par}"]
    return "\n".join(lines) + "\n"


def _tabular(
    block: Block, columns: Sequence[Column], marked: Ranks, letters: Mapping[str, str]
) -> Iterator[str]:
    if block.title:
        yield f"{{\\noindent\\footnotesize\\bfseries {escape_latex(block.title)}\\par}}"
        yield "\\smallskip"
    kinds = "".join("r" if column.is_number(block.frame) else "l" for column in columns)
    yield f"\\sbox2{{\\tabcolsep=3pt\\begin{{tabular}}{{{kinds}}}"
    yield "\\toprule"
    yield from _groups(columns)
    yield " & ".join(escape_latex(column.heading) for column in columns) + r" \\"
    yield "\\midrule"
    for index, row in block.frame.iterrows():
        cells = [_cell(column, row, marked.get((index, column.source))) for column in columns]
        yield " & ".join(_labeled(cells, columns, row, letters)) + r" \\"
    yield "\\bottomrule"
    yield "\\end{tabular}}%"
    yield r"\noindent\ifdim\wd2>\linewidth\resizebox{\linewidth}{!}{\usebox2}\else\usebox2\fi"
    yield "\\par\\smallskip"


def _cell(column: Column, row: pd.Series, rank: Rank | None) -> str:
    text = escape_latex(column.text(row))
    return text if rank is None else f"{_MARKS[rank]}{{{text}}}"


def _labeled(
    cells: Sequence[str], columns: Sequence[Column], row: pd.Series, letters: Mapping[str, str]
) -> Iterator[str]:
    """The cells, with the letter of its footnotes behind a label."""
    for cell, column in zip(cells, columns, strict=True):
        letter = letters.get(str(row["label"]), "") if column.source == "label" else ""
        yield f"{cell}\\textsuperscript{{{letter}}}" if letter else cell


def _footnotes(said: Sequence[Note], letters: Mapping[str, str]) -> Iterator[str]:
    """The notes on the whole table, then those on each label."""
    yield _MARKED
    yield from (escape_latex(note.text) for note in said if not note.label)
    for label, letter in letters.items():
        text = " ".join(note.text for note in said if note.label == label)
        yield f"\\textsuperscript{{{letter}}}{escape_latex(text)}"


def _groups(columns: Sequence[Column]) -> list[str]:
    """The heading line above the headings, and the rules below its groups."""
    heads, rules, start = [], [], 1
    for group, members in groupby(columns, key=lambda column: column.group):
        width = len(list(members))
        if group:
            heads.append(f"\\multicolumn{{{width}}}{{c}}{{{escape_latex(group)}}}")
            rules.append(f"\\cmidrule(lr){{{start}-{start + width - 1}}}")
        else:
            heads.extend([""] * width)
        start += width
    return [" & ".join(heads) + r" \\", " ".join(rules)] if rules else []
