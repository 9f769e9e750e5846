"""What a method's module declares, as text for `dmtbench methods --long`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pipeline.methods import Method, MethodDeclaration

_WIDTH = 100
_INDENT = " " * 4


def method_text(method: Method) -> str:
    """Row label, views, citation, license, exceptions and choices of a method, wrapped.

    Raises:
        ConfigError: its module cannot be imported or breaks the contract.
    """
    declared = method.declaration
    lines = [f"{method.name}: {method.entry.row}"]
    lines += _wrapped(f"recipe: {method.entry.recipe or 'nothing to train'}", 1)
    for fact in _facts(declared):
        lines += _wrapped(fact, 1)
    for known, title in ((True, "known"), (False, "reconstruction")):
        choices = [choice for choice in declared.choices if choice.known is known]
        lines += _wrapped(f"{title}:", 1) if choices else []
        for choice in choices:
            lines += _wrapped(f"{choice.what}: {choice.chosen}", 2)
    return "\n".join(lines)


def _facts(declared: MethodDeclaration) -> Iterator[str]:
    facts = {
        "views": ", ".join(declared.views),
        "input": f"{declared.input_bits} bits",
        "citation": declared.citation,
        "license": declared.licence,
        "official weights": "can be loaded" if declared.load_official else "none",
        "surrogate": declared.surrogate,
        "as published": declared.as_published,
        "output in [0, 1]": declared.bounded,
        "own loss terms": ", ".join(declared.training_terms),
        **{f"no gradient for {name}": reason for name, reason in declared.untrained.items()},
    }
    yield from (f"{title}: {text}" for title, text in facts.items() if text)


def _wrapped(text: str, level: int) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=_INDENT * level,
        subsequent_indent=_INDENT * (level + 1),
        break_on_hyphens=False,
        break_long_words=False,
    )
