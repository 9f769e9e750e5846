"""References: citations as methods declare them, taken apart for BibTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import one_line
from pipeline.reporting.escapes import escape_latex

_WHOLE = re.compile(r"(?P<authors>[^']+), '(?P<title>.+)', (?P<rest>.+)")
_ARXIV = re.compile(r"arXiv:([\w./-]*\w)")
_PAGES = re.compile(r"\bpp\. (\d+)-(\d+)")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_VOLUME = re.compile(r"(.+) (\d+)(?:\((\d+)\))?")
_SHORT_WORD = 3


@dataclass(frozen=True)
class Reference:
    """A publication. All values are plain text; what is unknown is empty.

    `journal`: whether it has a volume.
    """

    authors: tuple[str, ...]
    title: str
    venue: str = ""
    year: str = ""
    volume: str = ""
    number: str = ""
    pages: str = ""
    arxiv: str = ""


def parse_citation(text: str) -> Reference | None:
    """Take a citation apart; `None` if it is not written as below.

    Args:
        text: authors, the title between apostrophes, and where it was published.

    >>> found = parse_citation("A. B. Doe and C. Roe, 'On Blur', IEEE TIP 27(3), 2018, pp. 1-9")
    >>> found.authors, found.venue, found.volume, found.number, found.pages, found.year
    (('A. B. Doe', 'C. Roe'), 'IEEE TIP', '27', '3', '1--9', '2018')
    """
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        return None
    rest = whole["rest"]
    arxiv, pages = _ARXIV.search(rest), _PAGES.search(rest)
    for found in (arxiv, pages):
        rest = rest.replace(found[0], "") if found else rest
    years = _YEAR.findall(rest)
    rest = _YEAR.sub("", rest)
    venue = ", ".join(part for part in (part.strip() for part in rest.split(",")) if part)
    volume = _VOLUME.fullmatch(venue)
    return Reference(
        authors=tuple(re.split(r",? and |, ", whole["authors"])),
        title=whole["title"],
        venue=volume[1] if volume else venue,
        year=years[-1] if years else "",
        volume=volume[2] if volume else "",
        number=volume[3] or "" if volume else "",
        pages=f"{pages[1]}--{pages[2]}" if pages else "",
        arxiv=arxiv[1] if arxiv else "",
    )


def reference_key(reference: Reference) -> str:
    """The key of a reference: family name, year and first long word of the title.

    It follows from the reference alone, so it stays the same in every file.

    >>> reference_key(Reference(("D. Müller",), "On the Blur-Free Eye", year="2021"))
    'muller2021blur'
    """
    family = _ascii(reference.authors[0]).split()
    words = re.findall(r"[a-z0-9]+", _ascii(reference.title))
    long = [word for word in words if len(word) > _SHORT_WORD] or words
    name = re.sub(r"[^a-z]", "", family[-1]) if family else ""
    return f"{name or 'anonymous'}{reference.year}{long[0] if long else ''}"


def _ascii(text: str) -> str:
    """Lowercase, without accents and without what is no ASCII."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()


def bibtex(key: str, reference: Reference) -> str:
    """The reference as a BibTeX entry that plain BibTeX styles know.

    >>> print(bibtex("doe2020blur", Reference(("A. Doe",), "{Blur} & 50 %", year="2020")))
    @misc{doe2020blur,
      author = {A. Doe},
      title = {{\\textbraceleft{}Blur\\textbraceright{} \\& 50 \\%}},
      year = {2020},
    }
    """
    kind, place = "misc", {}
    if reference.volume:
        kind, place = "article", {"journal": reference.venue}
    elif reference.venue:
        kind, place = "inproceedings", {"booktitle": reference.venue}
    fields = {
        "author": " and ".join(map(_author, reference.authors)),
        # The second pair of braces keeps capitals.
        "title": f"{{{bibtex_text(reference.title)}}}",
        **{name: bibtex_text(text) for name, text in place.items()},
        "volume": reference.volume,
        "number": reference.number,
        "pages": reference.pages,
        "year": reference.year,
        "eprint": reference.arxiv,
        "archivePrefix": "arXiv" if reference.arxiv else "",
    }
    return bibtex_entry(kind, key, fields)


def bibtex_entry(kind: str, key: str, fields: dict[str, str]) -> str:
    """An entry from fields in LaTeX; empty ones are left out."""
    lines = [f"  {name} = {{{text}}}," for name, text in fields.items() if text]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def bibtex_text(text: str) -> str:
    """Plain text for a field between braces: BibTeX counts braces, even escaped ones.

    >>> bibtex_text("a}b_c")
    'a\\\\textbraceright{}b\\\\_c'
    """
    return "".join(_escaped(one_line(text)))


def _escaped(text: str) -> Iterator[str]:
    named = {"{": r"\textbraceleft{}", "}": r"\textbraceright{}"}
    for char in text:
        yield named.get(char) or escape_latex(char)


def _author(name: str) -> str:
    """A name; the word `and` in it would be two names, and that of all further ones is `others`."""
    return "others" if name == "et al." else bibtex_text(name)
