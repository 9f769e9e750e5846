"""Deterministic weights and inputs of the goldens: what the authors' programs were run with.

Every weight is drawn from a generator seeded by its own name, then scaled by its method's rule.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from support.paths import GOLDENS

Floats = NDArray[np.float64]
Rule = Callable[[str, Floats], Floats]


def golden(name: str) -> dict[str, NDArray[np.generic]]:
    """What the authors' program of a method gave."""
    with np.load(GOLDENS / f"{name}.npz") as file:
        return dict(file)


def official_state(
    name: str, rule: Rule, group: str | None = None
) -> dict[str, NDArray[np.float32]]:
    """Weights under the authors' names and in their layout.

    Args:
        name: of the method's key list.
        rule: scales standard normal numbers, by key.
        group: another list of keys than the main one.
    """
    table = json.loads((GOLDENS / f"{name}.keys.json").read_text(encoding="utf-8"))
    keys = (
        table[group] if group else {key: shape for key, shape in table.items() if key[:2] != "__"}
    )
    state = {}
    for key, shape in keys.items():
        if not key.endswith("relative_position_index"):
            seed = zlib.crc32(key.encode()) & 0x7FFFFFFF
            numbers = np.random.RandomState(seed).standard_normal(tuple(shape))
            state[key] = rule(key, numbers).astype(np.float32)
    return state


def by_fan_in(key: str, numbers: Floats) -> Floats:
    """The rule of most methods."""
    if numbers.ndim >= 2:
        return numbers / np.sqrt(np.prod(numbers.shape[1:]))
    return 1 + 0.1 * numbers if numbers.ndim == 1 and key.endswith("weight") else 0.1 * numbers


def uniform(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Input values in [0, 1)."""
    numbers = np.random.RandomState(int(seed)).random_sample(tuple(int(side) for side in shape))
    return numbers.astype(np.float32)
