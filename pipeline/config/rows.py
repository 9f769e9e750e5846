"""Rows of tables: each belongs to one method, and those of the paper to the method list's own."""

from __future__ import annotations

from pipeline.config.methods import MethodList


def check_rows(own: MethodList, shared: MethodList) -> None:
    """Refuse rows that two methods claim, and another method in a row of the method list.

    Numbers of one network must never stand in the row of another one. A variant of a listed method
    is an ablation, or a method with a name and a row of its own.

    Args:
        own: methods and ablations of an experiment.
        shared: the method list.

    Raises:
        ValueError: a row is taken.
    """
    listed = {shared.entry(name).row: name for name in [*shared.methods, *shared.ablations]}
    known: dict[str, str] = {}
    for name in [*own.methods, *own.ablations]:
        entry = own.entry(name)
        if entry.row in known:
            raise ValueError(
                f"methods {known[entry.row]!r} and {name!r} have the same row {entry.row!r}; "
                "rename one"
            )
        known[entry.row] = name
        owner = listed.get(entry.row)
        if owner is None:
            continue
        original = shared.entry(owner)
        same = (entry.module, entry.kwargs, entry.kind) == (
            original.module,
            original.kwargs,
            original.kind,
        )
        if name != owner or not same:
            raise ValueError(
                f"method {name!r}: the row {entry.row!r} belongs to {owner!r} as it is listed in "
                "config/methods.yaml; give it a row of its own"
            )
