"""Measures the rate of a 3x3 convolution and counts trainings, in a process of its own."""

from __future__ import annotations

import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from pipeline.compute.threads import threads_of
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.data.sampling.steps import TrainingLength
from pipeline.errors import UserError
from pipeline.methods import get_method
from pipeline.planning.costs import crop_side
from pipeline.planning.passes import FORWARD_AND_BACKWARD
from pipeline.planning.rate import RATED, Rated

_CHANNELS, _SIDE = 64, 128
_MEASURE_S = 0.5


def convolution_rate(seconds: float = _MEASURE_S) -> float:
    """Operations per second of a 3x3 convolution from 64 to 64 channels, in float32.

    The fastest pass counts: others may have been disturbed.

    Args:
        seconds: how long to measure, after one pass to warm up.
    """
    layer = torch.nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1)
    image = torch.zeros(1, _CHANNELS, _SIDE, _SIDE)
    flop = 2 * _CHANNELS * _CHANNELS * 9 * _SIDE * _SIDE
    fastest = float("inf")
    with torch.inference_mode():
        layer(image)
        until = time.perf_counter() + seconds
        while (started := time.perf_counter()) < until:
            layer(image)
            fastest = min(fastest, time.perf_counter() - started)
    return flop / fastest


def training_flop(experiment: Experiment, name: str, windows: int) -> float:
    """Operations of a training, forward and backward, counted on PyTorch's meta device.

    Args:
        experiment: the experiment.
        name: a method that is trained by gradients.
        windows: number of training windows.
    """
    recipe, method = experiment.recipe_of(name), get_method(name, experiment)
    assert recipe is not None
    kinds = TrainingLength(recipe, windows).samples_by_kind()
    side = max(crop_side(experiment, kind) for kind, _ in kinds)
    network = method.build(**experiment.trained_kwargs(name)).to("meta").eval()
    image = torch.empty(1, 3 * len(method.views), side, side, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    pixels = sum(samples * crop_side(experiment, kind) ** 2 for kind, samples in kinds)
    return FORWARD_AND_BACKWARD * counter.get_total_flops() * pixels / side**2


def main(arguments: list[str]) -> int:
    """Measure and count: experiment file, number of windows, names of methods."""
    config, windows, *names = arguments
    with redirect_stdout(sys.stderr):
        experiment, found = load_experiment(Path(config)), dict[str, float]()
        torch.set_num_threads(threads_of(experiment.compute.model_copy(update=_ALL)))
        for name in names:
            try:
                found[name] = training_flop(experiment, name, int(windows))
            except (UserError, RuntimeError, NotImplementedError, ValueError, TypeError) as error:
                print(f"{name}: not counted ({error})", file=sys.stderr)
        rated = Rated(flops=convolution_rate(), flop=found)
    sys.stdout.buffer.write(RATED.dump_json(rated))
    return 0


_ALL = {"torch_threads": "auto"}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
