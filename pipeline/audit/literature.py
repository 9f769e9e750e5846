"""Published values of Table 1's methods in other places, with where and how they were measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.audit.intervals import ClaimError
from pipeline.audit.tables import QUALITY_COLUMNS, Table, Value
from pipeline.data.csv_files import read_table
from pipeline.errors import DataError, one_line

COLUMNS = ("entry", "method", "column", "value", "protocol", "source")


@dataclass(frozen=True)
class Entry:
    """What one source prints for one method: values by column of Table 1."""

    name: str
    method: str
    protocol: str
    source: str
    values: dict[str, Value]


def read_literature(path: Path, table1: Table) -> list[Entry]:
    """Read the values, one entry per source and method.

    Args:
        path: CSV with the columns `COLUMNS`; rows of one entry agree in all but column and value.
        table1: the paper's table, whose methods they belong to.

    Raises:
        DataError: the file is missing or damaged, a method or column is not in Table 1, a value is
            not a number or there twice, or an entry names no source or protocol.
    """
    entries: dict[str, Entry] = {}
    for line, record in read_table(path, COLUMNS):
        where = f"{path}:{line}"
        for column in COLUMNS:
            if not record[column].strip() or not record[column].isprintable():
                raise DataError(
                    f"{where}: {column} is empty or not printable; write it on one line"
                )
        if record["method"] not in table1.rows:
            raise DataError(
                f"{where}: Table 1 has no method {one_line(record['method'])!r}; fix it"
            )
        if record["column"] not in QUALITY_COLUMNS:
            raise DataError(
                f"{where}: unknown column {one_line(record['column'])!r}; "
                f"it must be one of {', '.join(QUALITY_COLUMNS)}"
            )
        new = Entry(record["entry"], record["method"], record["protocol"], record["source"], {})
        entry = entries.setdefault(new.name, new)
        if replace(entry, values={}) != replace(new, values={}):
            raise DataError(f"{where}: entry {one_line(new.name)!r} has two sources; use two names")
        if record["column"] in entry.values:
            raise DataError(f"{where}: {record['column']} is there twice in this entry; remove one")
        try:
            entry.values[record["column"]] = Value.printed(record["value"])
        except ClaimError as error:
            raise DataError(f"{where}: {one_line(str(error))}; fix the value") from None
    return list(entries.values())


def literature_table(entries: Sequence[Entry]) -> Table:
    """The table `lit` of claims: one row per entry."""
    return Table({entry.name: entry.values for entry in entries})
