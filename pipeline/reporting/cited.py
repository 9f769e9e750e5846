"""What to cite for a method, a result or an experiment: as text, BibTeX or JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

_WIDTH = 100


@dataclass(frozen=True)
class Item:
    """A thing to cite. `role`: why. `bibtex`: its entry; empty if nothing was published."""

    role: str
    text: str
    key: str = ""
    bibtex: str = ""


@dataclass(frozen=True)
class Cited:
    """What to cite for `subject`; `facts`: what the record of a result says, by heading."""

    subject: str
    items: tuple[Item, ...]
    facts: Mapping[str, str] = field(default_factory=dict)


def cited_text(cited: Cited) -> str:
    """For readers: the items by role, then the facts."""
    lines = [f"To cite {cited.subject}:"]
    roles = dict.fromkeys(item.role for item in cited.items)
    for role in roles:
        lines += ["", role]
        for item in cited.items:
            lines += _wrapped(item.text) if item.role == role else []
    if cited.facts:
        lines += ["", "The record says"]
        lines += [f"    {name}: {text}" for name, text in cited.facts.items()]
    return "\n".join(lines)


def cited_bibtex(cited: Cited) -> str:
    """The entries, each once."""
    return "\n\n".join(dict.fromkeys(item.bibtex for item in cited.items if item.bibtex))


def cited_json(cited: Cited) -> str:
    """One object: `subject`, `items` (`role`, `text`, `key`, `bibtex`) and `facts`."""
    return json.dumps(asdict(cited), ensure_ascii=False)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="    ",
        subsequent_indent="      ",
        break_on_hyphens=False,
        break_long_words=False,
    )
