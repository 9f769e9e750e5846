"""Keys: they change exactly when what they stand for changes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from support.changed import changed_config as write
from support.fixture_types import Tiny

from pipeline.code_hash import source_hash
from pipeline.config.experiment import digest_of, load_experiment
from pipeline.evaluation.complexity import complexity_key
from pipeline.keys import (
    SCORING,
    data_keys,
    evaluate_keys,
    given_key,
    patches_keys,
    report_keys,
    store_keys,
    train_keys,
)
from pipeline.methods import get_method
from pipeline.results_versions import _VERSIONS
from pipeline.run import Run

NAMES = ("dmtnet-t", "dmtnet-b", "dmtnet-b-fixed", "input", "unsharp")


def keys(config: Path) -> dict[str, str]:
    experiment = load_experiment(config)
    found = {
        "data": data_keys(experiment, "dataset"),
        "report": report_keys(experiment),
        "store": store_keys(),
        "patches": patches_keys(experiment),
    }
    for name in NAMES:
        run = Run.of(experiment, name)
        found |= {f"train {name}": train_keys(run), f"evaluate {name}": evaluate_keys(run)}
    texts = {name: digest_of([key.configuration, dict(key.code)]) for name, key in found.items()}
    size = experiment.complexity_size
    counted = {f"complexity {n}": complexity_key(get_method(n, experiment), size) for n in NAMES}
    return texts | counted


def all_of(stage: str, names: tuple[str, ...] = NAMES) -> set[str]:
    return {f"{stage} {name}" for name in names}


NETS = ("dmtnet-t", "dmtnet-b", "dmtnet-b-fixed")
ROW_B = {"module": "dmtnet", "row": "B", "recipe": "dmtnet", "table2": 3}


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
            {"report", *all_of("evaluate")},
        ),
        ({"seed": 1}, {"data", *all_of("train"), *all_of("evaluate")}),
        ({"dataset/coc_far": [7.0, 11.0]}, {"data"}),
        ({"dataset/test/leaves": 3}, {"data"}),
        ({"repetitions": 2}, {"report"}),
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
        # Another name in the table: records carry it, weights do not depend on it.
        (
            {"methods/dmtnet-b": {**ROW_B, "kwargs": {"variant": "b"}}},
            {"evaluate dmtnet-b", "complexity dmtnet-b", "report"},
        ),
        # A method that nobody had before.
        ({"methods/mine": {"module": "dmtnet", "row": "Mine"}}, {"report"}),
    ],
)
def test_keys_change_with_what_they_stand_for(
    tmp_path: Path, tiny: Tiny, changes: dict[str, Any], expected: set[str]
) -> None:
    before, after = (keys(write(tmp_path, tiny, edit)) for edit in ({}, changes))
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
    found = (keys(write(tmp_path, tiny, edit)) for edit in (strict, strict | changes))
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
    before = keys(tiny.config)
    monkeypatch.setitem(_VERSIONS, package, 99)
    after = keys(tiny.config)
    assert {name for name in before if before[name] != after[name]} == expected


def test_keys_differ_between_methods(tiny: Tiny) -> None:
    found = keys(tiny.config)
    assert len(set(found.values())) == len(found)


def test_keys_follow_the_code_of_their_method_only(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "somebodys_method.py"
    module.write_text("one = 1")
    importlib.invalidate_caches()
    entry = {"module": "somebodys_method", "row": "Mine", "recipe": "dmtnet"}
    config = write(tmp_path, tiny, {"methods/mine": entry})
    run = Run.of(load_experiment(config), "mine")

    def mine() -> list[str]:
        return [train_keys(run).code["method"], evaluate_keys(run).code["method"]]

    others, before = keys(config), mine()
    module.write_text("one = 2")
    assert keys(config) == others
    assert not set(before) & set(mine())


def test_an_evaluation_depends_on_repetition_tiles_and_given_weights(tiny: Tiny) -> None:
    runs = [Run.of(tiny.experiment, "dmtnet-t", repetition) for repetition in (0, 1)]
    found = [*map(evaluate_keys, runs), *map(train_keys, runs)]
    tiles = {"size": 32, "overlap": 8}
    found += [
        evaluate_keys(runs[0], tiling=tiles),
        evaluate_keys(runs[0], given=given_key("0" * 64, None)),
    ]
    assert len({key.configuration for key in found}) == len(found)


@pytest.mark.parametrize("module", SCORING)
def test_the_code_that_scores_is_part_of_every_evaluation(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    run = Run.of(tiny.experiment, "input")
    before, train = evaluate_keys(run), train_keys(run)
    change_source(monkeypatch, module)
    assert evaluate_keys(run).changed_code(before.code) == ["scoring"]
    assert train_keys(run) == train


def test_the_code_of_a_metric_is_part_of_every_evaluation(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.of(tiny.experiment, "input")
    before = evaluate_keys(run)
    change_source(monkeypatch, "pipeline.evaluation.metrics.ssim")
    assert evaluate_keys(run).changed_code(before.code) == ["metric ssim"]


def change_source(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Let the source of a module seem to be another one."""

    def changed(name: str) -> str:
        return source_hash(name) + ("changed" if name == module else "")

    monkeypatch.setattr("pipeline.keys.source_hash", changed)
