"""Seeds that are derived from the seed of an experiment."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.seeds import derive_seed


def test_seeds_stay_what_they_are() -> None:
    # Other values would make every earlier result irreproducible.
    assert derive_seed(2022, "data", 0) == 8682029219233925363
    assert derive_seed(2022, "init/dmtnet-b", 1) == 4755104226936899084


arguments = st.tuples(st.integers(0, 2**40), st.text(max_size=12), st.integers(0, 1000))


@given(arguments, arguments)
def test_seeds_depend_on_all_arguments(one: tuple[Any, ...], two: tuple[Any, ...]) -> None:
    first, second = derive_seed(*one), derive_seed(*two)
    assert 0 <= first < 2**63
    assert (first == second) == (one == two)
    assert derive_seed(*one) == first
