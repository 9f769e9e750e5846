"""The machine's rate, and operations of trainings counted without computing."""

from __future__ import annotations

import pytest
from support.fixture_types import Tiny

from pipeline.places import COMPLEXITY
from pipeline.planning.costs import training_cost
from pipeline.planning.rate import RATED
from pipeline.planning.rate_process import convolution_rate, main, training_flop


@pytest.mark.parametrize("name", ["dmtnet-t", "dmtnet-b"])
def test_operations_are_those_of_the_plan(tiny: Tiny, name: str) -> None:
    cost = training_cost(tiny.experiment, name, name, 3, COMPLEXITY, flops=1.0)
    assert cost is not None
    # fvcore also counts layer normalization and the like.
    assert training_flop(tiny.experiment, name, 3) == pytest.approx(cost.gpu_hours * 3600, rel=0.03)


def test_the_rate_is_one_of_this_century() -> None:
    assert 1e8 < convolution_rate(0.05) < 1e14


def test_the_process_answers_in_json(tiny: Tiny, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main([str(tiny.config), "3", "dmtnet-t"]) == 0
    rated = RATED.validate_json(capfdbinary.readouterr().out)
    assert rated.flop == {"dmtnet-t": training_flop(tiny.experiment, "dmtnet-t", 3)}
    assert rated.flops > 0
