"""Reading of CSV files; every error message names the line at fault."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pipeline.errors import DataError, one_line

MAX_BYTES = 1 << 26
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_table(
    path: Path, columns: tuple[str, ...], *, more: bool = False
) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV file with a header.

    Args:
        path: the file, UTF-8 with or without a byte order mark.
        columns: names of its columns, in order.
        more: accept the columns in any order, additional ones, and rows without any value.

    Returns:
        Line number and values, by column, of each row.

    Raises:
        DataError: the file is missing, is not CSV text, has other columns, or a row has too few or
            too many values.
    """
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        names = tuple(reader.fieldnames or ())
        _check_names(path, names, columns, more)
        rows = [(reader.line_num, record) for record in reader]
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: {error}; make the file again") from error
    if more:
        # Spreadsheets save empty rows below a table.
        rows = [row for row in rows if any(row[1].values())]
    for line, record in rows:
        if None in record or None in record.values():
            raise DataError(f"{path}:{line}: needs {len(names)} values; make the file again")
    return rows


def _text(path: Path) -> str:
    try:
        # A pipe could wait forever, and a device never end.
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError(f"{path}: is not a regular file; check the path")
        if path.exists() and path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path}: is too large for a table; make it again")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not a text file in UTF-8; save it as UTF-8 CSV") from error


def _check_names(path: Path, names: tuple[str, ...], columns: tuple[str, ...], more: bool) -> None:
    found = [name for name in names if name in columns]
    if names == columns or (more and sorted(found) == sorted(columns)):
        return
    for separator, word in _SEPARATORS.items():
        if names and separator in names[0]:
            raise DataError(f"{path}:1: columns are separated by {word}; save it with commas")
    raise DataError(
        f"{path}:1: columns must be {','.join(columns)}, and are {one_line(','.join(names))}; "
        "make the file again"
    )
