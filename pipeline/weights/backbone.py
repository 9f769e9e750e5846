"""Networks that metrics need: files that the registry declares with their checksum."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pipeline.errors import WeightsError
from pipeline.files import sha256_of
from pipeline.weights.registry import published_weights


def backbone_file(name: str) -> Path:
    """The file of a backbone, with its checksum verified, before anything reads it.

    It is looked for where `dmtbench weights fetch` puts it, `weights/<name>/` in the current
    folder, then in the checkpoint folder of PyTorch's hub.

    Args:
        name: of the entry in the registry, such as `lpips-alex`.

    Raises:
        WeightsError: the file is missing or is another one; the message names the remedy.
        ConfigError: the registry does not have it.
        DataError: the file cannot be read.
    """
    (archive,) = published_weights(name).sources[0].archives
    here, hub = Path("weights", name, archive.name), hub_folder() / archive.name
    there = [path for path in (here, hub) if path.is_file()]
    for path in there:
        if _digest(path) == archive.sha256:
            return path
    fetch = f"`dmtbench weights fetch {name}`"
    if not there:
        raise WeightsError(f"{hub} is missing, and so is {here}; {fetch} gets it")
    raise WeightsError(
        f"{there[0]} has SHA-256 {_digest(there[0])[:8]}..., expected "
        f"{str(archive.sha256)[:8]}...; remove it, then {fetch}"
    )


def hub_folder() -> Path:
    """The checkpoint folder of PyTorch's hub, found by its rules without loading torch."""
    cache_home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache_home}/torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def _digest(path: Path) -> str:
    """SHA-256 of a file, computed once as long as the file does not change."""
    status = path.stat()
    return _digest_of(path.absolute(), status.st_mtime_ns, status.st_size)


@cache
def _digest_of(path: Path, mtime_ns: int, size: int) -> str:
    del mtime_ns, size
    return sha256_of(path)
