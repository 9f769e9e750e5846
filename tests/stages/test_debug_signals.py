"""`dmtbench debug signals`: the real training of a method, measured on the way."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from support.changed import changed_config
from support.companions import CLIPS, NEEDY, write_experiment
from support.fixture_types import Run, Tiny
from support.narrow_ifan import NARROW

from pipeline.config.experiment import load_experiment
from pipeline.data.store.build import build_store
from pipeline.stages.data import make_data

SMALL = {"embed_dim": 24, "channels": 8, "num_blocks": 1, "num_rbm": 1, "num_rm": 1}


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Path:
    return changed_config(tmp_path, tiny, {"trained_size/dmtnet": SMALL})


def data_of(tiny: Tiny, config: Path) -> list[object]:
    return ["--store", tiny.store, "--patches", tiny.patches, "--config", config]


def measured(run: Run, tiny: Tiny, config: Path, *more: object) -> list[dict[str, Any]]:
    done = run("debug", "signals", "dmtnet-s", *data_of(tiny, config), "--json", *more)
    assert (done.code, done.err) == (0, []), done.err
    return [json.loads(line) for line in done.out]


def norm(state: dict[str, torch.Tensor], part: str = "") -> float:
    values = [value for name, value in state.items() if name.startswith(part)]
    return math.sqrt(sum(value.double().square().sum().item() for value in values))


def of(found: list[dict[str, Any]], module: str, step: int = 0) -> dict[str, Any]:
    (one,) = (each for each in found if (each["module"], each["step"]) == (module, step))
    return one


def test_the_initial_weights(run: Run, tiny: Tiny, config: Path) -> None:
    found = measured(run, tiny, config)
    assert {one["step"] for one in found} == {0}
    fusion, network = of(found, "dmssrms.0.fusion"), of(found, "(network)")
    assert 0.4 < fusion["ratio"] < 0.9
    assert fusion["ratio"] == pytest.approx(fusion["output_sd"] / fusion["input_sd"])
    assert network["gradient_norm"] > of(found, "dmssrms.0")["gradient_norm"] > 0
    assert all(one["update_ratio"] is None for one in found)
    assert {"DMSSRM", "ResidualModule", "TransformerBlock", "PReLU"} <= {
        one["kind"] for one in found
    }
    assert found == measured(run, tiny, config)
    other = measured(run, tiny, config, "--repetition", 1)
    assert other[0]["weight_norm"] != found[0]["weight_norm"]


def test_it_is_the_training_of_the_method(
    run: Run, tiny: Tiny, config: Path, tmp_path: Path
) -> None:
    """The weights after its last step are those that `dmtbench train` keeps then."""
    data = yaml.safe_load(config.read_text())
    data["recipes"]["dmtnet"] |= {"validations": 1}
    config.write_text(yaml.safe_dump(data))
    target = tmp_path / "runs" / "one"
    arguments = ["--manifest", tiny.manifest, "--output", target]
    assert run("train", "dmtnet-s", *data_of(tiny, config), *arguments).code == 0
    state = load_file(target / "weights.safetensors")
    # One window, two passes of it an epoch: one step each; the last epoch is validated.
    finished = measured(run, tiny, config, "--run", target)
    along = measured(run, tiny, config, "--steps", "0,1,2")
    for module in ("", "reduction", "head.2"):
        name = module or "(network)"
        assert of(finished, name)["weight_norm"] == pytest.approx(norm(state, module), rel=1e-5)
    ends, same = ([*found[-len(finished) :]] for found in (along, finished))
    for at_end, kept in zip(ends, same, strict=True):
        expected = {**kept, "step": 2, "update_ratio": at_end["update_ratio"]}
        assert at_end == expected
    assert of(along, "(network)", 1)["update_ratio"] > 0
    assert of(along, "(network)", 0) == measured(run, tiny, config)[0]


def test_table_csv_and_plot(run: Run, tiny: Tiny, config: Path, tmp_path: Path) -> None:
    table, plot = tmp_path / "out" / "signals.csv", tmp_path / "out" / "signals.png"
    more = ["--steps", "1,0", "--depth", "1", "--csv", table, "--plot", plot]
    done = run("debug", "signals", "dmtnet-s", *data_of(tiny, config), *more)
    assert (done.code, done.err) == (0, [])
    assert done.out[0] == "dmtnet-s, repetition 0; 2 crops of 32 x 32 pixels"
    assert [line for line in done.out if line.startswith("after")] == [
        "after 0 steps:",
        "after 1 steps:",
    ]
    assert sum(line.split()[:2] == ["reduction", "Conv2d"] for line in done.out) == 2
    with table.open(encoding="utf-8", newline="") as stream:
        rows = [*csv.DictReader(stream)]
    assert {row["step"] for row in rows} == {"0", "1"}
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_switches_of_the_machine_do_not_show(run: Run, tiny: Tiny, config: Path) -> None:
    plain = measured(run, tiny, config)
    data = yaml.safe_load(config.read_text())
    data["compute"] |= {"precision": "bfloat16", "activation_checkpointing": True, "compile": True}
    config.write_text(yaml.safe_dump(data))
    assert measured(run, tiny, config) == plain


def test_a_training_that_diverges(run: Run, tiny: Tiny, config: Path) -> None:
    data = yaml.safe_load(config.read_text())
    data["recipes"]["dmtnet"]["learning_rate"] = 100.0
    data["recipes"]["dmtnet"] |= {
        "epochs": 20,
        "schedule": {"kind": "multistep", "milestones": [19], "factor": 0.5},
    }
    config.write_text(yaml.safe_dump(data))
    done = run("debug", "signals", "dmtnet-s", *data_of(tiny, config), "--steps", "0,1,20")
    assert done.code == 1
    assert "training diverged" in done.err[-1]
    # What was measured before is shown.
    assert "after 1 steps:" in done.out


def test_the_own_terms_of_a_method(run: Run, tiny: Tiny, tmp_path: Path) -> None:
    data = yaml.safe_load(tiny.config.read_text())
    data["not_run"].remove("ifan")
    data["recipes"]["ifan"] = {
        "epochs": 1,
        "steps_per_epoch": 2,
        "batch_size": 2,
        "crop": 32,
        "validations": 1,
    }
    data["recipes"]["ifan"] |= {"schedule": {"milestones": []}}
    data["trained_size"]["baselines.ifan"] = NARROW
    config = tmp_path / "ifan.yaml"
    config.write_text(yaml.safe_dump(data))
    done = run("debug", "signals", "ifan", *data_of(tiny, config), "--json", "--steps", "1")
    assert done.code == 0, done.err
    found = [json.loads(line) for line in done.out]
    # Only its own entry point calls the reblurring network.
    assert of(found, "reblurring", 1)["gradient_norm"] > 0
    assert of(found, "reblurring", 1)["output_sd"] > 0


def test_a_method_with_a_companion_set(
    run: Run, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_experiment(tmp_path / "both.yaml", tiny, CLIPS)
    monkeypatch.chdir(tmp_path)
    command = ["debug", "signals", NEEDY, *data_of(tiny, config), "--steps", "0,2"]
    missing = run(*command)
    assert (missing.code, len(missing.err)) == (1, 1)
    assert missing.err[0].endswith(
        "data/tiny-clips/store/index.json: is missing; make it with `dmtbench run "
        f"data/tiny-clips/store/index.json --config {config}`"
    )
    experiment, folder = load_experiment(config), Path("data/tiny-clips")
    make_data(
        experiment, folder / "raw", folder / "manifest.csv", 1, companion=True, progress=False
    )
    build_store(folder / "raw", folder / "manifest.csv", folder / "store", progress=False)
    done = run(*command)
    assert done.code == 0, done.err
    assert "after 2 steps:" in done.out


def test_a_missing_store(
    run: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("debug", "signals", "dmtnet-s", "--config", config)
    assert (done.code, len(done.err)) == (1, 1)
    assert done.err[0] == (
        "error: data/tiny/store/index.json: is missing; make it with `dmtbench run "
        f"data/tiny/store/index.json data/tiny/patches.csv --config {config}`"
    )


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--steps", "0,x"], "--steps '0,x': give numbers of steps with commas, such as 0,20,200"),
        (["--steps", "-1"], "--steps '-1': give numbers"),
        (["--steps", ""], "--steps '': give numbers"),
        (["--steps", "0,5"], "--steps 5: the training of 'dmtnet-s' has 2 steps"),
        (["--plot", "a.jpg"], "a.jpg: a plot ends in .png, .svg, .pdf"),
        (["--run", "no-such-run", "--steps", "1"], "--run measures weights as they are"),
        (["--run", "no-such-run"], "no-such-run/weights.safetensors: is not a readable weights"),
    ],
)
def test_refusals(
    run: Run, tiny: Tiny, config: Path, options: list[object], complaint: str
) -> None:
    done = run("debug", "signals", "dmtnet-s", *data_of(tiny, config), *options)
    assert (done.code, len(done.err)) == (1, 1)
    assert complaint in done.err[0]


@pytest.mark.parametrize("method", ["unsharp", "input", "ebdb"])
def test_what_is_not_trained_by_gradients(run: Run, tiny: Tiny, config: Path, method: str) -> None:
    done = run("debug", "signals", method, *data_of(tiny, config))
    assert (done.code, len(done.err)) == (1, 1)
    assert "is not trained by gradients: nothing to debug" in done.err[0]
