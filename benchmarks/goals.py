"""What each benchmark has to show: its ratios, what they compare with, and their limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import classical, crop_loader, loop_overhead, metrics, transformers, workflow
from pipeline.data.canon import CANON_SCENES

Found = Mapping[str, Any]
SHARES, OVER_PLAIN, OVER_FLOAT32, PEAK_GB = {"forward": 0.80, "training": 0.75}, 1.2, 1.6, 2.5


@dataclass(frozen=True)
class Goal:
    """One measured value.

    Args:
        what: what is measured.
        against: what it is compared with, or a dash.
        value: the result, in `unit`.
        unit: `×` for how many times as fast, `%` of the reference, or a unit of time or memory.
        limit: in `unit`; `None` if none was set.
        at_least: whether a larger value is better.
    """

    what: str
    against: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = True

    @property
    def met(self) -> bool | None:
        """Whether the value is within its limit; `None` without one."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def of_transformers(found: Found) -> Iterator[Goal]:
    """Of `benchmarks.transformers --json`."""
    for result in found["results"]:
        name = result["method"]
        yield Goal(
            f"{name}, forward pass at 256 × 256, one thread",
            "literal transcription",
            result["ratio"],
            "×",
            transformers.RATIOS[name],
        )


def of_dmtnet(rows: Sequence[Mapping[str, str]]) -> Iterator[Goal]:
    """Of the CSV file of `benchmarks.dmtnet`."""
    float32_ms = {}
    for row in rows:
        variant, task, half = row["variant"], row["task"], row["precision"] == "bfloat16"
        name = f"DMTNet-{variant.upper()}, {task}, {row['precision']}"
        milliseconds, bounded = float(row["ours_ms"]), variant != "t"
        if half:
            gain = float32_ms[variant, task] / milliseconds
            yield Goal(name, "float32", gain, "×", OVER_FLOAT32)
            continue
        float32_ms[variant, task] = milliseconds
        limit = SHARES[task] if bounded else None
        share = 100 * float(row["share"])
        yield Goal(name, "rate of a 3×3 convolution", share, "%", limit and 100 * limit)
        if task == "forward":
            limit = OVER_PLAIN if bounded else None
            yield Goal(name, "plain implementation", float(row["ratio"]), "×", limit)
            peak = float(row["peak_mib"]) * 2**20 / 1e9
            yield Goal(f"{name}, peak memory", "–", peak, "GB", PEAK_GB, at_least=False)


def of_loop_overhead(rows: Sequence[Mapping[str, str]]) -> Iterator[Goal]:
    """Of the CSV file of `benchmarks.loop_overhead`."""
    for row in rows:
        name = f"training loop of DMTNet-{row['variant'].upper()}, {row['precision']}, beyond steps"
        overhead = 100 * float(row["overhead"])
        limit = 100 * loop_overhead.LIMIT
        yield Goal(name, "bare steps", overhead, "%", limit, at_least=False)


def of_crop_loader(found: Found) -> Iterator[Goal]:
    """Of `benchmarks.crop_loader --json`."""
    for cache in ("warm", "cold"):
        name, target = f"{cache}_ratio", crop_loader.TARGETS[f"{cache}_ratio"]
        yield Goal(f"training crops, {cache} cache", "PNG patches", found[name], "×", target)
    waiting, most = 100 * found["waiting_share"], 100 * crop_loader.TARGETS["waiting_share"]
    yield Goal(
        "training of DMTNet-T waits for data", "its time", waiting, "%", most, at_least=False
    )


def of_metrics(found: Found) -> Iterator[Goal]:
    """Of `benchmarks.metrics --json`."""
    yield Goal("SSIM at full size", "scikit-image", found["ratio"], "×", metrics.RATIO)
    name = f"all metrics of {CANON_SCENES['test']} images"
    yield Goal(name, "–", found["set_s"], "s", metrics.LIMIT_S, at_least=False)


def of_classical(found: Found) -> Iterator[Goal]:
    """Of `benchmarks.classical speed --json`."""
    name = "layered deconvolution at full size"
    yield Goal(name, "published order of steps", found["ratio"], "×", classical.RATIO)
    yield Goal(name, "–", found["wall"], "s", classical.SECONDS, at_least=False)


def of_all_reduce(rows: Sequence[Mapping[str, str]]) -> Iterator[Goal]:
    """Of the CSV file of `benchmarks.all_reduce`."""
    for row in rows:
        name = f"sum of DMTNet-{row['variant'].upper()}'s gradients over two processes"
        yield Goal(name, "one message per tensor", float(row["gain"]), "×")
        yield Goal(name, "DistributedDataParallel", float(row["gain_over_ddp"]), "×")


def of_workflow(found: Found) -> Iterator[Goal]:
    """Of `benchmarks.workflow --json`."""
    yield Goal("dmtbench --help", "–", found["help_s"], "s", workflow.HELP_S, at_least=False)
    name = f"snakemake -n of the paper's matrix, {workflow.SEEDS} seeds, {found['jobs']} jobs"
    yield Goal(name, "–", found["dry_run_s"], "s", workflow.DRY_RUN_S, at_least=False)
    for job, seconds in found["overhead_s"].items():
        name = f"job of {job}, beyond its command"
        yield Goal(name, "–", seconds, "s", workflow.OVERHEAD_S, at_least=False)
