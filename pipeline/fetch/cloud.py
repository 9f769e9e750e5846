"""Downloads from cloud drives through their own libraries, the optional extra `cloud`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from textwrap import shorten
from typing import Any

from pipeline.errors import ConfigError
from pipeline.fetch.archive import Unavailable
from pipeline.fetch.download import accept
from pipeline.fetch.sources import Archive, Source
from pipeline.files import need_room, sha256_of, writing
from pipeline.progress_bars import byte_bar

_TIMEOUT_S = 60
_RETRIES = 5
_LONGEST = 200


def download_drive(archive: Archive, target: Path, unpacked: Path, *, progress: bool) -> None:
    """Download a file from Google Drive, by its id, to `target`; gdown resumes it.

    Raises:
        ConfigError: gdown is not installed.
        Unavailable: Google refuses (too many downloads, a login) or sends something else.
        DataError: there is no space or permission to write.
    """
    gdown = _library("gdown")
    with writing(target):
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        need_room((target.parent, archive.expected), (unpacked, archive.expected))
        # It gets its own name only after the check that it is an archive.
        arrived = target.with_name(f"{target.name}.drive")
        with byte_bar(progress) as bar:
            task = bar.add_task(archive.name, total=None)

            def show(done: int, total: int | None) -> None:
                bar.update(task, completed=done, total=total)

            try:
                gdown.download(
                    id=archive.address,
                    output=str(arrived),
                    quiet=True,
                    resume=True,
                    progress=show,
                    timeout=_TIMEOUT_S,
                    retries=_RETRIES,
                )
            except Exception as error:
                raise Unavailable(
                    f"Google Drive {archive.address}: refused ({_line(error)})"
                ) from error
        accept(arrived, target, archive)


def download_snapshot(source: Source, folder: Path, unpacked: Path, *, progress: bool) -> Path:
    """Download the pinned revision of a Hugging Face data set; huggingface_hub resumes it.

    Returns:
        The folder of images.

    Raises:
        ConfigError: huggingface_hub is not installed.
        Unavailable: the service refuses, or sends files other than the known ones.
        DataError: there is no space or permission to write.
    """
    hub = _library("huggingface_hub")
    (archive,) = source.archives
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # Space for a second copy is needed only if the folder cannot be hard-linked.
        copied = folder.stat().st_dev != unpacked.stat().st_dev
        need_room((folder, archive.expected), (unpacked, archive.expected * copied))
    if not progress:
        _library("huggingface_hub.utils").disable_progress_bars()
    try:
        hub.snapshot_download(
            repo_id=archive.address,
            repo_type="dataset",
            revision=source.revision,
            allow_patterns=[f"{archive.name}/**", *(item.name for item in source.checked)],
            local_dir=str(folder),
        )
    except Exception as error:
        raise Unavailable(f"Hugging Face {archive.address}: refused ({_line(error)})") from error
    for known in source.checked:
        if sha256_of(folder / known.name) != known.sha256:
            raise Unavailable(f"{folder / known.name}: is not the known file; delete {folder}")
    return folder / archive.name


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(f"{name} is not installed; pip install 'dmtbench[cloud]'") from error


def _line(error: Exception) -> str:
    """A library's error message, which may be a page of advice, in one line."""
    return shorten(str(error), _LONGEST, placeholder=" ...") or type(error).__name__
