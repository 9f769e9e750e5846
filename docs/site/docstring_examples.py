"""Examples in docstrings (`>>>`) as code: Markdown would take them for quotations."""

from __future__ import annotations

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

_PROMPT = ">>> "
_FENCE = "```"


def fenced(lines: list[str]) -> list[str]:
    """The lines with a fence around every example; an example ends at an empty line.

    >>> fenced(["Text.", "", ">>> 1 + 1", "2"])
    ['Text.', '', '```pycon', '>>> 1 + 1', '2', '```']
    """
    found: list[str] = []
    indent: str | None = None
    for line in [*lines, ""]:
        if indent is None and line.lstrip().startswith(_PROMPT):
            indent = line[: len(line) - len(line.lstrip())]
            found.append(f"{indent}{_FENCE}pycon")
        elif indent is not None and not line.strip():
            found.append(f"{indent}{_FENCE}")
            indent = None
        found.append(line)
    return found[:-1]


class DocstringExamples(Extension):
    """Fences examples while `active`: on pages whose text comes from docstrings."""

    def __init__(self) -> None:
        super().__init__()
        self.active = False

    def extendMarkdown(self, md: Markdown) -> None:
        """Register the fencing before fences are read (25)."""
        md.preprocessors.register(_Fencing(md, self), "docstring_examples", 28)


class _Fencing(Preprocessor):
    def __init__(self, md: Markdown, examples: DocstringExamples) -> None:
        super().__init__(md)
        self.examples = examples

    def run(self, lines: list[str]) -> list[str]:
        return fenced(lines) if self.examples.active else lines
