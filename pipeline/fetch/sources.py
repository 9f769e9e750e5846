"""Where published files are available: entries of a `sources.toml`, for data sets and weights."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import ConfigError, first_problem

Transport = Literal["http", "google-drive", "huggingface", "browser"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Archive(_Entry):
    """One file of a source: its name here, its address, and what is known about it.

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
    """One place that has the files: all of them, or (`part`) only some."""

    name: str
    transport: Transport
    layout: str
    archives: tuple[Archive, ...] = Field(min_length=1)
    note: str = ""
    revision: str | None = None
    part: bool = False
    seen_alive: date | None = None
    checked: tuple[Archive, ...] = ()


AnySource = TypeVar("AnySource", bound=Source)


class Publication(_Entry, Generic[AnySource]):
    """Something published and its sources, in the order in which they are tried.

    `command` is the command that fetches it.
    """

    command: ClassVar[str]

    title: str
    licence: str
    sources: tuple[AnySource, ...]

    @property
    def automatic(self) -> list[AnySource]:
        """Sources that are tried when none is named."""
        return [item for item in self.sources if item.transport != "browser" and not item.part]

    def manual(self, name: str, source: Source | None = None) -> str:
        """How to get it by hand when a program cannot, in one line.

        Args:
            name: of the entry, for the command line.
            source: preferred if it is one for a browser.
        """
        by_browser = [item for item in self.sources if item.transport == "browser"]
        chosen = source if source in by_browser else [*by_browser, *self.sources][0]
        (archive,) = chosen.archives
        size = f" ({archive.about_gb} GB)" if archive.about_gb else ""
        return (
            f"open {archive.address} in a browser, download {archive.name}{size}, "
            f"then: {self.command} {name} --source {archive.name}"
        )


Entry = TypeVar("Entry", bound=BaseModel)


def read_registry(path: Path, kind: type[Entry]) -> dict[str, Entry]:
    """Read the entries of a `sources.toml`.

    Returns:
        Entries by name, in the order of the file.

    Raises:
        ConfigError: an entry is malformed.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return {name: kind.model_validate(entry) for name, entry in entries.items()}
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error)}") from error
