"""Downloads of one archive from a local site that misbehaves, with no time spent waiting."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.fetch.archive import Unavailable
from pipeline.fetch.download import Patience, download
from pipeline.fetch.sources import Archive
from support import servers
from support.archives import noise, zip_of
from support.servers import Act, Site, serving

CONTENT = zip_of({"train_c/source/1P0A0890.png": noise(300_000)})
OTHER = zip_of({"train_c/source/1P0A0890.png": noise(300_000, seed=1)})
TOTAL = len(CONTENT)


@dataclass
class DownloadLab:
    """Downloads `/set.zip` of a site into a folder, and notes how long it would have waited."""

    site: Site
    folder: Path
    waits: list[float] = field(default_factory=list)

    @property
    def target(self) -> Path:
        return self.folder / "set.zip"

    @property
    def part(self) -> Path:
        return self.folder / "set.zip.part"

    def acts(self, *acts: Act, usual: Act = servers.normal) -> None:
        self.site.acts["/set.zip"] = list(acts)
        self.site.usual["/set.zip"] = usual

    def download(self, path: str = "/set.zip", requests: int = 50, **known: Any) -> None:
        archive = Archive(name="set.zip", address=self.site.address(path), **known)
        patience = Patience(
            connect_s=2, read_s=0.3, tries=3, requests=requests, sleep=self.waits.append
        )
        download(archive, self.target, self.folder, patience=patience, progress=False)

    def fails(self, **known: Any) -> str:
        """Expects the download to fail; returns the error message."""
        with pytest.raises(Unavailable) as caught:
            self.download(**known)
        assert not self.target.exists()
        assert not self.target.with_name("set.zip.sha256").exists()
        line = str(caught.value)
        assert line.startswith("http://127.0.0.1")
        assert "\n" not in line
        return line

    def check(self, content: bytes = CONTENT) -> None:
        """Checks that the file is here, with its checksum, and nothing else."""
        digest = hashlib.sha256(content).hexdigest()
        assert self.target.read_bytes() == content
        assert self.target.with_name("set.zip.sha256").read_text() == f"{digest}  set.zip\n"
        assert {path.name for path in self.folder.iterdir()} == {"set.zip", "set.zip.sha256"}

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.site.requests]


@contextmanager
def download_lab(folder: Path) -> Iterator[DownloadLab]:
    """A site that has `CONTENT` at `/set.zip`, and `folder` to download it to."""
    with serving() as site:
        site.files["/set.zip"] = CONTENT
        yield DownloadLab(site, folder)
