"""Memory of training every method on its batches, counted on PyTorch's meta device at full size.

    python -m benchmarks.memory

prints the table of docs/performance.md; `--methods` limits it. Sizes are in GB of 1e9 bytes.
`state`: weights, gradients and the optimizer's moments. `one`, `batch`: tensors of a pass at its
peak, forward and backward, of one crop (or clip) and of the whole batch. `validation`: of a whole
image of 1120 x 1680, without gradients. The last columns: how many crops can go through the network
at once on an empty GPU of that size, which is what `compute.max_crops_per_pass: auto` takes; a dash
if not even one fits.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from pipeline.config.experiment import Experiment, load_experiment
from pipeline.config.recipe import Batches
from pipeline.data.canon import CANON_SIZE
from pipeline.data.sampling.steps import main_kinds
from pipeline.planning.costs import crop_side, training_memory
from pipeline.planning.memory import TrainingMemory

CANON = Path("config/canon.yaml")
GPUS = (16, 24, 32, 80)
"""Memory of common GPUs, in GB."""

HEADINGS = ("method", "crops", "side", "state", "one", "batch", "validation")


def trained(experiment: Experiment) -> list[str]:
    """Methods and ablations that are trained by gradients."""
    names = [*experiment.methods, *experiment.ablations]
    return [name for name in names if experiment.recipe_of(name) is not None]


def rows(experiment: Experiment, name: str) -> Iterator[str]:
    """Rows of the table for one method, one for each kind of its batches."""
    recipe = experiment.recipe_of(name)
    assert recipe is not None
    memory = training_memory(experiment, name, recipe)
    validation = _gb(memory.inference(*CANON_SIZE))
    for kind in [*main_kinds(recipe), *filter(None, [recipe.companion])]:
        side = crop_side(experiment, kind)
        one_pass = memory.one_pass(side, kind.frames, kind.batch_size)
        sizes = memory.state, one_pass.of(1), one_pass.of(kind.batch_size)
        crops = f"{kind.batch_size} x {kind.frames}" if kind.frames > 1 else str(kind.batch_size)
        cells = [name, crops, str(side), *map(_gb, sizes), validation]
        cells += [_fitting(memory, kind, side, gpu) for gpu in GPUS]
        yield f"| {' | '.join(cells)} |"


def _fitting(memory: TrainingMemory, kind: Batches, side: int, gpu: int) -> str:
    free = gpu * 10**9
    if not memory.fits(side, kind.frames, free):
        return "–"
    crops = memory.crops_that_fit(side, kind.frames, free)
    return str(min(crops, kind.batch_size * kind.frames))


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f}"


def head() -> list[str]:
    """The first two lines of the table."""
    names = [*HEADINGS, *(f"{gpu} GB" for gpu in GPUS)]
    return [f"| {' | '.join(names)} |", "|---" + "|--:" * (len(names) - 1) + "|"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", help="all trained ones by default")
    arguments = parser.parse_args()
    experiment = load_experiment(CANON)
    print(*head(), sep="\n")
    for name in arguments.methods or trained(experiment):
        print(*rows(experiment, name), sep="\n", flush=True)


if __name__ == "__main__":
    main()
