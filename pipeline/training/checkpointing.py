"""Saves and restores the state of a training: an interruption does not change its weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.compute.distributed import World
from pipeline.errors import ConfigError, Stopped
from pipeline.training.checkpoint import CheckpointStore, Snapshot, StateError
from pipeline.training.loop import CurvePoint, TrainState
from pipeline.training.precision import NonFinite
from pipeline.training.random_streams import resume_stream, stream_state
from pipeline.training.run_lock import RunLock
from pipeline.training.state_check import check_snapshot, check_weights
from pipeline.training.stop import StopRequest
from pipeline.training.train_step import TrainStep


@dataclass(frozen=True)
class CheckpointPolicy:
    """When the state of a training is saved, and how a run of it may begin and end.

    `folder`: of the states. `every_s`: seconds between two states. `limit_s`: after so many seconds
    the run saves and ends. `fork`: begin a new training with the weights of the state that is
    there, even if it belongs to another training.
    """

    folder: Path
    every_s: float
    limit_s: float | None = None
    fork: bool = False


class FileCheckpointer:
    """A `Checkpointer` of files; every process of a training has one, the main process writes.

    Args:
        store: the states.
        policy: when to save.
        stop: when to end.
        world: the processes that train together.
        lock: must still be held when a state is put in place.
    """

    def __init__(
        self,
        store: CheckpointStore,
        policy: CheckpointPolicy,
        stop: StopRequest,
        world: World,
        lock: RunLock | None = None,
    ) -> None:
        self.store, self.policy, self.stop = store, policy, stop
        self.world, self.lock = world, lock
        self._saved = time.monotonic()

    def restore(self, train_step: TrainStep) -> TrainState:
        """Restore `train_step` to the newest state, if there is one.

        Raises:
            ConfigError: the state is of another configuration, code or data; with `fork`, its
                weights do not fit the network.
            DataError: every state is damaged.
        """
        found = None
        if self.world.is_main:
            found = self.store.load(
                any_fingerprint=self.policy.fork,
                check=lambda snapshot, foreign: self._check(snapshot, foreign, train_step),
            )
        # All processes start from the state that the main process found intact.
        snapshot, foreign = self.world.broadcast((found, self.store.foreign))
        if snapshot is None:
            return TrainState()
        train_step.network.load_state_dict(snapshot["network"])
        if foreign:
            return TrainState()
        train_step.optimizer.load_state_dict(snapshot["optimizer"])
        train_step.scaler.load_state_dict(snapshot["scaler"])
        if train_step.average is not None:
            train_step.average.load_state_dict(snapshot["average"])
        passes = snapshot.get("passes", [])
        if len(passes) == self.world.size:
            train_step.passes.load_state_dict(passes[self.world.rank])
        state = _state_of(snapshot["state"])
        resume_stream(
            snapshot["rng_state"],
            rank=self.world.rank,
            size=self.world.size,
            step=state.step,
            device=train_step.device,
        )
        return state

    def _check(self, snapshot: Snapshot, foreign: bool, train_step: TrainStep) -> None:
        if not foreign:
            check_snapshot(snapshot, train_step, self.world.size)
            return
        try:
            check_weights(snapshot, train_step)
        except StateError as error:
            # Another network is no damage.
            raise ConfigError(
                f"{self.policy.folder}: its weights do not fit this network ({error}); "
                "remove the folder and train without --fork"
            ) from error

    def after_step(self, state: TrainState, train_step: TrainStep) -> None:
        """Save if it is time to, and end the run if it was asked to stop.

        Raises:
            Stopped: it was.
            DataError: no space, or no right to write.
        """
        reason = self.stop.reason
        due = self.world.is_main and time.monotonic() - self._saved >= self.policy.every_s
        if not self.world.any(bool(reason) or due):
            return
        self._save(state, train_step)
        if self.world.any(bool(reason)):
            why = next(filter(None, self.world.gather(reason)))
            raise Stopped(
                f"stopped by {why} after step {state.step}; the state is in {self.policy.folder}: "
                "the same command resumes it"
            )

    def check_lock(self) -> None:
        """Make sure, before a result is put in place, that nobody else runs this training.

        Raises:
            UserError: somebody does.
        """
        if self.lock is not None:
            self.lock.check()

    def at_end(self, state: TrainState, train_step: TrainStep) -> None:
        """Save the state after the last epoch; errors as for `after_step`."""
        self._save(state, train_step)

    def _save(self, state: TrainState, train_step: TrainStep) -> None:
        started = time.monotonic()
        rng_states = self.world.gather(stream_state(train_step.device))
        passes = self.world.gather(train_step.passes.state_dict())
        if self.world.is_main:
            snapshot = {**_snapshot(state, train_step, rng_states), "passes": passes}
            if self.lock is None:
                self.store.save(snapshot, state.step)
            else:
                self.store.save(snapshot, state.step, before=self.lock.check)
        self._saved = time.monotonic()
        self.stop.note_save(self._saved - started)


@contextmanager
def checkpointing(
    policy: CheckpointPolicy, fingerprint: dict[str, Any], world: World
) -> Iterator[FileCheckpointer]:
    """A checkpointer for one run of a training, with its lock and its signals.

    Args:
        policy: where and when to save.
        fingerprint: JSON-like data on which the result depends.
        world: the processes that train together.

    Raises:
        UserError: another process runs this training.
        NonFinite: numbers stopped being finite; the message names the last good state.
    """
    store = CheckpointStore(policy.folder, fingerprint)
    with StopRequest(policy.limit_s) as stop, ExitStack() as held:
        lock = held.enter_context(RunLock(policy.folder)) if world.is_main else None
        try:
            yield FileCheckpointer(store, policy, stop, world, lock)
        except NonFinite as error:
            # All processes raise it, with the same words.
            if store.newest is None:
                raise
            good = f"the last good state is kept in {store.newest}: --fork begins with it"
            raise NonFinite(f"{error}; {good}") from error


def _snapshot(
    state: TrainState, train_step: TrainStep, rng_states: list[dict[str, Any]]
) -> Snapshot:
    return {
        "network": train_step.network.state_dict(),
        "optimizer": train_step.optimizer.state_dict(),
        "scaler": train_step.scaler.state_dict(),
        "average": train_step.average and train_step.average.state_dict(),
        "rng_state": rng_states,
        "state": {
            **{field.name: getattr(state, field.name) for field in fields(state)},
            "curve": [asdict(point) for point in state.curve],
        },
    }


def _state_of(saved: dict[str, Any]) -> TrainState:
    return TrainState(**{**saved, "curve": [CurvePoint(**point) for point in saved["curve"]]})
