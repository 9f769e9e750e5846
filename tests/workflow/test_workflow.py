"""What the Snakefile gets: runs, paths, and keys that change exactly when they should."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Tiny

from pipeline.errors import ConfigError
from pipeline.results_versions import _VERSIONS
from pipeline.workflow.experiment import Workflow, load_workflow

NAMES = ("dmtnet-t", "dmtnet-b", "dmtnet-b-fixed", "input", "unsharp")


def write(tmp_path: Path, tiny: Tiny, changes: dict[str, Any]) -> Path:
    data = yaml.safe_load(tiny.config.read_text())
    for where, value in changes.items():
        *parents, last = where.split("/")
        block = data
        for parent in parents:
            block = block.setdefault(parent, {})
        block[last] = value
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def keys(workflow: Workflow) -> dict[str, str]:
    found = {"data": workflow.data_key("tiny"), "report": workflow.report_key()}
    found["store"], found["patches"] = workflow.store_key(), workflow.patches_key()
    for name in NAMES:
        found[f"train {name}"] = workflow.train_key(name)
        found[f"evaluate {name}"] = workflow.evaluate_key(name)
        found[f"complexity {name}"] = workflow.complexity_key(name)
    return found


def all_of(stage: str, names: tuple[str, ...] = NAMES) -> set[str]:
    return {f"{stage} {name}" for name in names}


NETS = ("dmtnet-t", "dmtnet-b", "dmtnet-b-fixed")
ROW_B = {"module": "dmtnet", "row": "DMTNet-B", "recipe": "dmtnet", "table2": 3}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"recipes/dmtnet/learning_rate": 0.5}, all_of("train", NETS)),
        ({"recipes/dmtnet/epochs": 3}, all_of("train", NETS)),
        ({"patches/overlap": 0.5}, {"patches", *all_of("train", NETS)}),
        ({"patches/discard": 0.0}, {"patches", *all_of("train", NETS)}),
        ({"sample_images": 1}, all_of("evaluate")),
        ({"protocol": "dpdd-8"}, all_of("evaluate")),
        (
            {"metrics/psnr2": {"module": "pipeline.evaluation.metrics.psnr"}},
            all_of("evaluate"),
        ),
        ({"seed": 1}, {"data", *all_of("train")}),
        ({"dataset/coc_far": [7.0, 11.0]}, {"data"}),
        ({"dataset/test/leaves": 3}, {"data"}),
        ({"repetitions": 2}, set()),
        # What changes a result by rounding only is in no key.
        ({"compute/torch_threads": 2}, set()),
        ({"compute/device": "cuda"}, set()),
        ({"compute/gpus_per_run": 2}, set()),
        ({"compute/channels_last": True}, set()),
        ({"compute/compile": True}, set()),
        ({"compute/activation_checkpointing": True}, set()),
        ({"compute/deterministic": False}, set()),
        ({"recipes/dmtnet/accumulate": 2}, set()),
        ({"compute/precision": "bfloat16"}, all_of("train") | all_of("evaluate")),
        ({"compute/tf32": True}, all_of("train") | all_of("evaluate")),
        ({"compute/strict": True}, all_of("train") | all_of("evaluate")),
        ({"compute/loader_workers": 2}, set()),
        ({"compute/prefetch": 9}, set()),
        ({"budgets/dmtnet-t": {"epochs": 9}}, {"train dmtnet-t"}),
        ({"complexity_size": [64, 64]}, all_of("complexity")),
        (
            {"trained_size/dmtnet/channels": 28},
            all_of("train", NETS) | all_of("evaluate", NETS),
        ),
        # Other arguments of one method: its ablation inherits them, nobody else notices.
        (
            {"methods/dmtnet-b": {**ROW_B, "kwargs": {"variant": "b", "shift": "alternate"}}},
            {
                f"{stage} {name}"
                for stage in ("train", "evaluate", "complexity")
                for name in ("dmtnet-b", "dmtnet-b-fixed")
            }
            | {"report"},
        ),
        # Another name in the table: records carry it, weights do not depend on it.
        (
            {"methods/dmtnet-b": {**ROW_B, "row": "B", "kwargs": {"variant": "b"}}},
            {"evaluate dmtnet-b", "complexity dmtnet-b", "report"},
        ),
        # A method that nobody had before.
        ({"methods/mine": {"module": "dmtnet", "row": "Mine"}}, {"report"}),
    ],
)
def test_keys_change_with_what_they_stand_for(
    tmp_path: Path, tiny: Tiny, changes: dict[str, Any], expected: set[str]
) -> None:
    before, after = (keys(Workflow(write(tmp_path, tiny, edit))) for edit in ({}, changes))
    assert {name for name in before if before[name] != after[name]} == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"compute/torch_threads": 2}, all_of("train") | all_of("evaluate")),
        ({"compute/device": "cuda"}, all_of("train") | all_of("evaluate")),
        ({"compute/loader_workers": 2}, set()),
        ({"compute/save_every_s": 1.0}, set()),
        ({"recipes/dmtnet/accumulate": 2}, all_of("train", NETS)),
    ],
)
def test_strict_keys_hold_what_changes_rounding(
    tmp_path: Path, tiny: Tiny, changes: dict[str, Any], expected: set[str]
) -> None:
    strict = {"compute/strict": True}
    found = (keys(Workflow(write(tmp_path, tiny, edit))) for edit in (strict, strict | changes))
    before, after = found
    assert {name for name in before if before[name] != after[name]} == expected


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("pipeline.data.synthetic", {"data"}),
        ("pipeline.data.store", {"store", *all_of("train")}),
        ("pipeline.data.sampling", {"patches", *all_of("train")}),
        ("pipeline.training", all_of("train")),
        ("pipeline.evaluation", all_of("evaluate")),
    ],
)
def test_keys_change_with_the_version_of_the_harness(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, package: str, expected: set[str]
) -> None:
    before = keys(Workflow(tiny.config))
    monkeypatch.setitem(_VERSIONS, package, 99)
    after = keys(Workflow(tiny.config))
    assert {name for name in before if before[name] != after[name]} == expected


def test_keys_differ_between_methods(tiny: Tiny) -> None:
    found = keys(Workflow(tiny.config))
    assert len(set(found.values())) == len(found)


def test_keys_follow_the_code_of_their_method_only(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "somebodys_method.py"
    module.write_text("one = 1")
    importlib.invalidate_caches()
    entry = {"module": "somebodys_method", "row": "Mine", "recipe": "dmtnet"}
    workflow = Workflow(write(tmp_path, tiny, {"methods/mine": entry}))

    def mine() -> list[str]:
        makers = (workflow.train_key, workflow.evaluate_key, workflow.complexity_key)
        return [make("mine") for make in makers]

    others, before = keys(workflow), mine()
    module.write_text("one = 2")
    assert keys(workflow) == others
    assert not set(before) & set(mine())


def test_names_and_paths(tiny: Tiny) -> None:
    workflow = Workflow(tiny.config)
    assert Path(workflow.config).resolve() == tiny.config
    assert (workflow.raw, workflow.runs) == ("data/tiny/raw", "runs/tiny")
    assert workflow.table2_methods == ["dmtnet-b-no-transformer", "dmtnet-b-fixed", "dmtnet-b"]
    assert set(workflow.all_methods) == {*workflow.table1_methods, *workflow.table2_methods}
    assert [name for name in NAMES if workflow.learns(name)] == [*NETS, "unsharp"]


@pytest.mark.parametrize(("kind", "name"), [("canon", "canon"), ("folder", "mine")])
def test_real_images_stay_where_they_are(tmp_path: Path, tiny: Tiny, kind: str, name: str) -> None:
    dataset = {"kind": kind, "name": name, "root": "/somewhere/DPDD"}
    workflow = Workflow(write(tmp_path, tiny, {"dataset": dataset}))
    assert workflow.raw == "/somewhere/DPDD"
    assert workflow.data == f"data/{name}"


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("auto", 1), ("cuda", 1)])
def test_a_gpu_is_asked_for_where_it_can_be_used(
    tmp_path: Path, tiny: Tiny, device: str, gpus: int
) -> None:
    assert Workflow(write(tmp_path, tiny, {"compute/device": device})).gpus == gpus
    workflow = Workflow(
        write(tmp_path, tiny, {"compute/device": device, "compute/gpus_per_run": 2})
    )
    assert workflow.gpus == gpus
    assert workflow.training_gpus("dmtnet-b") == 2 * gpus
    assert workflow.training_gpus("unsharp") == gpus


def test_the_command_lines_file_comes_first(tiny: Tiny) -> None:
    assert (
        load_workflow([tiny.config, "config/demo.yaml"], {}).config == Workflow(tiny.config).config
    )


def test_values_on_the_command_line_are_refused(tiny: Tiny) -> None:
    with pytest.raises(SystemExit, match=r"^error: --config seed repetitions: .*--configfile"):
        load_workflow([tiny.config], {"seed": 1, "repetitions": 2})


def test_an_unusable_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        load_workflow([tmp_path / "gone.yaml"], {})
    assert str(caught.value).startswith(f"error: {tmp_path / 'gone.yaml'}: cannot be read")
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):
        Workflow(tmp_path / "gone.yaml")


def test_one_file_has_one_name_however_it_is_given(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, tiny, {})
    monkeypatch.chdir(tmp_path)
    assert Workflow(path).config == Workflow(Path(path.name)).config == "mine.yaml"
    monkeypatch.chdir(tmp_path.parent)
    assert Workflow(path).config == f"{tmp_path.name}/mine.yaml"


def test_methods_can_be_left_out(tiny: Tiny, tmp_path: Path) -> None:
    own = {"module": "dmtnet", "row": "Mine", "recipe": "dmtnet"}
    left_out = [*tiny.experiment.not_run, "mine"]
    workflow = Workflow(write(tmp_path, tiny, {"methods": {"mine": own}, "not_run": left_out}))
    assert "mine" in workflow.experiment.methods
    assert "mine" not in workflow.table1_methods
    assert "mine" not in workflow.all_methods
