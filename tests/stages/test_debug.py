"""`dmtbench debug`: short trainings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.changed import changed_config
from support.fixture_types import Run, Tiny
from support.paths import TINY

SMALL = {"embed_dim": 48, "channels": 48, "num_blocks": 1, "num_rbm": 1, "num_rm": 1}


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Path:
    return changed_config(tmp_path, tiny, {"trained_size/dmtnet": SMALL})


def given(tiny: Tiny, config: Path, preset: str, *more: object) -> list[object]:
    data = ["--store", tiny.store, "--patches", tiny.patches, "--config", config]
    return ["debug", preset, "dmtnet-s", *data, *more]


def test_the_model_can_overfit_one_crop(run: Run, tiny: Tiny, config: Path) -> None:
    done = run(*given(tiny, config, "overfit", "--steps", 800))
    assert (done.code, len(done.out)) == (0, 10)
    reached = [float(line.split()[2]) for line in done.out]
    assert reached[-1] > 40
    assert reached[0] < 35


def test_a_training_below_the_target_fails(run: Run, tiny: Tiny, config: Path) -> None:
    done = run(*given(tiny, config, "overfit", "--steps", 20))
    assert done.code == 1
    assert "dB on a single crop, not 40: it cannot learn, is too narrow" in done.err[-1]


@pytest.mark.parametrize(("preset", "steps"), [("limit", 2), ("fast-dev", 1)])
def test_a_few_steps(run: Run, tiny: Tiny, config: Path, preset: str, steps: int) -> None:
    before = sorted(config.parent.iterdir())
    more = ["--steps", steps] if preset == "limit" else []
    done = run(*given(tiny, config, preset, *more))
    assert done.code == 0
    assert done.out[-1].startswith(f"dmtnet-s: {steps} steps, ")
    assert done.out[-1].endswith(" dB")
    assert sorted(config.parent.iterdir()) == before


def test_where_the_time_goes(run: Run, tiny: Tiny, config: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    done = run(*given(tiny, config, "profile", "--steps", 1, "-o", trace))
    assert done.code == 0
    assert any("convolution" in line for line in done.out)
    names = {event.get("name") for event in json.loads(trace.read_text())["traceEvents"]}
    assert "aten::convolution_backward" in names


@pytest.mark.parametrize("method", ["unsharp", "ebdb", "input"])
def test_what_is_not_trained_by_gradients(run: Run, tiny: Tiny, config: Path, method: str) -> None:
    arguments = given(tiny, config, "limit")
    arguments[2] = method
    assert "is not trained by gradients: nothing to debug" in run(*arguments).err[0]


def test_the_workflow_has_the_data(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TINY
    monkeypatch.chdir(tmp_path)
    done = run("debug", "fast-dev", "dmtnet-s", "--config", config.resolve())
    assert (done.code, len(done.err)) == (1, 1)
    assert "data/tiny/store" in done.err[0]
