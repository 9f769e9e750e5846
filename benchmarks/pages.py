"""Generated blocks of documentation pages."""

from __future__ import annotations


def with_block(page: str, begin: str, end: str, text: str) -> str:
    """The page with `text` between its marks `begin` and `end`.

    Raises:
        ValueError: a mark is missing.
    """
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the page has no block from {begin!r} to {end!r}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"
