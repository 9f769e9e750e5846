"""Reader of `reports/published/claims.csv`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.audit.grammar import parse
from pipeline.audit.intervals import ClaimError
from pipeline.data.csv_files import read_table
from pipeline.errors import DataError, one_line
from pipeline.verify.claims import MANUAL

_COLUMNS = ("id", "section", "kind", "statement", "expression", "published")


@dataclass(frozen=True)
class ListedClaim:
    """A line of the file."""

    id: str
    kind: str
    statement: str
    expression: str
    published: str


def read_claims(path: Path) -> list[ListedClaim]:
    """Read the claims; further columns do not matter here.

    Raises:
        DataError: the file cannot be read, a number of a claim is there twice, or an expression is
            not valid; the message names the line.
    """
    found: dict[str, ListedClaim] = {}
    for line, row in read_table(path, _COLUMNS, more=True):
        name = row["id"]
        if name in found:
            raise DataError(f"{path}:{line}: claim {one_line(name)!r} is there twice; rename one")
        try:
            if row["kind"] != MANUAL:
                parse(row["expression"])
        except ClaimError as error:
            raise DataError(f"{path}:{line}: {error}; fix the expression") from error
        values = (row["kind"], row["statement"], row["expression"], row["published"])
        found[name] = ListedClaim(name, *values)
    return list(found.values())
