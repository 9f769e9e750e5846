"""The sections of a page: for each part what its numbers are, and its table."""

from __future__ import annotations

from pipeline.gpu_check.rows import (
    AttentionRow,
    DeterminismRow,
    DrillRow,
    FeedRow,
    Precision,
    ProcessesRow,
    RateRow,
    Report,
    Result,
    SpeedRow,
    TestsRow,
)
from pipeline.gpu_check.text import NOTHING, gigabytes, milliseconds, percent, table, tera


def rates(result: Result[RateRow], report: Report) -> list[str]:
    """Best rates in TFLOP/s."""
    rows = [
        (row.kind, row.precision, row.layout or NOTHING, tera(row.flop_per_s))
        for row in result.rows
    ]
    return [
        "The best rate of a 3×3 convolution from 64 to 64 channels, and of a product of two large "
        "matrices. A FLOP is one multiplication or one addition.",
        "",
        *table(["Operation", "Precision", "Faster layout", "TFLOP/s"], rows, right="TFLOP/s"),
    ]


def attention(result: Result[AttentionRow], report: Report) -> list[str]:
    """Kernels by network, pass and precision."""
    rows = [
        (row.method, row.task, row.precision, row.backend, ", ".join(row.kernels) or NOTHING)
        for row in result.rows
    ]
    return [
        "What PyTorch's profiler saw. `fused` never writes the logits to memory, `math` does. "
        "`none`: the network computes attention itself or has none. Of networks of one module, "
        "the first one.",
        "",
        *table(["Network", "Pass", "Precision", "Backend", "PyTorch's operators"], rows),
    ]


def determinism(result: Result[DeterminismRow], report: Report) -> list[str]:
    """Repeatability, warnings, cost of the switch."""
    rows = [
        (
            row.method,
            "out of memory" if row.same is None else _yes(row.same),
            NOTHING if row.same_off is None else _yes(row.same_off),
            ", ".join(row.warned) or NOTHING,
            milliseconds(row.on_s),
            milliseconds(row.off_s),
            f"{row.on_s / row.off_s:.2f}" if row.on_s and row.off_s else NOTHING,
        )
        for row in result.rows
    ]
    headings = ["Network", "Same bytes, on", "Same bytes, off", "Warned"]
    numbers = ["On, ms", "Off, ms", "On / off"]
    return [
        "Two trainings of a few steps from one seed with `deterministic: true` (on), two with "
        "`false` (off), in float32. Warned: operations that PyTorch has no deterministic form of. "
        "Times are those of the fastest step.",
        "",
        *table([*headings, *numbers], rows, right=numbers),
    ]


def feed(result: Result[FeedRow], report: Report) -> list[str]:
    """Waiting, conversion, transfer."""
    rows = [
        (
            row.method,
            row.precision,
            f"{row.batch} × {row.crop}²",
            str(row.workers),
            milliseconds(row.step_s),
            percent(row.waiting_share),
            milliseconds(row.conversion_s),
            percent(row.conversion_s / row.step_s),
            milliseconds(row.transfer_s),
            NOTHING if row.transfer_s is None else f"{row.batch_bytes / row.transfer_s / 1e9:.1f}",
        )
        for row in result.rows
    ]
    headings = ["Network", "Precision", "Batch"]
    numbers = ["Workers", "Step, ms", "Waiting", "Conversion, ms", "of the step"]
    numbers += ["Transfer, ms", "GB/s"]
    return [
        "Trainings that read their crops from a pixel store. Waiting: share of the time in which "
        "the training waits for a batch, conversion included. Conversion: of a batch's pixels to "
        "float32 on the main thread. Transfer: of a batch to the device, from page-locked memory. "
        "Conversion and transfer are measured alone, after the training.",
        "",
        *table([*headings, *numbers], rows, right=numbers),
    ]


def tests(result: Result[TestsRow], report: Report) -> list[str]:
    """Counts, failures, reasons."""
    lines = []
    for row in result.rows:
        lines.append(
            f"`{row.name}`: {row.passed} passed, {row.failed} failed, {row.skipped} skipped."
        )
        lines += [f"- failed: `{name}`" for name in row.failing]
        lines += [f"- skipped: {reason}" for reason in row.reasons]
    return lines


def kill(result: Result[DrillRow], report: Report) -> list[str]:
    """The drill's own words."""
    return [f"`{row.name}`: {row.summary}." for row in result.rows]


def processes(result: Result[ProcessesRow], report: Report) -> list[str]:
    """Time of a step alone and together, and the difference of the gradients."""
    rows = [
        (
            row.method,
            row.backend,
            f"{row.batch} × {row.crop}²",
            f"{1 / row.one_s:.2f}",
            f"{1 / row.two_s:.2f}",
            f"{row.one_s / row.two_s:.2f}",
            f"{row.difference:.1e}",
        )
        for row in result.rows
    ]
    numbers = ["One, steps/s", "Two, steps/s", "Two / one", "Gradients differ by"]
    return [
        "The same batch in one process and shared by two; 2 would be ideal. The difference of the "
        "gradients is relative to the largest gradient: rounding, below 1e-4.",
        "",
        *table(["Network", "Backend", "Batch", *numbers], rows, right=numbers),
    ]


def speed(result: Result[SpeedRow], report: Report) -> list[str]:
    """Time, rate, shares and memory of every cell."""
    best = {(row.kind, row.precision): row.flop_per_s for row in _rates(report)}
    numbers = ["ms", "First, s", "TFLOP/s", "of convolution", "of matrix product"]
    numbers += ["Allocated, GB", "Reserved, GB", "Planned, GB"]
    headings = ["Network", "Pass", "Input", "Precision", "channels_last", "compile", *numbers]
    rows = [_speed_cells(row, best) for row in result.rows]
    return [
        "One whole image (forward) or one crop of the recipe's size (training: forward, backward, "
        "optimizer), with `deterministic: true`. ms: median of the passes after the first, which "
        "the next column gives; with `compile` it includes the compilation. "
        "Operations are those of convolutions and matrix products, forward and backward, as "
        "PyTorch counts them while they run. Shares are those of the rates above in the same "
        "precision. Allocated and reserved: peak of PyTorch's memory on the device. Planned: what "
        "`dmtbench plan` computes for the step.",
        "",
        *table(headings, rows, right=numbers),
    ]


def _speed_cells(row: SpeedRow, best: dict[tuple[str, Precision], float]) -> tuple[str, ...]:
    _, channels, height, width = row.size
    settings = (
        row.method,
        row.task,
        f"{channels} × {height} × {width}",
        row.precision,
        _yes(row.channels_last),
        _yes(row.compiled),
    )
    planned = gigabytes(row.planned_bytes)
    if row.seconds is None:
        return (*settings, row.problem or NOTHING, *6 * [NOTHING], planned)
    rate = None if row.flop is None else row.flop / row.seconds
    rates = [best.get((kind, row.precision)) for kind in ("convolution", "matrix product")]
    shares = [percent(rate / other if rate and other else None) for other in rates]
    first = NOTHING if row.first_s is None else f"{row.first_s:.2f}"
    memory = (gigabytes(row.allocated_bytes), gigabytes(row.reserved_bytes), planned)
    return (*settings, milliseconds(row.seconds), first, tera(rate), *shares, *memory)


def _rates(report: Report) -> tuple[RateRow, ...]:
    return report.parts.rates.rows if report.parts.rates else ()


def _yes(value: bool) -> str:
    return "yes" if value else "no"
