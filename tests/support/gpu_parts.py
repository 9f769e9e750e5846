"""What the tests of the parts of the check share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from pipeline.gpu_check.rows import Planned
from pipeline.gpu_check.scale import SCALES
from pipeline.gpu_check.setting import Setting
from support.paths import CONFIG, TINY

METHODS = ("dmtnet-t", "ifan")


def narrow_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    """Two narrow networks on small images."""
    data = yaml.safe_load(TINY.read_text())
    demo = yaml.safe_load((CONFIG / "demo.yaml").read_text())
    data |= {"only": list(METHODS), "not_run": []}
    data["trained_size"]["baselines.ifan"] = demo["trained_size"]["baselines.ifan"]
    for name in ("dmtnet", "ifan"):
        data["recipes"][name] = demo["recipes"][name] | {"crop": 32}
    path = tmp_path / "narrow.yaml"
    path.write_text(yaml.safe_dump(data))
    small = replace(
        SCALES["cpu"], config=path, image=(64, 96), seconds_per_cell=0.0, matrix_side=64
    )
    monkeypatch.setitem(SCALES, "cpu", small)
    backends = torch.backends.cudnn
    kept = (backends.deterministic, backends.benchmark, torch.get_num_threads())
    strict = torch.are_deterministic_algorithms_enabled()
    yield Setting("cpu")
    backends.deterministic, backends.benchmark = kept[:2]
    torch.set_num_threads(kept[2])
    torch.use_deterministic_algorithms(strict, warn_only=True)


def measured(messages: Iterator[Any]) -> list[Any]:
    """The rows of a part, which are those that it planned."""
    planned, *rows = messages
    assert isinstance(planned, Planned)
    assert [row.name for row in rows] == list(planned.names)
    assert len({*planned.names}) == len(rows)
    return rows
