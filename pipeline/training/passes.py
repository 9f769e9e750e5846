"""How many crops of a batch go through the network at once, and what happens if memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from pipeline.compute.enough_memory import is_out_of_memory
from pipeline.config.blocks import Compute
from pipeline.data.sampling.loader import Batch
from pipeline.errors import NoMemory
from pipeline.planning.memory import TrainingMemory, part_count
from pipeline.training.random_streams import restore_stream, stream_state

Result = TypeVar("Result")


def free_bytes(device: torch.device) -> int | None:
    """Memory of a device that this process has or can have; `None` on a CPU: not limited."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device)


def device_name(device: torch.device) -> str:
    """What decides how much fits: the model of a GPU, and its memory."""
    if device.type != "cuda":
        return device.type
    found = torch.cuda.get_device_properties(device)
    return f"{found.name}, {found.total_memory} bytes"


def kind_of(batch: Batch) -> str:
    """Name of a batch's kind: the side of its crops in pixels, and the frames of its clips."""
    side = str(batch.target.shape[-1])
    return side if batch.frames == 1 else f"{side}, {batch.frames} frames"


class Passes:
    """Divides the batches of one training into parts that fit in memory.

    Args:
        network: in training, on `device`.
        accumulate: the least number of parts.
        compute: `max_crops_per_pass`.
        device: where to train.
        memory: what a pass takes; `None`: `auto` divides only after memory has run out.
    """

    def __init__(
        self,
        network: nn.Module,
        accumulate: int,
        compute: Compute,
        device: torch.device,
        memory: TrainingMemory | None = None,
    ) -> None:
        self.accumulate, self.device, self.memory = accumulate, device, memory
        self.setting = compute.max_crops_per_pass
        self.free = free_bytes(device)
        norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        # Means over a part of a batch are others than those over all of it, beyond rounding.
        self.adapts = self.setting == "auto" and not norms
        self.used: dict[str, int] = {}
        """Most crops that went through the network at once, by kind of batch."""
        self._limits: dict[str, int] = {}
        self._halved: set[str] = set()

    def run(
        self,
        batch: Batch,
        attempt: Callable[[list[Batch]], Result],
        undo: Callable[[], None],
    ) -> Result:
        """Send a batch through the network in parts.

        If memory runs out, the parts are halved and the same is done again, with the same random
        numbers; once for each kind of batch.

        Args:
            batch: of this process.
            attempt: the work on its parts, of which there are none if it is empty.
            undo: forgets what an attempt has left behind.

        Raises:
            NoMemory: memory ran out, and nothing smaller can be tried.
        """
        before = stream_state(self.device)
        try:
            return self._noted(batch, attempt)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if not self._halve(batch):
                raise self._too_large(batch) from error
        # Only here: the error held on to the tensors of the failed attempt.
        undo()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        restore_stream(before, self.device)
        try:
            return self._noted(batch, attempt)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise self._too_large(batch) from error

    def parts(self, batch: Batch) -> list[Batch]:
        """The parts of a batch, in order; the first is the largest."""
        clips = len(batch.target) // batch.frames
        return batch.parts(part_count(clips, batch.frames, self.accumulate, self._limit(batch)))

    def state_dict(self) -> dict[str, Any]:
        """What was chosen and used so far, and on which device."""
        device = device_name(self.device)
        return {"device": device, "limits": dict(self._limits), "used": dict(self.used)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with what `state_dict` returned.

        On the same model of device, the limits stay whatever is free now, so that a resumed
        training gives the same bits; on another one they are chosen anew.
        """
        self.used = dict(state["used"])
        if state["device"] == device_name(self.device):
            self._limits = dict(state["limits"])

    def _noted(self, batch: Batch, attempt: Callable[[list[Batch]], Result]) -> Result:
        parts = self.parts(batch)
        result = attempt(parts)
        kind, largest = kind_of(batch), max((len(part.target) for part in parts), default=0)
        if largest > self.used.get(kind, 0):
            self.used[kind] = largest
        return result

    def _limit(self, batch: Batch) -> int | None:
        if isinstance(self.setting, int):
            return self.setting
        kind = kind_of(batch)
        known = self.memory is not None and self.free is not None
        if self.adapts and known and kind not in self._limits:
            self._limits[kind] = self._fitting(batch)
        return self._limits.get(kind) if self.adapts else None

    def _fitting(self, batch: Batch) -> int:
        assert self.memory is not None
        assert self.free is not None
        return self.memory.crops_that_fit(batch.target.shape[-1], batch.frames, self.free)

    def _halve(self, batch: Batch) -> bool:
        kind, largest = kind_of(batch), len(self.parts(batch)[0].target)
        if not self.adapts or kind in self._halved or largest <= batch.frames:
            return False
        self._halved.add(kind)
        clips = largest // batch.frames
        self._limits[kind] = (clips // 2) * batch.frames
        return True

    def _too_large(self, batch: Batch) -> NoMemory:
        crops = len(self.parts(batch)[0].target)
        smaller = max(1, crops // 2)
        remedy = f"set compute.max_crops_per_pass: {smaller}, " if crops > batch.frames else "set "
        return NoMemory(
            f"out of memory on {device_name(self.device)} with {crops} crops of {kind_of(batch)} "
            f"pixels at once; in the experiment file, {remedy}"
            "compute.activation_checkpointing: true or compute.precision: bfloat16"
        )
