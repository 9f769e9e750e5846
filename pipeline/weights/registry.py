"""Published weights, of methods and of metrics, and where to get them (`sources.toml`)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

from pipeline.errors import ConfigError, WeightsError
from pipeline.fetch.sources import Publication, Source, read_registry

_FILE = Path(__file__).with_name("sources.toml")


class WeightsSource(Source):
    """One place that has the weights; `member` is the file to extract if it is an archive."""

    transport: Literal["http", "browser"]
    member: str = ""


class PublishedWeights(Publication[WeightsSource]):
    """The weights of a method and their sources; `none` says why there are no sources.

    `metric`: name of the metric that needs them, where they are not a method's.
    """

    command: ClassVar[str] = "dmtbench weights fetch"

    none: str = ""
    metric: str = ""
    sources: tuple[WeightsSource, ...] = ()


@cache
def all_weights() -> dict[str, PublishedWeights]:
    """Every entry of the registry."""
    return read_registry(_FILE, PublishedWeights)


def published_weights(method: str) -> PublishedWeights:
    """The entry of a method, or of a network that a metric needs.

    Raises:
        ConfigError: the registry does not have it.
        WeightsError: its authors published no weights.
    """
    registry = all_weights()
    if method not in registry:
        known = [name for name, entry in registry.items() if entry.sources]
        raise ConfigError(f"no published weights of {method!r} are known; of: {', '.join(known)}")
    entry = registry[method]
    if not entry.sources:
        raise WeightsError(f"{method}: {entry.none}; train it instead")
    return entry
