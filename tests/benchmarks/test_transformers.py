"""The literal transcriptions compute what the networks compute."""

from __future__ import annotations

import pytest
import torch

from benchmarks.transformers import METHODS, TOLERANCE, draw, timed


@pytest.mark.parametrize("name", METHODS)
def test_the_literal_transcription_gives_the_same(name: str) -> None:
    module, literal = METHODS[name]
    network = module.build().eval()
    draw(network)
    state = {module.official_name(key): value for key, value in network.state_dict().items()}
    x = torch.rand(2, 6, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours, theirs = network(x), literal(state, x)
    assert ours.std() > 0.1
    assert (ours - theirs).abs().max() < TOLERANCE


def test_time_is_measured() -> None:
    wall, cpu = timed(lambda: torch.rand(1000).sum())
    assert wall > 0
    assert cpu >= 0
