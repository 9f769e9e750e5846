"""Texts for files that people publish: without a user, a host or an absolute path.

A path in the current folder becomes relative to it. Of any other only the last part stays:
`.../dpdd`. Users and hosts stand only in paths, so nothing else is changed.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_CHECKOUT = Path(__file__).resolve().parents[1]
# Not in addresses (https://...), not within a word (and/or), not at the end of a relative path.
_ABSOLUTE = re.compile(r"""(?<![\w.~/:-])/(?:[^\s/'"<>|]+/)*[^\s/'"<>|,;:()]+/?""")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def public_path(path: str) -> str:
    """A path as others may see it.

    >>> public_path("data/dpdd"), public_path("/srv/images/dpdd"), public_path("../dpdd")
    ('data/dpdd', '.../dpdd', '.../dpdd')
    """
    if not _leaves(path):
        return path
    # Not resolved: the name of a link is the one that the user knows.
    full = Path(os.path.normpath(Path.cwd() / _expanded(path)))
    for place in dict.fromkeys((full, full.resolve())):
        for folder in (Path.cwd(), _CHECKOUT):
            if place.is_relative_to(folder) and folder.name:
                return str(place.relative_to(folder))
    return f".../{full.name}" if full.name and full.name not in _names() else "..."


def public_text(text: str, root: str | None = None) -> str:
    """A message with each absolute path in it as others may see it.

    Args:
        text: the message.
        root: a folder of which the whole path below it stays.

    >>> public_text("/srv/a/b.pth is missing; download https://example.org/b.pth")
    '.../b.pth is missing; download https://example.org/b.pth'
    """
    # Known folders first: their names may have spaces.
    known = {_CHECKOUT: ".", Path.cwd(): "."}
    if (home := _home()) is not None:
        known |= {folder: "~" for folder in (home, home.resolve()) if folder not in known}
    if root is not None:
        known |= {folder: public_path(root) for folder in (Path(root), Path(root).resolve())}
    for folder in sorted(known, key=lambda folder: len(str(folder)), reverse=True):
        if folder.is_absolute() and folder.name:
            text = re.sub(rf"(?<!\w){re.escape(str(folder))}(?![\w-])", known[folder], text)
    return _ABSOLUTE.sub(lambda found: public_path(found[0]), text)


def public_values(data: Any) -> Any:
    """JSON-like data; every text that is a path outside the current folder is shortened.

    >>> public_values({"root": "/srv/images/dpdd", "size": [64, 64], "row": "a/b"})
    {'root': '.../dpdd', 'size': [64, 64], 'row': 'a/b'}
    """
    return _each(data, public_path)


def public_report(data: Any, root: str) -> Any:
    """JSON-like data of a report on a folder, in which every text may hold paths."""
    return _each(data, lambda text: public_text(text, root))


def public_command(arguments: Iterable[str]) -> str:
    """A command line, quoted for a shell.

    >>> public_command(["dmtbench", "evaluate", "--root", "/srv/my images", "--run=/srv/run"])
    "dmtbench evaluate --root '.../my images' --run=.../run"
    """
    return shlex.join(_argument(argument) for argument in arguments)


def _argument(argument: str) -> str:
    option, equals, value = argument.partition("=")
    if argument.startswith("-") and equals:
        return f"{option}={public_path(value)}"
    return public_path(argument)


def _leaves(path: str) -> bool:
    """Whether a text is a path that may leave the current folder."""
    if "\n" in path or _ADDRESS.match(path):
        return False
    return path.startswith(("/", "~")) or ".." in Path(path).parts


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        # Containers run under users without a home folder.
        return None


def _names() -> set[str]:
    """Names of this user and host, and of the home folder."""
    names = {os.environ.get(name, "") for name in ("USER", "LOGNAME", "HOSTNAME")}
    home = _home()
    return names | {home.name if home else "", socket.gethostname()}


def _each(data: Any, change: Callable[[str], str]) -> Any:
    if isinstance(data, str):
        return change(data)
    if isinstance(data, Mapping):
        return {_each(key, change): _each(value, change) for key, value in data.items()}
    if isinstance(data, Sequence):
        return [_each(value, change) for value in data]
    return data
