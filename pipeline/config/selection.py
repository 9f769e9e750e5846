"""`only` in an experiment file: leaves out all other methods, and their settings."""

from __future__ import annotations

from typing import Any, TypeGuard


def select(data: dict[str, Any]) -> None:
    """Remove everything that `only` excludes, and all settings of it in other blocks.

    Args:
        data: an experiment merged over the method list, not validated yet; it is changed.
    """
    methods, ablations, only = (data.get(key) for key in ("methods", "ablations", "only"))
    if not (isinstance(methods, dict) and isinstance(ablations, dict) and _are_names(only)):
        return
    kept = {name: entry for name, entry in methods.items() if name in only}
    modules, used = (
        {str(entry.get("module")) for entry in entries.values() if isinstance(entry, dict)}
        for entries in (methods, kept)
    )
    left_out = {*methods, *ablations} - {*only} | (modules - used)
    data["methods"] = kept
    if isinstance(data.get("first"), str) and data["first"] in left_out:
        del data["first"]
    if _are_names(data.get("not_run")):
        data["not_run"] = [name for name in data["not_run"] if name in only]
    for block in ("ablations", "budgets", "trained_size", "weights", "not_run"):
        entries = data.get(block, {})
        if isinstance(entries, dict):
            data[block] = {key: entries[key] for key in entries if key not in left_out}


def _are_names(data: Any) -> TypeGuard[list[str]]:
    return isinstance(data, list) and all(isinstance(name, str) for name in data)
