"""Keeps a training's state, and takes it up again: the weights end as if nothing had happened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from pipeline.compute.distributed import World
from pipeline.errors import Stopped
from pipeline.training.checkpoint import CheckpointStore, Snapshot
from pipeline.training.loop import CurvePoint, TrainState
from pipeline.training.precision import NonFinite
from pipeline.training.run_lock import RunLock
from pipeline.training.stop import StopRequest
from pipeline.training.train_step import TrainStep


@dataclass(frozen=True)
class CheckpointPolicy:
    """How one run of a training may end and go on.

    `folder`: of its state. `every_s`: seconds between two states. `limit_s`: after so many seconds
    the run saves and ends. `fork`: begin a new training with the weights of the state that is
    there, whatever it belongs to.
    """

    folder: Path
    every_s: float
    limit_s: float | None = None
    fork: bool = False


class FileCheckpointer:
    """The `Checkpointer` of a training; every process of it has one, the leading one writes.

    Args:
        store: the states.
        how: when to save.
        stop: tells when to end.
        world: the processes that train together.
        lock: renewed with every state.
    """

    def __init__(
        self,
        store: CheckpointStore,
        how: CheckpointPolicy,
        stop: StopRequest,
        world: World,
        lock: RunLock | None = None,
    ) -> None:
        self.store, self.how, self.stop, self.world, self.lock = store, how, stop, world, lock
        self._saved = time.monotonic()

    def restore(self, train_step: TrainStep) -> TrainState:
        """Put the train_step where the newest state is, if there is one.

        Raises:
            ConfigError: the state is of another configuration, code or data.
            DataError: every state is damaged.
        """
        found = self.store.load(whatever=self.how.fork) if self.world.is_main else None
        # All processes start from what one of them found whole.
        snapshot, foreign = self.world.gather((found, self.store.foreign))[0]
        if snapshot is None:
            return TrainState()
        train_step.network.load_state_dict(snapshot["network"])
        if foreign:
            return TrainState()
        train_step.optimizer.load_state_dict(snapshot["optimizer"])
        train_step.scaler.load_state_dict(snapshot["scaler"])
        if train_step.average is not None:
            train_step.average.load_state_dict(snapshot["average"])
        generators = snapshot["generators"]
        if len(generators) == self.world.size:
            restore(generators[self.world.rank])
        return _done_of(snapshot["done"])

    def after_step(self, done: TrainState, train_step: TrainStep) -> None:
        """Save if it is time to, and end the run if it was told to stop.

        Raises:
            Stopped: it was.
            DataError: no space, or no right to write.
        """
        reason = self.stop.reason
        due = self.world.is_main and time.monotonic() - self._saved >= self.how.every_s
        if not self.world.any(bool(reason) or due):
            return
        self._save(done, train_step)
        if self.world.any(bool(reason)):
            why = next(filter(None, self.world.gather(reason)))
            raise Stopped(
                f"stopped by {why} after step {done.step}; the state is in {self.how.folder}: "
                "the same command goes on from there"
            )

    def at_end(self, done: TrainState, train_step: TrainStep) -> None:
        """Save what the last epoch has left; errors as for `after_step`."""
        self._save(done, train_step)

    def _save(self, done: TrainState, train_step: TrainStep) -> None:
        started = time.monotonic()
        generators = self.world.gather(rng_state())
        if self.world.is_main:
            self.store.save(_snapshot(done, train_step, generators), done.step)
            if self.lock is not None:
                self.lock.renew()
        self._saved = time.monotonic()
        self.stop.note_save(self._saved - started)


@contextmanager
def checkpointing(
    how: CheckpointPolicy, fingerprint: dict[str, Any], world: World
) -> Iterator[FileCheckpointer]:
    """A checkpointer for one run of a training, with its lock and its signals.

    Args:
        how: where and when to save.
        fingerprint: JSON-like data on which the result depends.
        world: the processes that train together.

    Raises:
        UserError: another process runs this training.
        NonFinite: numbers stopped being finite; the message names the last good state.
    """
    store = CheckpointStore(how.folder, fingerprint)
    with StopRequest(how.limit_s) as stop:
        if not world.is_main:
            yield FileCheckpointer(store, how, stop, world)
            return
        with RunLock(how.folder) as lock:
            try:
                yield FileCheckpointer(store, how, stop, world, lock)
            except NonFinite as error:
                if store.newest is None:
                    raise
                good = f"the last good state is kept in {store.newest}: --fork begins with it"
                raise NonFinite(f"{error}; {good}") from error


def _snapshot(
    done: TrainState, train_step: TrainStep, generators: list[dict[str, Any]]
) -> Snapshot:
    return {
        "network": train_step.network.state_dict(),
        "optimizer": train_step.optimizer.state_dict(),
        "scaler": train_step.scaler.state_dict(),
        "average": train_step.average and train_step.average.state_dict(),
        "generators": generators,
        "done": {
            **{field.name: getattr(done, field.name) for field in fields(done)},
            "curve": [asdict(point) for point in done.curve],
        },
    }


def _done_of(kept: dict[str, Any]) -> TrainState:
    return TrainState(**{**kept, "curve": [CurvePoint(**point) for point in kept["curve"]]})


def rng_state() -> dict[str, Any]:
    """Of the CPU's generator, and of each CUDA device's."""
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": devices}


def restore(state: dict[str, Any]) -> None:
    """Put every generator where it was; of another number of devices, only the CPU's."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
