"""Copies of reports in `reports/`: the same bytes, but for links of a page that lies one deeper."""

from __future__ import annotations

from pathlib import Path

from pipeline.files import atomic_file

PAGE = ".html"
UP = "../../"
"""How a page in `reports/<experiment>/` addresses the folder of the project."""

# No text of a page holds this: in texts and data, quotation marks are escaped.
_FROM, _TO = f'="{UP}'.encode(), b'="../'


def content_of_copy(file: Path) -> bytes:
    """What the copy in `reports/` of a report must hold.

    Raises:
        OSError: the file cannot be read.
    """
    content = file.read_bytes()
    return content.replace(_FROM, _TO) if file.suffix == PAGE else content


def write_copy(file: Path, copy: Path) -> None:
    """Write the copy of a report.

    Raises:
        DataError: the folder is read-only or full.
    """
    with atomic_file(copy) as temporary:
        temporary.write_bytes(content_of_copy(file))
