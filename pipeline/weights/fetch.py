"""Fetch published weights to `weights/<method>/`, without reading them."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile, ZipFile, is_zipfile

from pipeline.errors import ConfigError, DataError, WeightsError
from pipeline.fetch.archive import Unavailable
from pipeline.fetch.download import Patience, download
from pipeline.fetch.places import at_address
from pipeline.files import atomic_file, sha256_of, write_text
from pipeline.weights.arrays import MAX_BYTES, Unreadable
from pipeline.weights.kinds import HEAD_BYTES, kind_of_weights, recognize
from pipeline.weights.registry import PublishedWeights, WeightsSource


@dataclass(frozen=True)
class WeightsFetch:
    """A fetch of published weights.

    `method`: name of the method. `published`: sources of its weights. `folder`: folder for the
    file and its checksum, `NAME.sha256`. `progress`: whether to show a progress bar. `patience`:
    limits on waiting for servers.
    """

    method: str
    published: PublishedWeights
    folder: Path
    progress: bool = False
    patience: Patience = field(default_factory=Patience)

    def run(self, text: str | None) -> Path:
        """Fetch the weights; a file that exists is not fetched again.

        Args:
            text: name of a source, address, or path of a file downloaded by hand; if `None`,
                complete sources that need no browser are tried in order.

        Returns:
            The file of weights.

        Raises:
            ConfigError: the source is unknown.
            DataError: nothing could be fetched, or there is no space or permission to write.
            WeightsError: the file does not hold weights, or differs from the known file.
        """
        sources = self._sources(text)
        if isinstance(sources, Path):
            return self._take(sources)
        for source in sources:
            try:
                return self._obtain(source)
            except Unavailable as error:
                if text:
                    raise DataError(f"{error}; by hand: {self._manual()}") from error
                print(f"{source.name}: {error}", file=sys.stderr)
        raise DataError(
            f"{self.method}: no source works without a browser; by hand: {self._manual()}"
        )

    def _sources(self, text: str | None) -> list[WeightsSource] | Path:
        known = self.published.sources
        if text is None:
            return self.published.automatic
        named = [item for item in known if item.name == text]
        if named:
            return named
        if text.startswith(("http://", "https://")):
            there = at_address(text)
            same = next((item.member for item in known if item.member), "")
            source = WeightsSource(**{**there.model_dump(), "member": same})
            if self.published.metric:
                # A mirror: the metric takes no other file than the known one.
                (archive,) = known[0].archives
                mirrored = archive.model_copy(update={"address": source.archives[0].address})
                source = source.model_copy(update={"archives": (mirrored,)})
            return [source]
        path = Path(text)
        if not path.is_file():
            names = ", ".join(item.name for item in known)
            raise ConfigError(
                f"unknown source {text!r}; known: {names}, or name a file or an address"
            )
        return path

    def _obtain(self, source: WeightsSource) -> Path:
        if source.transport == "browser":
            raise Unavailable(f"{source.name}: its pages work in a browser only")
        (archive,) = source.archives
        target = self.folder / archive.name
        download(
            archive,
            target,
            self.folder,
            patience=self.patience,
            progress=self.progress,
            recognize=recognize,
        )
        return self._out_of_archive(target, source.member)

    def _take(self, path: Path) -> Path:
        """Copy a file that was downloaded by hand."""
        try:
            with path.open("rb") as stream:
                kind_of_weights(stream.read(HEAD_BYTES))
        except (OSError, Unreadable) as error:
            raise WeightsError(f"{path}: {error}; download it again: {self._manual()}") from error
        known = {
            item.name: item.sha256 for source in self.published.sources for item in source.archives
        }
        digest = sha256_of(path)
        other = self.published.metric and digest not in known.values()
        if other or known.get(path.name) not in (None, digest):
            raise WeightsError(
                f"{path}: is not the known file (sha256 {digest}); "
                f"download it again: {self._manual()}"
            )
        target = self.folder / next(
            (n for n, sha256 in known.items() if sha256 == digest), path.name
        )
        if path.resolve() != target.resolve():
            with atomic_file(target) as temporary:
                shutil.copyfile(path, temporary)
        _note(target)
        member = next((item.member for item in self.published.sources if item.member), "")
        return self._out_of_archive(target, member)

    def _out_of_archive(self, path: Path, member: str) -> Path:
        """Extract `member` if the file is an archive that has it; else return the file itself."""
        if not member or not is_zipfile(path):
            return path
        target = self.folder / member
        try:
            with ZipFile(path) as archive:
                found = [i for i in archive.infolist() if Path(i.filename).name == member]
                if not found:
                    # PyTorch files are zip archives too.
                    return path
                if len(found) > 1 or found[0].file_size > MAX_BYTES:
                    raise WeightsError(f"{path}: holds {member} twice or too large; unpack it")
                with atomic_file(target) as temporary:
                    temporary.write_bytes(archive.read(found[0]))
        # `zipfile` raises RuntimeError for an encrypted member, NotImplementedError for an unknown
        # compression.
        except (BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
            raise WeightsError(
                f"{path}: is damaged ({error}); remove it and fetch again"
            ) from error
        _note(target)
        return target

    def _manual(self) -> str:
        return self.published.manual(self.method)


def _note(path: Path) -> None:
    write_text(path.with_name(f"{path.name}.sha256"), f"{sha256_of(path)}  {path.name}\n")
