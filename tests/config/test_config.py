"""Configuration files: every mistake is one line that names the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import CONFIG
from torch import device

from dmtnet import DMTNet
from pipeline.config.blocks import Budget
from pipeline.config.experiment import Experiment, load_experiment, load_methods
from pipeline.config.methods import AblationEntry
from pipeline.errors import ConfigError
from pipeline.methods import get_method

VARIANTS = [f"dmtnet-{variant}" for variant in "tsblh"]


def changed(tmp_path: Path, changes: dict[str, Any]) -> Path:
    """The demo's file with values replaced by dotted path; `...` removes one."""
    data = yaml.safe_load((CONFIG / "demo.yaml").read_text(encoding="utf-8"))
    for where, value in changes.items():
        *parents, last = where.split("/")
        block = data
        for parent in parents:
            block = block.setdefault(parent, {})
        if value is ...:
            del block[last]
        else:
            block[last] = value
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_experiment(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def test_the_unchanged_demo_is_accepted(tmp_path: Path) -> None:
    demo, own = load_experiment(CONFIG / "demo.yaml"), load_experiment(changed(tmp_path, {}))
    assert own.model_copy(update={"name": "demo"}) == demo


METHOD = {"module": "dmtnet", "row": "Mine", "recipe": "dmtnet"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sede": 1}, ["sede", "unknown key"]),
        ({"recipes/dmtnet/momentum": 0.9}, ["recipes.dmtnet.momentum", "unknown key"]),
        ({"dataset/synthetic/color": "red"}, ["unknown key"]),
        ({"compute/gpu": 1}, ["compute.gpu", "unknown key"]),
        ({"dataset/root": "x"}, ["root", "unknown key"]),
        ({"seed": ...}, ["seed", "required"]),
        ({"recipes/mine": {"epochs": 1}}, ["recipes.mine", "required"]),
        ({"seed": "one"}, ["seed", "integer"]),
        ({"seed": -1}, ["seed", "greater"]),
        ({"repetitions": 0}, ["repetitions", "greater"]),
        ({"repetitions": 1.5}, ["repetitions", "integer"]),
        ({"recipes/dmtnet/flip_vertical": "yes please"}, ["flip_vertical", "boolean"]),
        ({"recipes/dmtnet/optimizer": "sgd"}, ["optimizer", "adamw"]),
        ({"recipes/dmtnet/schedule/kind": "step"}, ["schedule", "multistep"]),
        ({"recipes/dmtnet/schedule/milestones": [3]}, ["milestones", "unknown key"]),
        ({"recipes/dmtnet/passes_per_epoch": 5}, ["passes_per_epoch or steps_per_epoch"]),
        ({"recipes/dmtnet/crops_from": "images", "recipes/dmtnet/crop": None}, ["needs a crop"]),
        ({"recipes/dmtnet/frames": 4}, ["frames"]),
        ({"recipes/restormer/epochs": 3}, ["epochs of the phases do not add up"]),
        ({"recipes/restormer/crop": 48}, ["a phase's crop is larger"]),
        ({"companion": ..., "not_run": []}, ["'dpdnet-plus'", "add `companion:`"]),
        ({"not_run": ["dmtnet-x"]}, ["not_run", "unknown method 'dmtnet-x'"]),
        ({"recipes/dmtnet/betas": [0.9]}, ["betas"]),
        ({"not_run": {"ifan": ""}}, ["not_run", "ifan"]),
        ({"not_run": {"ifan": "a\nb"}}, ["control characters"]),
        ({"weights": {"dmtnet-x": "official"}}, ["weights", "unknown method 'dmtnet-x'"]),
        ({"weights": {"dmtnet-t": "official"}}, ["no published weights of 'dmtnet-t'"]),
        ({"weights": {"uformer-b": "official"}}, ["uformer-b: its authors", "or name a file"]),
        ({"weights": {"ifan": {"path": "x"}}}, ["weights.ifan.file", "required"]),
        ({"weights": {"ifan": {"file": "x", "sha": "y"}}}, ["weights.ifan.sha", "unknown key"]),
        ({"weights": {"ifan": 3}}, ["weights.ifan"]),
        ({"weights": {"ifan": ""}}, ["weights.ifan.file", "at least 1"]),
        ({"weights": {"ifan": "a\nb"}}, ["control characters"]),
        ({"patches/overlap": 1.0}, ["patches.overlap", "less"]),
        ({"dataset/kind": "nikon"}, ["dataset", "nikon"]),
        ({"dataset/name": "My Set"}, ["name"]),
        # Results on other images must not pass for those on the official set.
        ({"dataset": {"kind": "folder", "name": "canon", "root": "x"}}, ["name", "another one"]),
        ({"dataset/name": "canon"}, ["name", "another one"]),
        ({"companion/name": "canon"}, ["name", "another one"]),
        ({"compute/precision": "float8"}, ["precision"]),
        ({"protocol": "dpdd-12"}, ["protocol"]),
        ({"methods": 3}, ["methods"]),
        ({"methods/mine": {**METHOD, "recipe": "adamw"}}, ["'mine'", "unknown recipe 'adamw'"]),
        ({"methods/mine": {**METHOD, "rows": "x"}}, ["methods.mine.rows", "unknown key"]),
        ({"methods/mine": {"row": "Mine"}}, ["methods.mine.module", "required"]),
        (
            {"ablations/mine": {"base": "dmtnet-x", "row": "Mine"}},
            ["'mine'", "unknown method 'dmtnet-x'"],
        ),
        # Otherwise a slip of the pen would train nets of full width.
        ({"trained_size/dmtnett": {"channels": 8}}, ["'dmtnett'", "module of no method"]),
        ({"only": ["dmtnet-t", "dmtnet-x"]}, ["only", "unknown method 'dmtnet-x'"]),
        ({"only": ["dmtnet-b-fixed"]}, ["'dmtnet-b-fixed'", "unknown method 'dmtnet-b'"]),
        ({"only": "dmtnet-t"}, ["only", "tuple"]),
        ({"recipes/dmtnet/max_steps": 0}, ["max_steps", "greater"]),
        ({"budgets/dmtnet-x": {"epochs": 8}}, ["'dmtnet-x'", "unknown method"]),
        ({"budgets/dmtnet-t": {"crop": 8}}, ["crop", "unknown key"]),
        ({"budgets/restormer": {"epochs": 8}}, ["budgets: restormer", "add up"]),
        ({"budgets/restormer": {"passes_per_epoch": 8}}, ["restormer", "need steps_per_epoch"]),
        (
            {"recipes/dmtnet/schedule/warmup_epochs": 9, "budgets/dmtnet-t": {"epochs": 8}},
            ["dmtnet-t", "are 9 epochs, the training only 8"],
        ),
        ({"recipes/uformer-b/schedule/warmup_epochs": 11}, ["11 epochs, the training only 10"]),
    ],
)
def test_mistakes(tmp_path: Path, changes: dict[str, Any], words: list[str]) -> None:
    text = complaint(changed(tmp_path, changes))
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"seed: [1, 2\nrecipes: {", "not valid YAML"),
        (b"\tseed: 1", "not valid YAML"),
        (b"seed: \xff\xfe", "not valid YAML"),
        (b"- a\n- b\n", "must hold a mapping"),
        (b"", "must hold a mapping"),
        # Tags that build objects are not data.
        (b"seed: !!python/object/apply:os.getcwd []", "not valid YAML"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    assert word in complaint(path)


def test_missing_files(tmp_path: Path) -> None:
    assert "cannot be read (No such file" in complaint(tmp_path / "gone.yaml")
    assert "cannot be read (Is a directory)" in complaint(tmp_path)


def test_a_method_list_is_checked_alike(tmp_path: Path) -> None:
    path = tmp_path / "methods.yaml"
    path.write_text("methods: {mine: {module: dmtnet, row: Mine, color: red}}")
    with pytest.raises(ConfigError, match=r"methods\.mine\.color: unknown key") as caught:
        load_methods(path)
    assert str(path) in str(caught.value)


def test_own_methods_are_added_and_replace(tmp_path: Path) -> None:
    path = changed(
        tmp_path, {"methods/mine": METHOD, "methods/dmtnet-t": METHOD | {"row": "Other"}}
    )
    experiment = load_experiment(path)
    assert list(experiment.methods) == [*load_methods().methods, "mine"]
    assert experiment.entry("dmtnet-t").kwargs == {}
    assert experiment.entry("dmtnet-s").kwargs == {"variant": "s"}


def test_a_selection_leaves_the_others_out(tmp_path: Path) -> None:
    own = {"base": "dmtnet-b", "row": "Mine"}
    only = ["input", "dmtnet-b", "mine"]
    changes = {"only": only, "ablations/mine": own, "budgets/dmtnet-t": {"epochs": 2}}
    experiment = load_experiment(changed(tmp_path, changes))
    assert list(experiment.methods) == ["dmtnet-b", "input"]
    assert list(experiment.ablations) == ["mine"]


def test_an_ablation_is_its_base_with_changes() -> None:
    experiment = load_experiment(CONFIG / "demo.yaml")
    base, ablation = (experiment.entry(name) for name in ("dmtnet-b", "dmtnet-b-fixed"))
    assert ablation.kwargs == {"variant": "b", "selection": "mean"}
    assert (ablation.module, ablation.recipe) == (base.module, base.recipe)
    assert (base.table2, ablation.table2) == (3, 2)
    assert base.row != ablation.row
    rows = {1: "dmtnet-b-no-transformer", 2: "dmtnet-b-fixed", 3: "dmtnet-b"}
    assert experiment.table2_rows() == rows


def test_an_experiment_cannot_be_changed_in_passing() -> None:
    experiment = load_experiment(CONFIG / "demo.yaml")
    with pytest.raises(ValueError, match="frozen"):
        experiment.seed = 1  # type: ignore[misc]


def leaves(data: Any, where: str = "") -> dict[str, Any]:
    if isinstance(data, dict) and data:
        parts = [leaves(value, f"{where}.{key}".lstrip(".")) for key, value in data.items()]
        return {key: value for part in parts for key, value in part.items()}
    return {where: data}


def test_the_demo_is_the_papers_run_but_for_data_size_and_budget() -> None:
    demo, canon = (
        leaves(load_experiment(CONFIG / f"{name}.yaml").model_dump()) for name in ("demo", "canon")
    )
    different = {key for key in {*demo, *canon} if demo.get(key) != canon.get(key)}
    lengths = "epochs passes_per_epoch steps_per_epoch batch_size crop phases validations"
    schedule = "learning_rate final_learning_rate warmup_epochs constant_epochs milestones"
    blocks = {
        "name",
        "dataset",
        "companion",
        "not_run",
        "patches",
        "trained_size",
        "budgets",
        "compute",
    }
    for key in different:
        block, *path = key.split(".")
        assert block in blocks or (block == "recipes" and path[-1] in f"{lengths} {schedule}"), key
    assert "dataset.kind" in different


def test_a_budget_changes_the_length_of_one_method_only() -> None:
    demo = load_experiment(CONFIG / "demo.yaml")
    longer = demo.model_copy(update={"budgets": {"dmtnet-s": Budget(epochs=77)}})
    plain, changed = demo.recipe_of("dmtnet-b"), longer.recipe_of("dmtnet-s")
    assert plain is not None
    assert changed == plain.model_copy(update={"epochs": 77})
    assert longer.recipe_of("dmtnet-b") == plain
    steps = demo.model_copy(update={"budgets": {"dmtnet-s": Budget(steps_per_epoch=7)}})
    assert steps.recipe_of("dmtnet-s") == plain.model_copy(
        update={"passes_per_epoch": None, "steps_per_epoch": 7}
    )


def test_an_ablations_own_arguments_win_over_the_trained_size() -> None:
    demo = load_experiment(CONFIG / "demo.yaml")
    wide = AblationEntry(base="dmtnet-b", row="wide", kwargs={"channels": 48})
    kwargs = demo.model_copy(update={"ablations": {"wide": wide}}).trained_kwargs("wide")
    assert kwargs["channels"] == 48
    assert kwargs["num_rbm"] == demo.trained_kwargs("dmtnet-b")["num_rbm"]


def trained(experiment: Experiment, name: str) -> DMTNet:
    with device("meta"):
        network = get_method(name, experiment).build(**experiment.trained_kwargs(name))
    assert isinstance(network, DMTNet)
    return network


def test_the_demo_keeps_the_topology() -> None:
    demo = load_experiment(CONFIG / "demo.yaml")
    networks = {name: trained(demo, name) for name in [*VARIANTS, *demo.ablations]}
    assert [len(networks[name].dmssrms) for name in VARIANTS] == [0, 1, 2, 3, 4]
    for name, network in networks.items():
        assert network.window_size == 8
        assert network.reduction.in_channels >= 24
        assert network.reduction.out_channels >= 24
        if name != "dmtnet-b-no-transformer":
            assert len(network.extraction.blocks) >= 2
        for dmssrm in network.dmssrms:
            assert len(dmssrm.scales) == 3
            assert (dmssrm.selection is None) == (name == "dmtnet-b-fixed")
            for scale in dmssrm.scales:
                *modules, _ = scale.rgm.body
                assert len(modules) >= 2
                assert all(len(module.body) - 1 >= 2 for module in modules)


SOURCES = ("paper", "authors", "reconstruction", "DPDNet", "free choice", "machine")


@pytest.mark.parametrize("name", ["canon.yaml", "recipes.yaml"])
def test_every_value_of_the_canon_run_names_its_source(name: str) -> None:
    above, silent, values = "", [], 0
    for line in (CONFIG / name).read_text(encoding="utf-8").splitlines():
        value, _, source = line.partition("#")
        if value.strip() and not re.search(r":( &\w+)?\s*$", value):
            values += 1
            if not any(word in source + above for word in SOURCES):
                silent.append(line)
        above = above + source if not value.strip() and source else ""
    assert not silent
    assert values > 20


def test_the_canon_run_trains_the_papers_nets() -> None:
    canon = load_experiment(CONFIG / "canon.yaml")
    sizes = [sum(p.numel() for p in trained(canon, name).parameters()) for name in VARIANTS]
    assert sizes == [1_233_395, 12_567_256, 24_458_353, 36_349_450, 48_240_547]
