"""Causes of damage to a data set: each spoils a sound set and names what must be reported.

Names of causes are `group-cause`. `damage_contents`, `damage_sets` and `damage_labels` list them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Complaint = tuple[str, str]
"""A file of the set (the set itself if empty), and words that the report says about it."""

Spoil = Callable[[Path], list[Complaint]]
LEFT = "test_l/source/1P0A0917_L.png"
SOURCE, TARGET = "test_c/source/1P0A0917.png", "test_c/target/1P0A0916.png"


class Cases(dict[str, Spoil]):
    """Causes by name."""

    def add(self, name: str) -> Callable[[Spoil], Spoil]:
        """Decorates a function that spoils a set."""

        def add(spoil: Spoil) -> Spoil:
            self[name] = spoil
            return spoil

        return add
