"""The published data sets and where each is to be had, as `sources.toml` states it."""

from __future__ import annotations

import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import ConfigError

Transport = Literal["http", "google-drive", "huggingface", "browser"]

_FILE = Path(__file__).with_name("sources.toml")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Archive(_Entry):
    """One file of a source: what it is called here, where it is, and what is known about it.

    `bytes` and `sha256` are exact; `about_gb` is a rounded figure (10^9 bytes); all may be unknown.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./+-]*$")
    address: str = ""
    bytes: int | None = None
    about_gb: float | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @property
    def expected(self) -> int:
        """Bytes to make room for; 0 when unknown."""
        return self.bytes or round((self.about_gb or 0) * 1e9)


class Source(_Entry):
    """One place that has the set, whole or (`part`) without some splits."""

    name: str
    transport: Transport
    layout: str
    archives: tuple[Archive, ...] = Field(min_length=1)
    note: str = ""
    revision: str | None = None
    part: bool = False
    seen_alive: date | None = None
    checked: tuple[Archive, ...] = ()


class Published(_Entry):
    """A data set and its sources, in the order in which they are tried."""

    title: str
    licence: str
    sources: tuple[Source, ...]

    @property
    def automatic(self) -> list[Source]:
        """Sources that are tried when none is named."""
        return [item for item in self.sources if item.transport != "browser" and not item.part]

    def manual(self, dataset: str, source: Source | None = None) -> str:
        """What to do by hand where a program gets nowhere, in one line."""
        by_browser = [item for item in self.sources if item.transport == "browser"]
        source = source if source in by_browser else by_browser[0]
        (archive,) = source.archives
        size = f" ({archive.about_gb} GB)" if archive.about_gb else ""
        return (
            f"open {archive.address} in a browser, download {archive.name}{size}, "
            f"then: dmtbench fetch {dataset} --source {archive.name}"
        )


@cache
def _registry() -> dict[str, Published]:
    entries = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: Published.model_validate(entry) for name, entry in entries.items()}


def published(dataset: str) -> Published:
    """The entry of a data set.

    Raises:
        ConfigError: there is none of that name.
    """
    registry = _registry()
    if dataset not in registry:
        raise ConfigError(f"unknown data set {dataset!r}; known: {', '.join(registry)}")
    return registry[dataset]
