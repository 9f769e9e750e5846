"""Names of LaTeX commands for numbers: LaTeX allows letters only."""

from __future__ import annotations

import re
import unicodedata

_SPELLED = dict(
    zip(
        "0123456789+",
        ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Plus"),
        strict=True,
    )
)
_ASCII_LETTER, _WORD = re.compile(r"[A-Za-z]"), re.compile(r"[A-Za-z]+")


def macro_name(*texts: str) -> str:
    """The name of a command, without the backslash.

    Words begin with a capital, the first one without. Digits and the plus sign are spelled, accents
    are dropped, and other letters become their code point, spelled after a `U`. Everything else
    only separates words.

    >>> macro_name("dmtnet-b", "Combined", "PSNR")
    'dmtnetBCombinedPSNR'
    >>> macro_name("kpac-2+", "MS_SSIM"), macro_name("é模")
    ('kpacTwoPlusMSSSIM', 'eUSixATwoOne')
    """
    joined = "".join(map(_camel, texts))
    return joined[:1].lower() + joined[1:]


def _camel(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    spaced = "".join(_letters(char) for char in plain if not unicodedata.combining(char))
    return "".join(word[0].upper() + word[1:] for word in _WORD.findall(spaced))


def _letters(char: str) -> str:
    """What stands for a character: letters, or a space where a word ends."""
    if _ASCII_LETTER.fullmatch(char):
        return char
    if char in _SPELLED:
        return f" {_SPELLED[char]} "
    if char.isalnum():
        digits = (_SPELLED.get(digit, digit) for digit in f"{ord(char):X}")
        return f" U{''.join(digits)} "
    return " "
