"""Fetches a made-up data set from mirrors on a local site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.fetch.download import Patience
from pipeline.fetch.registry import Published
from pipeline.fetch.sources import Archive, Source
from pipeline.stages.fetch import Fetch
from support.archives import noise, zip_of
from support.servers import Site, serving

FILES = {
    "train_c/source/1P0A0890.png": noise(3000),
    "train_c/target/1P0A0891.png": noise(2000, seed=1),
}
WRAPPED = zip_of({f"outer/dd_dp_dataset_png/{name}": data for name, data in FILES.items()})


@dataclass
class FetchLab:
    """Fetches a made-up set that has two mirrors on a local site."""

    site: Site
    folder: Path

    @property
    def target(self) -> Path:
        return self.folder / "data" / "raw"

    @property
    def archives(self) -> Path:
        return self.folder / "data" / "archives"

    def fetch(self, *texts: object, keep_archives: bool = True) -> str:
        sources = [
            self.source("official", "browser", "https://example.org/share"),
            self.source("first", "http", self.site.address("/first/set.zip")),
            self.source("second", "http", self.site.address("/set.zip")),
            self.source("third", "http", self.site.address("/third/set.zip")),
            self.source("tests", "http", self.site.address("/set.zip"), part=True),
        ]
        known = Published(title="Made up", licence="none", sources=tuple(sources))
        patience = Patience(tries=2, sleep=lambda _: None)
        return Fetch(
            "canon", known, self.target, self.archives, keep_archives, patience=patience
        ).run([str(text) for text in texts])

    def source(self, name: str, transport: Any, address: str, part: bool = False) -> Source:
        archive = Archive(name="set.zip", address=address)
        return Source(
            name=name, transport=transport, layout="official", archives=(archive,), part=part
        )

    def fails(self, *texts: object) -> str:
        with pytest.raises((DataError, ConfigError)) as caught:
            self.fetch(*texts)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def content(self) -> dict[str, bytes]:
        """What is in the target, without the marker."""
        return {
            str(path.relative_to(self.target)): path.read_bytes()
            for path in self.target.rglob("*")
            if path.is_file() and path.name != "fetched.json"
        }

    def litter(self) -> set[str]:
        """Names next to the target, except for locks and downloads."""
        beside = {path.name for path in self.target.parent.iterdir() if path.suffix != ".lock"}
        return beside - {"raw", "archives"}


@contextmanager
def fetch_lab(folder: Path) -> Iterator[FetchLab]:
    """A site that has `WRAPPED` at `/set.zip`, and `folder` to work in."""
    with serving() as site:
        site.files["/set.zip"] = WRAPPED
        yield FetchLab(site, folder)


def own_archive(folder: Path) -> Path:
    """An archive of the set that is on this machine already."""
    path = folder / "mine" / "dd_dp_dataset_canon.zip"
    path.parent.mkdir()
    path.write_bytes(WRAPPED)
    return path
