"""Rows of a benchmark as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def as_csv(rows: Sequence[DataclassInstance]) -> str:
    """CSV with a header of field names and one line per row; rows are dataclasses of one type.

    Needs at least one row.
    """
    stream = io.StringIO()
    names = [field.name for field in fields(rows[0])]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return stream.getvalue()
