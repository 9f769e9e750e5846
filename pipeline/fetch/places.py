"""Interpret `--source`: names of sources, addresses, archives and folders."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import ConfigError
from pipeline.fetch.registry import Published
from pipeline.fetch.sources import Archive, Source


def read_sources(published: Published, texts: Sequence[str]) -> list[Source | Path]:
    """Read the values of `--source`.

    Args:
        published: the registry's entry for the data set.
        texts: the name of a source, or addresses and paths of archives, or the path of a folder.

    Raises:
        ConfigError: a value is unknown, or cannot be combined with the others.
    """
    wanted = [_read(published, text) for text in texts]
    if len(wanted) > 1:
        for text, item in zip(texts, wanted, strict=True):
            if item in published.sources or (isinstance(item, Path) and item.is_dir()):
                raise ConfigError(f"--source {text}: stands for the whole set; name it alone")
    return wanted


def _read(published: Published, text: str) -> Source | Path:
    for source in published.sources:
        if text == source.name:
            return source
    if text.startswith(("http://", "https://")):
        return at_address(text)
    path = Path(text)
    if not path.is_file() and not path.is_dir():
        known = ", ".join(source.name for source in published.sources)
        raise ConfigError(
            f"unknown source {text!r}; known: {known}, or name an address, archive or folder"
        )
    return path


def at_address(address: str) -> Source:
    """A source that consists of the address of one file."""
    parts = urlsplit(address)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", parts.path.rpartition("/")[2]).lstrip(".-")
    # Files from different addresses differ, even under the same name.
    place = f"{parts.hostname}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    archive = Archive(name=name or "archive", address=address)
    return Source(name=place, transport="http", layout="", archives=(archive,))
