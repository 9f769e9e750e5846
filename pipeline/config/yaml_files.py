"""Reading of YAML files, and merging of one over another."""

from __future__ import annotations

import os
from collections.abc import Iterable
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.yaml_loader import DataLoader, NotPlainDataError
from pipeline.errors import ConfigError

MAX_BYTES = 64 * 1024
MAX_BASES = 5
_SHOWN = 300


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that contains a mapping of plain data, as `DataLoader` accepts it.

    Raises:
        ConfigError: the file is missing or too large, is not valid YAML, not a mapping, or not
            plain data; the message names the line.
    """
    try:
        # The caller may change what it gets.
        data = deepcopy(_parsed(_text(path)))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except NotPlainDataError as error:
        raise ConfigError(f"{path}: {_reason(error)}") from error
    # The scanner raises ValueError for escapes beyond Unicode, such as "\\U00110000".
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML ({_reason(error)}); fix the syntax") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must hold a mapping; see config/demo.yaml for an example")
    return data


@lru_cache(maxsize=32)
def _parsed(text: str) -> Any:
    """Commands read the same files several times, for instance the paper's experiment."""
    return yaml.load(text, DataLoader)


def _text(path: Path) -> str:
    # A pipe could wait forever, and a device never end.
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ConfigError(f"{path}: is not a regular file; check the path")
    with path.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"{path}: is larger than {MAX_BYTES // 1024} KiB; check that it is a configuration"
        )
    return content.decode("utf-8")


def _reason(error: Exception) -> str:
    """The error on one line, with the line of the file where it is known."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())[:_SHOWN]
    mark = error.problem_mark or error.context_mark
    text = ", ".join(part[:_SHOWN] for part in (error.context, error.problem) if part)
    return f"line {mark.line + 1}: {text}" if mark else text


def read_with_bases(path: Path) -> dict[str, Any]:
    """Read a file and merge it over the one named by its key `extends`, relative to its folder.

    Raises:
        ConfigError: one of the files is invalid, or they extend each other in a cycle.
    """
    return merge_layers(read_layers(path).values())


def merge_layers(layers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Each of these merged over all that follow."""
    *above, data = layers
    for layer in reversed(above):
        data = merged(data, layer)
    return data


def read_layers(path: Path) -> dict[Path, dict[str, Any]]:
    """A file, the one that it extends, and so on: the content of each without `extends`.

    Raises:
        ConfigError: as for `read_with_bases`.
    """
    files, layers = [path], [read_yaml(path)]
    while (base := layers[-1].pop("extends", None)) is not None:
        if not isinstance(base, str) or not base.isprintable():
            raise ConfigError(f"{files[-1]}: extends: must be the path of one file; fix it")
        files.append(files[-1].parent / base)
        chain = " extends ".join(str(file) for file in files)
        # Unlike `Path.resolve`, it accepts a link that leads to itself.
        real = [os.path.realpath(file) for file in files]
        if real[-1] in real[:-1]:
            raise ConfigError(f"{path}: a cycle: {chain}; remove one `extends`")
        if len(files) > MAX_BASES:
            raise ConfigError(f"{path}: a chain of more than {MAX_BASES} files: {chain}; join some")
        layers.append(read_yaml(files[-1]))
    return dict(zip(files, layers, strict=True))


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
