"""Fetch stage: from a mirror, an archive or a folder to the raw images of a published set."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.data.inspection.inventory import take_inventory
from pipeline.errors import ConfigError, DataError
from pipeline.fetch.archive import Unavailable
from pipeline.fetch.cloud import download_drive, download_snapshot
from pipeline.fetch.download import Patience, download
from pipeline.fetch.folder import link_folder
from pipeline.fetch.places import read_sources
from pipeline.fetch.registry import Published
from pipeline.fetch.sources import Source
from pipeline.fetch.tree import data_root
from pipeline.fetch.unpack import unpack
from pipeline.files import write_text, writing
from pipeline.lease import Taken, hold

MARKER = "fetched.json"
"""File in the root of a fetched set that records its source and numbers of files and bytes."""


@dataclass(frozen=True)
class Fetch:
    """A fetch of a published data set.

    `dataset`: its name. `published`: its sources. `target`: folder that appears, complete, at the
    end. `archives`: folder for downloads. `keep_archives`: whether they stay once the target
    exists. `progress`: whether to show progress bars. `patience`: limits on waiting for servers.
    """

    dataset: str
    published: Published
    target: Path
    archives: Path
    keep_archives: bool = True
    progress: bool = False
    patience: Patience = field(default_factory=Patience)

    def run(self, texts: Sequence[str]) -> str:
        """Fetch the set; do nothing if it exists.

        Args:
            texts: the name of a source, or addresses and paths of archives, or a folder; if empty,
                all sources that need no browser are tried in order.

        Returns:
            A one-line description of the set.

        Raises:
            ConfigError: a source is unknown, needs a library that is not installed, or cannot be
                combined with the others.
            DataError: nothing could be fetched, something else is in the way, an archive is
                damaged or dangerous, or there is no space or permission to write.
        """
        wanted = read_sources(self.published, texts)
        work = self.target.with_name(f"{self.target.name}.partial")
        with _locked(self.target.with_name(f".{self.target.name}.lock")):
            if not self._is_there():
                self._make(wanted, work)
            with writing(work):
                if work.exists():
                    shutil.rmtree(work)
        return f"{self.target}: {_describe(self.target)}"

    def _is_there(self) -> bool:
        """Whether the target is complete; other people's files are never touched."""
        target = self.target
        if not target.exists() or (target.is_dir() and not any(target.iterdir())):
            return False
        try:
            note = json.loads((target / MARKER).read_bytes())
            files, size = int(note["files"]), int(note["bytes"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(
                f"{target}: holds something that was not fetched; "
                "use it as is, or name another --target"
            ) from error
        found = _measure(target)
        if found[0] < files or found[1] < size:
            raise DataError(
                f"{target}: {files - found[0]} files or {size - found[1]} bytes are missing since "
                "it was fetched; remove it and fetch again"
            )
        return True

    def _make(self, wanted: list[Source | Path], work: Path) -> None:
        if not wanted:
            source, tree = self._first_that_delivers(work)
            wanted = [source]
        else:
            tree = self._build_or_explain(wanted, work)
        with writing(self.target):
            root = data_root(tree)
            _describe(root)
            files, size = _measure(root)
            names = [item.name if isinstance(item, Source) else str(item) for item in wanted]
            note = {"source": names, "files": files, "bytes": size}
            write_text(root / MARKER, json.dumps(note, indent=1) + "\n")
            root.replace(self.target)
            for item in wanted:
                ours = isinstance(item, Source) and item.transport != "browser"
                if ours and not self.keep_archives:
                    shutil.rmtree(self.archives / item.name)

    def _first_that_delivers(self, work: Path) -> tuple[Source, Path]:
        failed = []
        for source in self.published.automatic:
            try:
                return source, self._build([source], work)
            except (Unavailable, ConfigError) as error:
                _tell(f"{source.name}: {error}")
                failed.append(source.name)
        raise DataError(
            f"{self.dataset}: none of {', '.join(failed)} works (see above); by hand: "
            f"{self.published.manual(self.dataset)}"
        )

    def _build_or_explain(self, wanted: list[Source | Path], work: Path) -> Path:
        try:
            return self._build(wanted, work)
        except Unavailable as error:
            (*_, last) = wanted
            manual = self.published.manual(self.dataset, last if isinstance(last, Source) else None)
            raise DataError(f"{error}; by hand: {manual}") from error

    def _build(self, wanted: list[Source | Path], work: Path) -> Path:
        """Gather the requested sources in one folder within `work`."""
        places: list[Path] = []
        for item in wanted:
            places += [item] if isinstance(item, Path) else self._obtain(item)
        if len(places) == 1 and places[0].is_dir():
            self._check_apart(places[0])
            _tell(f"{self.dataset}: linking {places[0]}")
            return link_folder(places[0], work, progress=self.progress)
        _tell(f"{self.dataset}: unpacking {', '.join(str(place) for place in places)}")
        return unpack(places, work, progress=self.progress)

    def _check_apart(self, source: Path) -> None:
        one, other = source.resolve(), self.target.resolve()
        if one.is_relative_to(other) or other.is_relative_to(one):
            raise ConfigError(f"{source}: lies within {self.target} or around it; move one of them")

    def _obtain(self, source: Source) -> list[Path]:
        """Download a source; returns its archives, or the folder of images."""
        folder, room = self.archives / source.name, self.target.parent
        with _locked(self.archives / ".lock"):
            if source.transport == "huggingface":
                return [download_snapshot(source, folder, room, progress=self.progress)]
            paths = [folder / archive.name for archive in source.archives]
            for archive, path in zip(source.archives, paths, strict=True):
                if source.transport == "google-drive":
                    download_drive(archive, path, room, progress=self.progress)
                elif source.transport == "http":
                    download(archive, path, room, patience=self.patience, progress=self.progress)
                elif not path.exists():
                    raise Unavailable(f"{source.name}: its pages decrypt in a browser only")
                note = path.with_name(f"{path.name}.sha256")
                if note.exists():
                    _tell(f"{path}: sha256 {note.read_text(encoding='utf-8').split()[0]}")
        return paths


def _describe(root: Path) -> str:
    """Describe what the folder holds, judging by file names only.

    Raises:
        DataError: it does not hold exactly one set of images in a known layout.
    """
    found = take_inventory(root, official=None)
    splits = Counter(scene.split for scene in found.scenes)
    scenes = ", ".join(f"{count} {split}" for split, count in splits.items())
    count = len(found.problems)
    problems = f"{count} problem{'' if count == 1 else 's'} with its names, " if count else ""
    return (
        f"{found.place.layout} layout, scenes: {scenes}; {problems}"
        f"check it with: dmtbench doctor --root {root}"
    )


def _measure(root: Path) -> tuple[int, int]:
    """Number of files and of bytes, without the marker."""
    sizes = [
        path.stat().st_size for path in root.rglob("*") if path.is_file() and path != root / MARKER
    ]
    return len(sizes), sum(sizes)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with ExitStack() as held:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                held.enter_context(hold(path))
            except Taken as error:
                raise DataError(
                    f"{path.parent}: another fetch is at work there ({error}); wait for it to end"
                ) from error
        yield


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
