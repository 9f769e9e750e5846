"""Print the registry in readable form."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from pipeline.fetch.registry import Published
from pipeline.fetch.sources import Archive

_WIDTH = 120


def show_sources(dataset: str, known: Published) -> None:
    """Print where a data set is available, and what is known about each source."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False, markup=False)
    table = Table("source", "through", "file", "size", "sha256", "seen alive")
    lines = [known.title, f"Terms: {known.licence}", f"By hand: {known.manual(dataset)}"]
    for source in known.sources:
        lines.append(f"{source.name}: {source.layout}; {source.note}".rstrip("; "))
        for archive in source.archives:
            lines.append(f"{source.name}: {archive.name}: {archive.address}")
            alive = str(source.seen_alive or "unknown")
            size, digest = _size(archive), archive.sha256 or "unknown"
            table.add_row(source.name, source.transport, archive.name, size, digest, alive)
    console.print(table)
    for line in lines:
        console.print(line, soft_wrap=True)


def _size(archive: Archive) -> str:
    if archive.bytes:
        return f"{archive.bytes} bytes"
    return f"about {archive.about_gb} GB" if archive.about_gb else "unknown"
