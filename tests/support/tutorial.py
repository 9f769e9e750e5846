"""A page of commands as a program: its files are saved and its commands run, in one shell."""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
_FRACTION = re.compile(r"-?\d+\.\d+")
TOLERANCE = 0.05
"""By how much of its size a fraction on a page may differ from what is printed."""


@dataclass(frozen=True)
class Block:
    """A block of code: commands (`sh`), a file (with a title), or what was printed (`text`)."""

    language: str
    title: str
    content: str


def blocks(page: str) -> list[Block]:
    """The blocks of a page in order.

    >>> blocks('```sh\\nls\\n```\\n')
    [Block(language='sh', title='', content='ls\\n')]
    """
    return [Block(*found) for found in _BLOCK.findall(page)]


@dataclass
class Session:
    """What the blocks of a page printed, one text for each; empty for files."""

    status: int
    printed: list[str]
    errors: str


def run(page: list[Block], folder: Path, environment: dict[str, str], after: str) -> Session:
    """Run a page as one shell session that ends at the first command that fails.

    Args:
        page: its blocks.
        folder: where it starts, empty.
        environment: variables beside those of this process.
        after: commands of the test that run after the page's first block.
    """
    kept = folder / ".session"
    kept.mkdir()
    script = ["set -euo pipefail"]
    for number, block in enumerate(page):
        output = kept / str(number)
        output.touch()
        if block.title:
            source = kept / f"{number}.file"
            source.write_text(block.content, encoding="utf-8")
            script.append(f"cp {shlex.quote(str(source))} {shlex.quote(block.title)}")
        elif block.language == "sh":
            script.append(f"{{\n{block.content}}} > {shlex.quote(str(output))}")
        if number == 0:
            script.append(after)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    printed = [(kept / str(number)).read_text() for number in range(len(page))]
    return Session(done.returncode, printed, done.stderr)


def missing(shown: str, printed: str) -> list[str]:
    """Lines of a page that a command did not print, in this order.

    Fractions may differ by `TOLERANCE`, since machines round differently, and spaces do not count.

    >>> missing("a 1.25 b\\nc 2.5", "head\\na   1.27  b\\nc 2.9")
    ['c 2.5']
    """
    left = printed.splitlines()
    lost = []
    for line in shown.splitlines():
        found = [number for number, other in enumerate(left) if _same(line, other)]
        if found:
            del left[: found[0] + 1]
        else:
            lost.append(line)
    return lost


def _same(line: str, other: str) -> bool:
    words, others = line.split(), other.split()
    return len(words) == len(others) and all(map(_close, words, others))


def _close(word: str, other: str) -> bool:
    if _FRACTION.fullmatch(word) and _FRACTION.fullmatch(other):
        return math.isclose(float(word), float(other), rel_tol=TOLERANCE)
    return word == other


def prepare_environment(clone: str) -> str:
    """Commands that give a clone this environment, as if `make` had just installed it."""
    programs = shlex.quote(str(Path(sys.executable).parent))
    place = f"{clone}/.venv"
    return f"mkdir {place} && ln -s {programs} {place}/bin && touch -d '+1 day' {place}/ready"
