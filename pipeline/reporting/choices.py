"""What a method takes from its publication and what had to be chosen for it, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_SOURCE = {True: "known", False: "reconstruction"}


def choices_table(choices: Iterable[Any]) -> str:
    """Markdown, a row for every choice.

    Args:
        choices: with `what`, `chosen` and `known`, as a method's module states them under
            `CHOICES`. `known` was read in a publication or its authors' program; the rest is this
            project's reconstruction.
    """
    rows = [f"| {choice.what} | {choice.chosen} | {_SOURCE[choice.known]} |" for choice in choices]
    return "\n".join(["| Choice | Here | Source |", "|---|---|---|", *rows])
