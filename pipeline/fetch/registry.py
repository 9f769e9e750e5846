"""The published data sets and where each is available, as `sources.toml` states it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar

from pipeline.errors import ConfigError
from pipeline.fetch.sources import Publication, Source, read_registry

_FILE = Path(__file__).with_name("sources.toml")


class Published(Publication[Source]):
    """A data set and its sources; those marked `part` lack some splits."""

    command: ClassVar[str] = "dmtbench fetch"


@cache
def _registry() -> dict[str, Published]:
    return read_registry(_FILE, Published)


def published(dataset: str) -> Published:
    """The entry of a data set.

    Raises:
        ConfigError: there is no such data set.
    """
    registry = _registry()
    if dataset not in registry:
        raise ConfigError(f"unknown data set {dataset!r}; known: {', '.join(registry)}")
    return registry[dataset]
