"""Cache folders for libraries, where the home folder cannot hold them.

Clusters and containers run jobs under users whose home folder is missing or read-only. Snakemake
ends with a traceback there, and matplotlib warns at every start.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from pipeline.compute.gpu_slots import make_private
from pipeline.files import is_writable

_XDG = "XDG_CACHE_HOME"
_USERS = ("snakemake", "matplotlib")
"""Libraries that write below the cache folder, each in a folder of its name."""


def provide_cache_folders(environment: MutableMapping[str, str]) -> None:
    """Direct caches to a temporary folder unless the user's own can be written.

    Commands started by this process inherit it. Weights for LPIPS are still looked for where the
    user has them.

    Args:
        environment: `HOME` is added if the system knows none; `XDG_CACHE_HOME`, `MPLCONFIGDIR` and
            `TORCH_HOME` as needed.

    Raises:
        UserError: the temporary folder cannot be used either.
    """
    home = _home()
    cache = Path(environment.get(_XDG) or (home or Path()) / ".cache")
    if home is not None and all(is_writable(cache / name) for name in _USERS):
        return
    folder = Path(tempfile.gettempdir()) / f"dmtbench-cache-{os.getuid()}"
    make_private(folder)
    if home is None:
        environment["HOME"] = str(folder)
    else:
        environment.setdefault("TORCH_HOME", str(cache / "torch"))
    environment[_XDG] = str(folder)
    environment.setdefault("MPLCONFIGDIR", str(folder / "matplotlib"))


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None
