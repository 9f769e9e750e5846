"""Signals of a method's modules: at its initial weights, along its training, in a finished run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import nn

from pipeline.artifacts import WEIGHTS
from pipeline.compute.device import prepare_device
from pipeline.config.experiment import Experiment
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import Batch
from pipeline.data.sampling.patch_index import read_patch_index
from pipeline.data.store.reader import PixelStore
from pipeline.errors import ConfigError, Stopped
from pipeline.run import Run
from pipeline.training.loop import TrainState, train
from pipeline.training.module_signals import ModuleSignals, Signals
from pipeline.training.precision import NonFinite
from pipeline.training.preparation import TrainingData, prepare_training
from pipeline.training.progress import Progress
from pipeline.training.schedule import TrainingSchedule
from pipeline.training.signals import Weights, measure, weights_of
from pipeline.training.train_step import TrainStep
from pipeline.weights.own_file import load_weights


def measured_signals(
    run: Run,
    *,
    store: Path,
    patches: Path,
    companion: Path | None,
    steps: Sequence[int],
    progress: Progress,
    finished: Path | None = None,
) -> Signals:
    """Train a method as its recipe says, and measure its modules after some of the steps.

    It is the training that `dmtbench train` begins with the same seeds, in float32 and uncompiled.
    Every measurement takes the same batch: the first one of the training.

    Args:
        run: what is trained.
        store: folder of the pixel store.
        patches: index of its windows.
        companion: store of the companion set, for a method that is trained on it too.
        steps: optimizer steps after which to measure; 0 measures the initial weights.
        progress: follows the training.
        finished: run folder of a training; its weights are measured instead, and `steps` is 0.

    Raises:
        ConfigError: the method is not trained by gradients, or not for so many steps.
        DataError: store or index are missing or damaged.
        WeightsError: the run's weights are missing, damaged or of another architecture.
    """
    run = replace(run, experiment=_plain(run))
    pixels = PixelStore(store)
    windows = read_patch_index(patches, pixels, run.experiment.patches)
    recipe, last = _recipe(run, steps, len(windows), finished), max(steps)
    device = prepare_device(run.compute, run.init_seed)
    data = TrainingData(pixels, windows, PixelStore(companion) if companion else None)
    train_step, loader = prepare_training(run, recipe=recipe, data=data, device=device)
    if finished is not None:
        _load(run, finished, train_step.network)
    batch = next(loader.epoch(1))
    measuring = _Measuring(batch, frozenset(steps), last)
    weights = f"repetition {run.repetition}" if finished is None else f"weights of {finished.name}"
    result = Signals(f"{run.method.name}, {weights}", _words(batch), measuring.found)
    with progress if last else nullcontext():
        try:
            train(
                train_step, store=pixels, loader=loader, observer=progress, checkpointer=measuring
            )
        except _Measured:
            pass
        except NonFinite as error:
            result.diverged = error
    return result


class _Measured(Stopped):
    """All that was asked for is measured."""


@dataclass
class _Measuring:
    """Measures where a training would save its state, and ends it after the last measurement."""

    batch: Batch
    steps: frozenset[int]
    last: int
    found: list[ModuleSignals] = field(default_factory=list)
    before: Weights | None = None

    def restore(self, train_step: TrainStep) -> TrainState:
        """Before the first step."""
        train_step.network.train()
        state = TrainState()
        self.after_step(state, train_step)
        return state

    def after_step(self, state: TrainState, train_step: TrainStep) -> None:
        """Measure, if it is time to."""
        if state.step in self.steps:
            self.found += measure(train_step, self.batch, state.step, self.before)
        if state.step == self.last:
            raise _Measured
        self.before = weights_of(train_step.network) if state.step + 1 in self.steps else None

    def at_end(self, state: TrainState, train_step: TrainStep) -> None:
        """Never comes."""


def _plain(run: Run) -> Experiment:
    """The experiment, computed as it is written: what hooks see is what happens."""
    plain = {"precision": "float32", "compile": False, "activation_checkpointing": False}
    compute = run.experiment.compute.model_copy(update=plain)
    return run.experiment.model_copy(update={"compute": compute})


def _recipe(run: Run, steps: Sequence[int], windows: int, finished: Path | None) -> Recipe:
    """The run's recipe as far as the last step, with one validation that it doesn't reach."""
    name, last = run.method.name, max(steps)
    if run.recipe is None:
        raise ConfigError(f"method {name!r} is not trained by gradients: nothing to debug")
    if finished is not None and last > 0:
        raise ConfigError("--run measures weights as they are; leave out --steps")
    length = TrainingSchedule(run.recipe, windows).steps
    if last > length:
        raise ConfigError(f"--steps {last}: the training of {name!r} has {length} steps")
    return run.recipe.model_copy(update={"max_steps": max(1, last), "validations": 1})


def _load(run: Run, folder: Path, network: nn.Module) -> None:
    """Weights of a finished run; parts that only training needs keep their initial ones."""
    trained = run.method.build(**run.kwargs)
    load_weights(folder / WEIGHTS, trained, run.method.name)
    network.load_state_dict({**network.state_dict(), **trained.state_dict()})


def _words(batch: Batch) -> str:
    side = batch.target.shape[-1]
    return f"{len(batch.target)} crops of {side} x {side} pixels"
