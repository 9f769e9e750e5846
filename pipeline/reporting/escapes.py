"""Text as Markdown and LaTeX show it: characters with a meaning there are escaped."""

from __future__ import annotations

_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # The usual encoding, OT1, has no straight quotation mark.
    '"': "{''}",
    "`": r"\textasciigrave{}",
    # After the end of a line, LaTeX reads a star and brackets as arguments.
    **{char: f"{{{char}}}" for char in "*[]"},
    "±": r"$\pm$",
    "–": "--",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
}
_MARKDOWN = str.maketrans({char: f"\\{char}" for char in "\\|`*_<>[]&~$"})


def escape_latex(text: str) -> str:
    """`text` with every character that LaTeX reads as a command escaped."""
    return "".join(_LATEX.get(char, char) for char in text)


def escape_markdown(text: str) -> str:
    """`text` with every character that Markdown gives a meaning escaped."""
    return text.translate(_MARKDOWN)
