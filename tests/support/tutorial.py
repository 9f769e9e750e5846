"""A page of commands as a program: its files are saved and its commands run, in one shell."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)


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
    """Lines of a page that a command did not print, in this order; fractions and widths may differ.

    >>> missing("a 1.25 b\\nc", "head\\na   7.5  b\\nd")
    ['c']
    """
    left = [_plain(line) for line in printed.splitlines()]
    lost = []
    for line in shown.splitlines():
        if _plain(line) in left:
            del left[: left.index(_plain(line)) + 1]
        else:
            lost.append(line)
    return lost


def _plain(line: str) -> str:
    return re.sub(r"[\s\-─]+", " ", re.sub(r"\d+\.\d+", "0.0", line)).strip()


def prepare_environment(clone: str) -> str:
    """Commands that give a clone this environment, as if `make` had just installed it."""
    programs = shlex.quote(str(Path(sys.executable).parent))
    place = f"{clone}/.venv"
    return f"mkdir {place} && ln -s {programs} {place}/bin && touch -d '+1 day' {place}/ready"
