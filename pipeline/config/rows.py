"""Rows of tables: each belongs to one method, and those of the paper to the method list's own."""

from __future__ import annotations

from pipeline.config.methods import MethodEntry, MethodList


def check_rows(own: MethodList, shared: MethodList) -> None:
    """Refuse rows that two methods claim, and another method in a row of the method list.

    Numbers of one network must never stand in the row of another one, in Table 1 or 2. A variant of
    a listed method is an ablation, or a method with a name and a row of its own.

    Args:
        own: methods and ablations of an experiment.
        shared: the method list.

    Raises:
        ValueError: a row is taken.
    """
    names = [*shared.methods, *shared.ablations]
    listed = {shared.entry(name).row: name for name in names}
    table2 = {shared.entry(name).table2: name for name in names if shared.entry(name).table2}
    known: dict[str, str] = {}
    for name in [*own.methods, *own.ablations]:
        entry = own.entry(name)
        if entry.row in known:
            raise ValueError(
                f"methods {known[entry.row]!r} and {name!r} have the same row {entry.row!r}; "
                "rename one"
            )
        known[entry.row] = name
        for row, owner in (
            (entry.row, listed.get(entry.row)),
            (entry.table2, table2.get(entry.table2)),
        ):
            if owner is not None and (name != owner or not _same(entry, shared.entry(owner))):
                raise ValueError(
                    f"method {name!r}: the row {row!r} belongs to {owner!r} as it is listed in "
                    "config/methods.yaml; give it a row of its own"
                )


def _same(one: MethodEntry, other: MethodEntry) -> bool:
    return (one.module, one.kwargs, one.kind) == (other.module, other.kwargs, other.kind)
