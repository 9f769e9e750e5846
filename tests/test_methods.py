"""The registry of methods, and that a method outside this repository is one module, one entry."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from support.fixture_types import Tiny
from support.paths import PUBLISHED

from dmtnet import DMTNet
from pipeline.chain.report_rows import methods_of
from pipeline.chain.shown import Shown
from pipeline.config.experiment import load_experiment, load_methods
from pipeline.errors import ConfigError, WeightsError
from pipeline.keys import train_keys
from pipeline.methods import get_method
from pipeline.records import MAIN_GROUP
from pipeline.run import Run, WeightsOrigin
from pipeline.stages.evaluate import evaluate_method
from pipeline.stages.report import write_table1
from pipeline.workflow.experiment import Workflow

MODULE = '''
"""A method of somebody else."""
from torch import nn

VIEWS = ("combined",)
CITATION = "Somebody, 2030"
LICENCE = "MIT"
INPUT_BITS = 16


class Dim(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x, *, origin=None, full_size=None):
        return x * self.factor


def build(factor=1.0):
    return Dim(factor)


def load_official(state, factor=1.0):
    return build(factor * state["factor"])
'''
ENTRY = {"module": "somebody_dim", "row": "Dim", "kwargs": {"factor": 0.5}}

Adder = Callable[..., Path]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny) -> Iterator[Adder]:
    """Writes a module and an experiment with an entry for it; returns the experiment's file."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str = MODULE, **entry: object) -> Path:
        (tmp_path / "somebody_dim.py").write_text(source)
        importlib.invalidate_caches()
        data = yaml.safe_load(tiny.config.read_text())
        data["methods"] = {"dim": {**ENTRY, **entry}}
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    yield write
    for name in set(sys.modules) - known:
        if name.startswith("somebody"):
            del sys.modules[name]


def test_dmtnet_b() -> None:
    method = get_method("dmtnet-b")
    assert method.name == "dmtnet-b"
    assert method.views == ("right", "left")
    assert method.input_bits == 16
    assert method.trainable
    assert "arXiv:2209.06040" in method.declaration.citation
    assert "Apache-2.0" in method.declaration.licence
    with torch.device("meta"):
        network = method.build()
    assert isinstance(network, DMTNet)
    assert sum(parameter.numel() for parameter in network.parameters()) == 24_458_353


def test_arguments_replace_those_of_the_entry() -> None:
    with torch.device("meta"):
        assert len(get_method("dmtnet-b").build(num_dmssrm=1).dmssrms) == 1
        assert get_method("dmtnet-b-fixed").build().dmssrms[0].selection is None


def test_there_are_no_official_weights_of_dmtnet() -> None:
    with pytest.raises(WeightsError, match="'dmtnet-b': its authors published no weights"):
        get_method("dmtnet-b").load_official({})


def test_controls() -> None:
    assert not get_method("input").trainable
    assert get_method("unsharp").trainable
    assert get_method("input").views == ("left", "right", "combined")


def test_unknown_methods_name_the_known() -> None:
    expected = "unknown method 'dmtnet-x'; known: dmenet, dmtnet-b, "
    with pytest.raises(ConfigError, match=expected) as caught:
        get_method("dmtnet-x")
    assert "dmtnet-b-fixed" in str(caught.value)


def test_methods_stand_in_the_order_of_the_configuration() -> None:
    names = list(load_methods().methods)
    assert names[:6] == [*(f"dmtnet-{variant}" for variant in "tsblh"), "input"]
    assert not set(names) & set(load_methods().ablations)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"num_block": 3}, "num_block"),
        ({"selection": "median"}, "selection must be one of"),
        ({"channels": 30}, "not a multiple of 4"),
    ],
)
def test_refused_arguments_are_the_users_mistake(arguments: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match) as caught:
        get_method("dmtnet-b").build(**arguments)
    assert "'dmtnet-b'" in str(caught.value)
    assert "`kwargs`" in str(caught.value)


def test_one_module_and_one_entry_make_a_method(add: Adder) -> None:
    experiment = load_experiment(add())
    assert list(experiment.methods)[-1] == "dim"
    method = get_method("dim", experiment)
    declared = method.declaration
    assert (declared.views, declared.citation, declared.licence) == (
        ("combined",),
        "Somebody, 2030",
        "MIT",
    )
    assert not method.trainable
    assert method.build()(torch.ones(1)).item() == 0.5
    assert method.load_official({"factor": 4.0})(torch.ones(1)).item() == 2.0
    with pytest.raises(ConfigError, match="unknown method 'dim'"):
        get_method("dim")


