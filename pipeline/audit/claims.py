"""Reader of `claims.csv`: what the paper says, as expressions that can be evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.audit import syntax
from pipeline.audit.grammar import parse
from pipeline.audit.intervals import ClaimError, decimal
from pipeline.audit.names import check_names
from pipeline.audit.tables import Tables
from pipeline.data.csv_files import read_table
from pipeline.errors import DataError, one_line

COLUMNS = (
    *("id", "section", "kind", "statement", "expression", "published"),
    *("decidable_by", "reason"),
)
VALUE, HOLDS, MANUAL = "value", "holds", "manual"
DECIDERS = ("arithmetic", "counting", "a trained net", "several seeds", "nothing")
"""What could decide a claim at all, from the cheapest to none."""

_ID = re.compile(r"[A-Z][0-9]{1,4}")
_MAY_BE_EMPTY = ("published", "reason")


@dataclass(frozen=True)
class Claim:
    """One row: an id, what the paper says and where, and what could decide it.

    `kind`: `value` (a number, and `published` its printed digits), `holds` (a statement, and
    `published` is `true` or `false`) or `manual` (no expression; `published` may be anything).
    `decidable_by`: one of `DECIDERS`; `reason` says why, and is needed for `nothing` and `manual`.
    `line`: in the file.
    """

    id: str
    section: str
    kind: str
    statement: str
    expression: str
    published: str
    decidable_by: str
    reason: str
    line: int


def read_claims(path: Path, tables: Tables | None = None) -> list[Claim]:
    """Read and check every claim.

    Args:
        path: the file.
        tables: where the names that claims use must be; without it, names are not checked.

    Raises:
        DataError: the file is missing or damaged, or a claim has an unknown kind, name or column,
            an expression that is not valid, or `published` that does not fit it. The message
            names file, line and claim.
    """
    claims: dict[str, Claim] = {}
    for line, record in read_table(path, COLUMNS):
        claim = Claim(**record, line=line)
        try:
            _check(claim, tables)
        except ClaimError as error:
            raise failed(path, claim, error) from None
        if claim.id in claims:
            raise DataError(f"{path}:{line}: claim {claim.id} is there twice; give it another id")
        claims[claim.id] = claim
    if not claims:
        raise DataError(f"{path}: no claims; restore the file")
    return list(claims.values())


def failed(path: Path, claim: Claim, error: ClaimError) -> DataError:
    """The error that a claim caused, with the file and the line where it stands."""
    name = one_line(claim.id) or "without id"
    return DataError(f"{path}:{claim.line}: claim {name}: {one_line(str(error))}; fix the claim")


def _check(claim: Claim, tables: Tables | None) -> None:
    if not _ID.fullmatch(claim.id):
        raise ClaimError("its id is not a capital letter and a number, such as C26")
    for column in COLUMNS:
        text = getattr(claim, column)
        if not text.isprintable() or (not text.strip() and column not in _MAY_BE_EMPTY):
            raise ClaimError(f"its {column} is empty or not on one printable line")
    if claim.decidable_by not in DECIDERS:
        raise ClaimError(f"decidable_by {claim.decidable_by!r} is none of {', '.join(DECIDERS)}")
    if not claim.reason and (claim.decidable_by == "nothing" or claim.kind == MANUAL):
        raise ClaimError("a claim that nothing here decides needs a reason")
    if claim.kind == MANUAL:
        return
    if claim.kind not in (VALUE, HOLDS):
        raise ClaimError(f"unknown kind {claim.kind!r}; it must be {VALUE}, {HOLDS} or {MANUAL}")
    whole = parse(claim.expression)
    body = whole.body if isinstance(whole, syntax.Let) else whole
    if isinstance(body, syntax.NUMERIC) != (claim.kind == VALUE):
        raise ClaimError("a value needs an expression that is a number, holds needs a statement")
    if claim.kind == VALUE:
        decimal(claim.published)
    elif claim.published not in ("true", "false"):
        raise ClaimError(f"published is {claim.published!r}, and must be true or false")
    if tables is not None:
        check_names(whole, tables)
