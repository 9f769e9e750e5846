"""Best and second-best scores of a table, among rows that may be compared."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from enum import Enum, auto

import pandas as pd

from pipeline.reporting.blocks import Block
from pipeline.reporting.columns import Column
from pipeline.reporting.headings import Metrics

_PUBLISHED = "_published"


class Rank(Enum):
    """A place that a table marks."""

    BEST = auto()
    SECOND = auto()


Ranks = dict[tuple[Hashable, str], Rank]
"""Marked cells, by index of the row and source of the column."""


def ranks(block: Block, beyond: pd.DataFrame, columns: Sequence[Column], metrics: Metrics) -> Ranks:
    """The marked scores of a block, column by column, by the directions of the metrics.

    The printed digits decide: rows that print the same share a place. The best needs a worse row
    below it, and the second too. Scores on different groups of scenes are ranked apart.

    Args:
        block: rows that may be compared with each other.
        beyond: the other rows of the table. Published numbers are ranked among those of all rows,
            so that none is the best only because a better one stands in another block.
        columns: those without a metric of `metrics` have no marks.
        metrics: declarations by name.
    """
    frame = block.frame
    groups = frame.groupby("group", sort=False) if "group" in frame else [("", frame)]
    found: Ranks = {}
    for column in columns:
        if column.metric in metrics:
            higher = metrics[column.metric].declaration.higher_is_better
            rivals = _published(column, beyond, block.paper)
            for _, part in groups:
                found |= _ranked(part, column, rivals, higher)
    return found


def _published(column: Column, beyond: pd.DataFrame, paper: bool) -> list[str]:
    """The published numbers of other blocks that those of a column are ranked among, in print."""
    name = column.source
    if not name.endswith(_PUBLISHED):
        name = f"{name}{_PUBLISHED}" if paper else ""
    if name not in beyond:
        return []
    return [replace(column, source=name).value(row) for _, row in beyond.iterrows()]


def _ranked(frame: pd.DataFrame, column: Column, rivals: Sequence[str], higher: bool) -> Ranks:
    printed = {index: column.value(row) for index, row in frame.iterrows()}
    texts = [text for text in (*printed.values(), *rivals) if text]
    values = sorted({float(text) for text in texts}, reverse=higher)
    # The last one is not marked: it would be the worst.
    places = dict(zip(values[:-1], Rank, strict=False))
    return {
        (index, column.source): places[float(text)]
        for index, text in printed.items()
        if text and float(text) in places
    }
