"""Rows that may be compared stand in one block of a table; all others in blocks of their own."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import pandas as pd

from pipeline.reporting import tables

_PAPER = "paper"


@dataclass(frozen=True)
class Block:
    """Rows whose numbers may stand below each other.

    `title`: for readers; empty if the table has no other block. `paper`: whether it holds the
    published numbers, and what may be compared with them.
    """

    title: str
    frame: pd.DataFrame
    paper: bool


def blocks(frame: pd.DataFrame) -> list[Block]:
    """The blocks of a result table: first each other data set and protocol, then the paper's.

    Rows that were run on Canon DP by `dpdd-16` share a block with the published ones. Rows keep
    their order.
    """
    keys = [_key(row) for _, row in frame.iterrows()]
    found = sorted(dict.fromkeys(keys), key=lambda key: key == _PAPER)
    if len(found) < 2:
        return [Block("", frame, found == [_PAPER])]
    parts = {key: frame[[own == key for own in keys]] for key in found}
    return [Block(_title(part), part, key == _PAPER) for key, part in parts.items()]


def in_blocks(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows, one block after the other."""
    return pd.concat([block.frame for block in blocks(frame)], ignore_index=True)


def _key(row: pd.Series) -> Hashable:
    place = (row["dataset"], row["protocol"])
    is_paper = row["label"] == tables.PUBLISHED or place == (tables.CANON, tables.PROTOCOL)
    return _PAPER if is_paper else place


def _title(part: pd.DataFrame) -> str:
    first = part.iloc[0]
    if _key(first) != _PAPER:
        where = f"data set {first['dataset']} by {first['protocol']}"
        return f"Run here on {where}, not comparable with the published numbers"
    if set(part["label"]) == {tables.PUBLISHED}:
        return "Published numbers on Canon DP, none of these rows was run here"
    return "Canon DP: published numbers, and rows that were run here"
