"""Texts of an experiment file that people read: in tables, in plots and on terminals."""

from __future__ import annotations

import unicodedata

_DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def shown(text: str) -> str:
    """The text, if it is one line that every reader sees alike.

    Raises:
        ValueError: it holds a line end, another control character, half of a character, or a
            change of direction.
    """
    for char in text:
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _DIRECTIONS:
            raise ValueError(f"holds {char!r}, which a table cannot show; remove it")
    return text
