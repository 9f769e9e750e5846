"""Small hand-made records, through the real record classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.records import (
    CATEGORIES,
    ComplexityRecord,
    Label,
    Protocol,
    Provenance,
    ResultRecord,
    RunRecord,
    Scores,
    SensitivityRecord,
    SensitivityRow,
    StudyInput,
    StudyMethod,
    StudyRecord,
)


def provenance(**changes: Any) -> Provenance:
    fields: dict[str, Any] = {
        "command": "dmtbench evaluate --config config/demo.yaml",
        "config": {"seed": 7, "compute": {"device": "cpu"}},
        "config_hash": "c" * 64,
        "configuration_key": "a" * 64,
        "code": {"method": "b" * 64, "python": "3.11"},
        "manifest_sha256": "d" * 64,
        "weights_sha256": "e" * 64,
        "git_commit": "f" * 40,
        "git_dirty": False,
        "results_versions": {"pipeline.training": 1, "pipeline.evaluation": 1},
        "packages": {"torch": "2.13.0"},
        "hardware": {"cpu": "test"},
        "seeds": {"init": 1, "order": 2},
        "wall_s": 1.5,
        "peak_memory_mb": 64.0,
        "created": "2024-01-02T03:04:05+00:00",
    }
    return Provenance(**{**fields, **changes})


def protocol(name: str = "dpdd-16", **changes: Any) -> Protocol:
    fields: dict[str, Any] = {
        "id": name,
        "input_bits": 16,
        "ground_truth_bits": 16,
        "clamp": True,
        "quantization": "none",
        "ssim": "uniform 7x7",
        "tiling": "whole image",
        "views": ("right", "left"),
    }
    return Protocol(**{**fields, **changes})


def scores(psnr: float, n: int = 4, **extra: Any) -> Scores:
    return Scores(n=n, mean={"psnr": psnr, "ssim": psnr / 40, "mae": 1 / psnr, **extra})


def result(
    method: str = "dmtnet-b",
    row: str = "DMTNet-B",
    psnr: float = 20.0,
    *,
    kind: str = "end-to-end",
    dataset: str = "synthetic",
    label: Label = "demo",
    repetition: int = 0,
    trained_params: int = 123_456,
    extra: Mapping[str, Any] | None = None,
    groups: Mapping[str, Scores] | None = None,
    scoring: Protocol | None = None,
    **changes: Any,
) -> ResultRecord:
    """Indoor is 1 dB above and outdoor 1 dB below `psnr`, the combined one."""
    offsets = dict(zip(CATEGORIES, (1.0, -1.0, 0.0), strict=True))
    return ResultRecord(
        method=method,
        row=row,
        method_kind=kind,
        dataset=dataset,
        repetition=repetition,
        label=label,
        trained_params=trained_params,
        protocol=scoring or protocol(),
        scores={name: scores(psnr + offset, **(extra or {})) for name, offset in offsets.items()},
        groups=dict(groups or {}),
        metric_status={"psnr": "computed"},
        images=(),
        per_image_sha256="9" * 64,
        provenance=provenance(**changes),
    )


def control(method: str, row: str, psnr: float, **changes: Any) -> ResultRecord:
    return result(method, row, psnr, kind="control", trained_params=0, **changes)


def run(method: str = "dmtnet-b", row: str = "DMTNet-B", **changes: Any) -> RunRecord:
    fields: dict[str, Any] = {
        "dataset": "synthetic",
        "repetition": 0,
        "label": "demo",
        "trained_params": 123_456,
        "samples": 640,
        "epoch": 2,
        "val_psnr": 21.5,
        "provenance": provenance(),
    }
    return RunRecord(method=method, row=row, **{**fields, **changes})


def complexity(method: str = "dmtnet-b", row: str = "DMTNet-B", **changes: Any) -> ComplexityRecord:
    fields: dict[str, Any] = {
        "size": (1120, 1680),
        "params": 2_000_000,
        "flops_fvcore": 3_000_000_000,
        "flops_paper": 4_500_000_000.0,
        "by_operator": {"conv": 3_000_000_000},
        "uncounted": {},
        "counted_at": ((64, 64),),
        "key": "k",
    }
    return ComplexityRecord(method=method, row=row, **{**fields, **changes})


def way(name: str, **moved: float | None) -> SensitivityRow:
    """A way of scoring that moves every category alike."""
    means = Scores(n=4, mean={metric: 20 + (value or 0) for metric, value in moved.items()})
    return SensitivityRow(
        name=name,
        meaning=f"meaning of {name}",
        scores=dict.fromkeys(CATEGORIES, means),
        moved=dict.fromkeys(CATEGORIES, moved),
    )


def sensitivity(*ways: SensitivityRow, **changes: Any) -> SensitivityRecord:
    fields: dict[str, Any] = {
        "method": "dmtnet-b",
        "row": "DMTNet-B",
        "dataset": "synthetic",
        "repetition": 0,
        "label": "demo",
        "protocol": protocol(),
        "result_sha256": "7" * 64,
        "rows": ways or (way("protocol", psnr=0.0),),
        "left_out": {"tiled": "the images are too small for tiles"},
        "provenance": provenance(),
    }
    return SensitivityRecord(**{**fields, **changes})


def study(**changes: Any) -> StudyRecord:
    made = StudyInput(sha256="1" * 64, configuration_key="a" * 64, code={"python": "3.11"})
    method = StudyMethod(
        row="DMTNet-B",
        kind="end-to-end",
        module="dmtnet",
        kwargs={"variant": "b", "channels": 24},
        own_kwargs={"variant": "b"},
        recipe={"epochs": 2},
        published_params_m=24.46,
    )
    fields: dict[str, Any] = {
        "experiment": "study",
        "dataset": "study",
        "config": {"seed": 7, "trained_size": {"dmtnet": {"channels": 24}}},
        "config_hash": "c" * 64,
        "study": {"claims": ["C06"], "margin": 0.1},
        "methods": {"dmtnet-b": method},
        "manifest_sha256": "d" * 64,
        "runs": {"dmtnet-b-seed0": made},
        "results": {"dmtnet-b-seed0": made},
        "packages": {"torch": ("2.13.0",)},
        "hardware": {"cpu": ("test", "other")},
        "commits": ("f" * 40,),
        "training_s": 3600.5,
        "evaluation_s": 1.25,
        "labels": ("demo",),
        "created": ("2024-01-02T03:04:05+00:00", "2024-01-03T03:04:05+00:00"),
        "files": {"scores.csv": "2" * 64},
    }
    return StudyRecord(**{**fields, **changes})
