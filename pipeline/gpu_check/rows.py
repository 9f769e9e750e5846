"""What a check measures, as data: rows of each part, and the report that they form."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pipeline.record_base import Record

Precision = Literal["float32", "TF32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "TF32", "bfloat16")
Task = Literal["forward", "training"]
Outcome = Literal["done", "skipped", "failed", "out of time", "interrupted", "not started"]


class Planned(Record):
    """The names of all rows that a part means to measure, before the first."""

    names: tuple[str, ...]


class Skipped(Record):
    """Why a part cannot run here."""

    reason: str


class Row(Record):
    """One measurement; `name` is unique within its part."""

    name: str


class RateRow(Row):
    """The best rate of a plain operation, in FLOP/s; `layout` of a convolution's tensors."""

    kind: str
    precision: Precision
    layout: str
    flop_per_s: float


class TestsRow(Row):
    """Numbers of tests by outcome, the names of those that failed, and why others were skipped."""

    passed: int
    failed: int
    skipped: int
    failing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class AttentionRow(Row):
    """The attention kernels that PyTorch took, by the names of its operators.

    `backend`: `fused`, `math` (all logits are written to memory), or `none` where the network does
    not call PyTorch's attention.
    """

    method: str
    task: Task
    precision: str
    backend: Literal["fused", "math", "none"]
    kernels: tuple[str, ...]


class SpeedRow(Row):
    """One network and setting.

    `size`: of the input, `[N, channels, height, width]`. `problem`: why there is no time; else
    `seconds` is the median of `passes` after the first, which took `first_s`. `flop`: operations of
    the convolutions and matrix products of one pass, backward included, counted while it ran.
    `allocated_bytes`, `reserved_bytes`: peak of the device's memory; `planned_bytes`: what
    `dmtbench plan` computes for this step.
    """

    method: str
    task: Task
    precision: Precision
    channels_last: bool
    compiled: bool
    size: tuple[int, int, int, int]
    problem: str | None = None
    seconds: float | None = None
    first_s: float | None = None
    passes: int = 0
    flop: int | None = None
    allocated_bytes: int | None = None
    reserved_bytes: int | None = None
    planned_bytes: int | None = None


class DeterminismRow(Row):
    """Two short trainings from one seed with `deterministic: true`, and two with `false`.

    `same`, `same_off`: whether the weights of each two are the same bytes; `None` if there was not
    enough memory. `warned`: operations that PyTorch has no deterministic form of. `on_s`, `off_s`:
    seconds of a step.
    """

    method: str
    same: bool | None = None
    same_off: bool | None = None
    warned: tuple[str, ...] = ()
    on_s: float | None = None
    off_s: float | None = None


class FeedRow(Row):
    """A training that reads its crops from a pixel store.

    `step_s`: seconds of a step. `waiting_share`: share of the time spent waiting for batches, 0 to
    1, conversion included. `conversion_s`: seconds to convert the pixels of a batch on the main
    thread. `transfer_s`: seconds to copy a batch to the device; `batch_bytes`: its size.
    """

    method: str
    precision: Precision
    batch: int
    crop: int
    workers: int
    step_s: float
    waiting_share: float
    conversion_s: float
    transfer_s: float | None
    batch_bytes: int


class DrillRow(Row):
    """The kill drill: signals sent, whether the results were the same bytes, its last line."""

    signals: int
    identical: bool
    summary: str


class ProcessesRow(Row):
    """A training step of one process, and of two that share its batch.

    `difference`: largest difference of a gradient, relative to the largest gradient.
    """

    method: str
    backend: str
    batch: int
    crop: int
    one_s: float
    two_s: float
    difference: float


AnyRow = TypeVar("AnyRow", bound=Row)


class Result(Record, Generic[AnyRow]):
    """How a part ended, why, after how many seconds, and what it measured until then."""

    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0
    planned: tuple[str, ...] = ()
    rows: tuple[AnyRow, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Names of the rows that were planned and not measured."""
        there = {row.name for row in self.rows}
        return [name for name in self.planned if name not in there]


class Machine(Record):
    """The device, and the software that drives it."""

    kind: Literal["cuda", "cpu"]
    name: str
    memory_bytes: int | None
    capability: str | None
    gpus: int
    versions: dict[str, str]


class Parts(Record):
    """The results of the parts; `None` for those that were not asked for."""

    rates: Result[RateRow] | None = None
    tests: Result[TestsRow] | None = None
    attention: Result[AttentionRow] | None = None
    determinism: Result[DeterminismRow] | None = None
    feed: Result[FeedRow] | None = None
    kill: Result[DrillRow] | None = None
    processes: Result[ProcessesRow] | None = None
    speed: Result[SpeedRow] | None = None


class Report(Record):
    """A whole check."""

    format: Literal[1] = 1
    machine: Machine
    command: str
    created: str
    git_commit: str | None
    git_dirty: bool | None
    budget_s: float
    seconds: float
    parts: Parts
