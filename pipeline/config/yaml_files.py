"""Reading of YAML files, and merging of one over another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import ConfigError

_MAX_DEPTH = 4


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that contains a mapping.

    Raises:
        ConfigError: the file is missing, is not valid YAML or not a mapping.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: not valid YAML ({reason}); fix the syntax") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must hold a mapping; see config/demo.yaml for an example")
    return data


def read_with_bases(path: Path, depth: int = 0) -> dict[str, Any]:
    """Read a file and merge it over the one named by its key `extends`, relative to its folder.

    Raises:
        ConfigError: one of the files is invalid, or they extend each other in a cycle.
    """
    data = read_yaml(path)
    base = data.pop("extends", None)
    if base is None:
        return data
    if not isinstance(base, str) or depth > _MAX_DEPTH:
        raise ConfigError(f"{path}: extends: must name one file, without a cycle; fix it")
    return merged(read_with_bases(path.parent / base, depth + 1), data)


def merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Merge `own` over `base`, recursively; a value that is not a mapping replaces the base's.

    >>> merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}})
    {'a': 1, 'b': {'c': 4, 'd': 3}}
    """
    # A block of another kind has other keys, so it replaces the base as a whole.
    if "kind" in own and own["kind"] != base.get("kind"):
        return own
    both = dict(base)
    for key, value in own.items():
        before = base.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            both[key] = merged(before, value)
        else:
            both[key] = value
    return both
