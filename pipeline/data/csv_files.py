"""Reading of CSV files; every error message names the line at fault."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pipeline.errors import DataError


def read_table(
    path: Path, columns: tuple[str, ...], *, more: bool = False
) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV file with a header.

    Args:
        path: the file, UTF-8.
        columns: names of its columns, in order.
        more: accept the columns in any order, and additional ones.

    Returns:
        Line number and values, by column, of each row.

    Raises:
        DataError: the file is missing, is not CSV text, has other columns, or a row has too few or
            too many values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not a text file; make it again") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = tuple(reader.fieldnames or ())
        if names != columns and not (more and set(columns) <= set(names)):
            raise DataError(f"{path}:1: columns must be {','.join(columns)}; make the file again")
        rows = [(reader.line_num, record) for record in reader]
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}; make the file again") from error
    for line, record in rows:
        if None in record or None in record.values():
            raise DataError(f"{path}:{line}: needs {len(names)} values; make the file again")
    return rows
