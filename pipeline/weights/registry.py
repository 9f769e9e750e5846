"""The methods with published weights and where each is to be had, as `sources.toml` states it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipeline.errors import ConfigError, WeightsError
from pipeline.fetch.registry import Source

_FILE = Path(__file__).with_name("sources.toml")


class WeightsSource(Source):
    """One place that has the weights; `member` is the file to take out if it is an archive."""

    member: str = ""


class PublishedWeights(BaseModel):
    """The weights of a method and their sources, in the order in which they are tried.

    `none` says why there are no sources.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    licence: str
    none: str = ""
    sources: tuple[WeightsSource, ...] = ()

    def manual(self, method: str) -> str:
        """What to do by hand, in one line."""
        source = self.sources[0]
        (archive,) = source.archives
        return (
            f"open {archive.address} in a browser, download {archive.name}, "
            f"then: dmtbench weights fetch {method} --source {archive.name}"
        )


@cache
def all_weights() -> dict[str, PublishedWeights]:
    """Every method of the registry."""
    entries = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: PublishedWeights.model_validate(entry) for name, entry in entries.items()}


def published_weights(method: str) -> PublishedWeights:
    """The entry of a method.

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
