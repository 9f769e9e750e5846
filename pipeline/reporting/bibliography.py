"""The bibliography of an experiment: one BibTeX entry for every citation of its methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_lowercase

from pipeline.errors import ConfigError, one_line
from pipeline.method_citations import MethodCitation
from pipeline.reporting.references import (
    bibtex,
    bibtex_entry,
    bibtex_text,
    parse_citation,
    reference_key,
)


def bibliography(citations: Sequence[MethodCitation]) -> str:
    """The content of `methods.bib`: methods of one publication share an entry.

    Above each entry are the methods; a method whose source does not state its citation plainly has
    only a comment.
    """
    parts = ["Publications of the methods, from the declarations in their modules."]
    for text, key in citation_keys(citations).items():
        members = [one for one in citations if one.text == text]
        names = ", ".join(one.method for one in members)
        parts.append(f"{names}:\n{citation_entry(key, members[0])}")
    # BibTeX reads what stands outside of entries as comments, up to the next at sign.
    parts += [
        f"{one.method}: no entry ({one_line(one.problem).replace('@', '(at)')})"
        for one in citations
        if one.problem
    ]
    return "\n\n".join(parts) + "\n"


def citation_keys(citations: Sequence[MethodCitation]) -> dict[str, str]:
    """The key of every citation, by its text.

    It is that of the reference, or the method's name where the citation cannot be taken apart. Two
    publications with the same key: the later one in the list of methods gets a letter.

    Raises:
        ConfigError: more citations have one key than there are letters.
    """
    keys: dict[str, str] = {}
    for one in citations:
        if one.text and one.text not in keys:
            reference = parse_citation(one.text)
            plain = reference_key(reference) if reference else one.method
            keys[one.text] = _free(plain, {*keys.values()})
    return keys


def _free(key: str, taken: set[str]) -> str:
    for candidate in _candidates(key):
        if candidate not in taken:
            return candidate
    raise ConfigError(f"citation {key}: too many share this key; write titles that differ")


def _candidates(key: str) -> Iterator[str]:
    yield key
    yield from (f"{key}{letter}" for letter in ascii_lowercase[1:])


def citation_entry(key: str, citation: MethodCitation) -> str:
    """The BibTeX entry of a citation; one that cannot be taken apart is a note."""
    reference = parse_citation(citation.text)
    if reference is not None:
        return bibtex(key, reference)
    # Styles sort an entry without an author by its field `key`.
    fields = {
        "key": key,
        "title": f"{{{bibtex_text(citation.row)}}}",
        "note": bibtex_text(citation.text),
    }
    return bibtex_entry("misc", key, fields)