def test_its_row_is_in_the_workflow_and_in_the_table(
    add: Adder, tiny: Tiny, tmp_path: Path
) -> None:
    path = add()
    workflow = Workflow(path)
    assert workflow.experiment.methods_run()[-1] == "dim"
    assert "dim" not in methods_of(workflow.experiment, "table2")
    assert not workflow.learns("dim")
    assert workflow.named_runs(["dim"]) == ["dim-seed0"]
    # LPIPS takes longer than all the rest.
    metrics = {k: v for k, v in workflow.experiment.metrics.items() if k != "lpips"}
    experiment = workflow.experiment.model_copy(update={"metrics": metrics})
    results = tmp_path / "results"
    target = results / "dim-seed0"
    record = evaluate_method(
        Run.of(experiment, "dim"),
        origin=WeightsOrigin(),
        root=tiny.raw,
        manifest=tiny.manifest,
        target=target,
        command="test",
    )
    write_table1(experiment, Shown(experiment.name, [record], [], frozenset()), PUBLISHED, tmp_path)
    table = pd.read_csv(tmp_path / "table1.csv").set_index("method")
    row = table.loc["Dim"]
    assert row["label"] == "demo"
    assert row["combined_psnr"] == pytest.approx(record.scores["combined"].mean["psnr"])
    assert MAIN_GROUP not in record.groups


def test_a_repeated_training_of_it_has_a_run_per_seed(add: Adder) -> None:
    path = add(recipe="dmtnet")
    path.write_text(path.read_text().replace("repetitions: 1", "repetitions: 3"))
    workflow = Workflow(path)
    assert workflow.named_runs(["dim", "input"]) == [
        "dim-seed0",
        "dim-seed1",
        "dim-seed2",
        "input-seed0",
    ]


@pytest.mark.parametrize("module", ["somebody_else", "somebody.else", "baselines.somebody"])
def test_a_missing_module(add: Adder, module: str) -> None:
    path = add(module=module)
    method = get_method("dim", load_experiment(path))
    for use in (method.build, method.code_hash, lambda: method.views):
        with pytest.raises(ConfigError, match=f"module '{module}'") as caught:
            use()
        assert "check `module:`" in str(caught.value)
    with pytest.raises(ConfigError, match=f"module '{module}'"):
        train_keys(Run.of(load_experiment(path), "dim"))


@pytest.mark.parametrize("part", ["VIEWS", "CITATION", "LICENCE", "INPUT_BITS"])
def test_a_module_without_a_part_of_the_contract(add: Adder, part: str) -> None:
    method = get_method("dim", load_experiment(add(MODULE.replace(part, "_OTHER"))))
    with pytest.raises(ConfigError, match=f"module 'somebody_dim' lacks {part}; see docs/"):
        method.build()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("SURROGAT = 'no code'", "declares SURROGAT, .*did you mean SURROGATE"),
        ("TRAINING_TERM = ('a',)", "declares TRAINING_TERM, .*did you mean TRAINING_TERMS"),
        ("SCALE = 8", "declares SCALE, .*start it with an underscore"),
        ("from somebody_parts import SURROGAT\n__all__ = ['SURROGAT']", "declares SURROGAT"),
        ("def load_oficial(state): ...", "has a function load_oficial, but not load_official"),
        ("INPUT_BITS = 12", "has a wrong INPUT_BITS: Input should be 8 or 16"),
        ("VIEWS = ('left', 'middle')", r"has a wrong VIEWS\.1: Input should be 'left'"),
        ("VIEWS = ()", "has a wrong VIEWS: "),
        ("VIEWS = ('left', 'left')", "has a wrong VIEWS: .*the same view twice"),
        ("CITATION = ' '", "has a wrong CITATION: "),
        ("SURROGATE = True", "has a wrong SURROGATE: "),
        ("CHOICES = ('alpha',)", "has a wrong CHOICES"),
        ("load_official = 3", "has a wrong load_official: "),
    ],
)
def test_a_module_that_breaks_the_contract(
    add: Adder, tmp_path: Path, line: str, message: str
) -> None:
    (tmp_path / "somebody_parts.py").write_text("SURROGAT = 'no code'")
    source = MODULE.split("def load_official")[0] if "def" in line else MODULE
    method = get_method("dim", load_experiment(add(f"{source}\n{line}\n")))
    with pytest.raises(ConfigError, match=message) as caught:
        method.build()
    assert "module 'somebody_dim'" in str(caught.value)
    assert "see docs/adding_a_method.md" in str(caught.value)


def test_imported_and_private_constants_and_classes_are_not_declarations(
    add: Adder, tmp_path: Path
) -> None:
    (tmp_path / "somebody_parts.py").write_text("SCALE = 8")
    more = "from somebody_parts import SCALE\n_STEP = 2\n\nclass DIM(Dim):\n    pass\n"
    method = get_method("dim", load_experiment(add(MODULE + more)))
    assert method.surrogate is None
    assert method.build()(torch.ones(1)).item() == 0.5


def test_the_code_hash_follows_the_code(add: Adder) -> None:
    before = get_method("dim", load_experiment(add())).code_hash()
    assert get_method("dim", load_experiment(add())).code_hash() == before
    assert get_method("dim", load_experiment(add(MODULE + "\n# new"))).code_hash() == before
    assert get_method("dim", load_experiment(add(MODULE + "\nnew = 1"))).code_hash() != before
    assert "somebody_dim" not in sys.modules


def test_the_code_hash_of_a_package_covers_all_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add: Adder
) -> None:
    package = tmp_path / "somebody_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("one = 1")
    method = get_method("dim", load_experiment(add(module="somebody_package")))
    before = method.code_hash()
    (package / "part.py").write_text("one = 2")
    assert method.code_hash() != before
