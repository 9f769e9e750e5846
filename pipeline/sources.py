"""What code a result depends on: hashes of source files, without importing them."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from pipeline.errors import ConfigError


def source_hash(module: str) -> str:
    """SHA-256 over the source files of a module, or of all modules of a package.

    Raises:
        ConfigError: there is no such module.
    """
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"module {module!r} is not installed; check `module:` in the configuration"
        )
    origin = Path(spec.origin)
    files = sorted(origin.parent.glob("*.py")) if origin.name == "__init__.py" else [origin]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
