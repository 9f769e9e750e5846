"""Every network of the method list keeps the contract; a new method is tested by being listed."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from support.contract import CHECKS, Subject
from support.fixture_types import Tiny
from support.paths import CONFIG, PUBLISHED, REPOSITORY, TESTS

import baselines
from pipeline.artifacts import WEIGHTS
from pipeline.chain.shown import Shown
from pipeline.config.experiment import Experiment, load_experiment, load_methods
from pipeline.config.methods import MethodList
from pipeline.errors import ConfigError
from pipeline.methods import Method, get_method
from pipeline.pins import Pins
from pipeline.run import Run, WeightsOrigin
from pipeline.stages.evaluate import evaluate_method
from pipeline.stages.predict import ORIGIN, predict_method
from pipeline.stages.report import write_table1
from pipeline.stages.train import TrainingFiles, train_method
from pipeline.training.progress import Progress
from pipeline.workflow.experiment import Workflow

DEMO = CONFIG / "demo.yaml"
GUIDE = REPOSITORY / "docs" / "adding_a_method.md"

# By module, for those that the demo does not train. Whatever stands in neither is tested at full
# size, on the same small images.
NARROW: dict[str, dict[str, Any]] = {
    "baselines.dpdnet": {"width": 8},
    "baselines.ifan": {"iterations": 2, "channels": 8},
    "baselines.kpac": {"width": 12},
    "baselines.mrnet": {"channels": 8, "num_msrgm": 2, "num_rbm": 1, "num_rm": 2},
    "baselines.rdpd": {"width": 8},
    "baselines.restormer": {
        "embed_dim": 8,
        "num_blocks": (1, 1, 1, 1),
        "num_refinement_blocks": 1,
    },
    "baselines.uformer": {"embed_dim": 8, "depths": (1,) * 9},
}


def networks(methods: MethodList) -> list[str]:
    """Methods of a list that are networks from end to end."""
    return [name for name, entry in methods.methods.items() if entry.kind == "end-to-end"]


@cache
def demo() -> Experiment:
    return load_experiment(DEMO)


@cache
def subject(name: str) -> Subject:
    entry = load_methods().methods[name]
    kwargs = demo().trained_size.get(entry.module, NARROW.get(entry.module, {}))
    return Subject(Method(name, entry), kwargs)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", networks(load_methods()))
def test_every_network_keeps_the_contract(name: str, check: str, tmp_path: Path) -> None:
    CHECKS[check](subject(name), tmp_path)


def test_no_network_is_left_out() -> None:
    names = networks(load_methods())
    assert {"dmtnet-t", "dmtnet-h", "mrnet"} <= set(names)
    assert {*load_methods().methods} - {*names} >= {"input", "unsharp"}
    # A check that is not in the table runs on nothing.
    source = (TESTS / "support" / "contract.py").read_text()
    assert set(re.findall(r"^def check_(\w+)", source, re.MULTILINE)) == set(CHECKS)


Guided = Callable[..., Path]


@pytest.fixture
def guided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Tiny) -> Iterator[Guided]:
    """Does what the guide says, in a temporary folder; returns the experiment's file."""
    guide = GUIDE.read_text()
    source = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)[0]
    entry, width = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)[:2])
    # In the folder of the other baselines, as far as Python can tell.
    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(tmp_path)])
    known = set(sys.modules)

    def follow(old: str = "", new: str = "") -> Path:
        assert old in source
        (tmp_path / "tiny_net.py").write_text(source.replace(old, new) if old else source)
        importlib.invalidate_caches()
        data = yaml.safe_load(tiny.config.read_text()) | entry
        data["trained_size"] |= width["trained_size"]
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    yield follow
    for name in set(sys.modules) - known:
        if name == "baselines.tiny_net":
            del sys.modules[name]
            del baselines.tiny_net


@pytest.mark.parametrize("check", CHECKS)
def test_the_example_of_the_guide_keeps_the_contract(
    guided: Guided, tmp_path: Path, check: str
) -> None:
    experiment = load_experiment(guided())
    assert networks(experiment)[-1] == list(experiment.methods)[-1] == "tiny-net"
    CHECKS[check](Subject(get_method("tiny-net", experiment)), tmp_path)


RETURN = "return 0.5 * (x[:, :3] + x[:, 3:]) + self.correction(x)"
SKIP = "0.5 * (x[:, :3] + x[:, 3:])"


@pytest.mark.parametrize(
    ("check", "old", "new"),
    [
        ("declarations", 'VIEWS = ("left", "right")', 'VIEWS = ("right", "right")'),
        ("declarations", "INPUT_BITS = 16", "INPUT_BITS = 12"),
        ("declarations", 'LICENCE = "Apache-2.0"', 'LICENCE = " "'),
        ("declarations", "INPUT_BITS = 16", 'INPUT_BITS = 16\nSURROGATE = ""'),
        ("declarations", "INPUT_BITS = 16", 'INPUT_BITS = 16\nUNTRAINED = {"a": ""}'),
        ("declarations", "INPUT_BITS = 16", 'INPUT_BITS = 16\nSURROGAT = "not published"'),
        ("shapes", RETURN, f"return ({RETURN[7:]})[..., :32, :32]"),
        ("shapes", SKIP, f"{SKIP}.double()"),
        ("shapes", SKIP, "x.mul_(0.5)[:, :3]"),
        ("batches", "self.correction(x)", "self.correction(x).mean(0, keepdim=True)"),
        ("determinism", SKIP, "0.5 * __import__('torch').rand_like(x[:, :3])"),
        ("position", RETURN, f"{RETURN} * (1 if origin is None else 2)"),
        ("bounds", RETURN, f"return ({RETURN[7:]}).clamp(0, 1)"),
        ("bounds", "INPUT_BITS = 16", 'INPUT_BITS = 16\nBOUNDED = "it is"'),
        ("bfloat16", "+ self.correction(x)", "/ (self.correction(x).dtype.itemsize - 2)"),
        ("gradients", "self.correction(x)", "self.correction[2](self.correction[0](x))"),
        ("gradients", "INPUT_BITS = 16", 'INPUT_BITS = 16\nUNTRAINED = {"*": "no need"}'),
        ("round_trip", "+ self.correction(x)", ""),
        ("cost", "return (height * width,)", "return (height,)"),
    ],
)
def test_a_breach_of_the_contract_is_noticed(
    guided: Guided, tmp_path: Path, check: str, old: str, new: str
) -> None:
    experiment = load_experiment(guided(old, new))
    broken = Subject(get_method("tiny-net", experiment))
    with pytest.raises((AssertionError, ConfigError)):
        CHECKS[check](broken, tmp_path)


def table_of(path: Path, tiny: Tiny, folder: Path) -> pd.DataFrame:
    """Table 1 by row after training and scoring the guide's example."""
    experiment = load_experiment(path)
    # LPIPS takes longer than all the rest.
    metrics = {k: v for k, v in experiment.metrics.items() if k != "lpips"}
    experiment = experiment.model_copy(update={"metrics": metrics})
    run, results = folder / "run", folder / "results"
    this, origin = Run.of(experiment, "tiny-net"), WeightsOrigin(run)
    train_method(
        this,
        files=TrainingFiles(tiny.store, tiny.patches, tiny.manifest),
        target=run,
        command="test",
        progress=Progress("tiny-net"),
    )
    assert (run / WEIGHTS).exists()
    images: dict[str, Any] = {"origin": origin, "root": tiny.raw, "manifest": tiny.manifest}
    record = evaluate_method(this, **images, target=results / "tiny-net-seed0", command="test")
    assert predict_method(this, **images, target=folder / "sharp")[1] == 2
    write_table1(experiment, Shown(experiment.name, [record], [], frozenset()), PUBLISHED, folder)
    return pd.read_csv(folder / "table1.csv").set_index("method")


def test_the_example_of_the_guide_has_its_row_in_table_1(
    guided: Guided, tiny: Tiny, tmp_path: Path
) -> None:
    path = guided()
    assert Workflow(path).experiment.methods_run()[-1] == "tiny-net"
    row = table_of(path, tiny, tmp_path).loc["Tiny net (example)"]
    assert row["label"] == "demo"
    assert 5 < row["combined_psnr"] < 60
    assert row["trained_params"] == 6 * 8 * 25 + 8 + 1 + 8 * 3 * 25 + 3


def test_a_surrogate_is_labeled_wherever_it_leaves_a_number(
    guided: Guided, tiny: Tiny, tmp_path: Path
) -> None:
    path = guided("INPUT_BITS = 16", 'INPUT_BITS = 16\nSURROGATE = "nothing was published"')
    path.write_text(path.read_text().replace("Tiny net (example)", "Mine"))
    table = table_of(path, tiny, tmp_path)
    published = pd.read_csv(PUBLISHED / "table1.csv").set_index("method").loc["MRNet"]
    assert table.loc["MRNet", "label"] == "published"
    assert table.loc["MRNet", "combined_psnr"] == published["combined_psnr"]
    assert table.loc["Mine (surrogate)", "label"] == "surrogate"
    for record in ("run/record.json", "results/tiny-net-seed0/record.json", f"sharp/{ORIGIN}"):
        assert json.loads((tmp_path / record).read_text())["label"] == "surrogate"
    text = (tmp_path / "table1.md").read_text()
    assert "Rows labeled surrogate were made with networks that stand in for methods" in text
    assert " (surrogate) | surrogate |" in text
    groups = (tmp_path / "groups.csv").read_text().splitlines()[1:]
    assert all(line.startswith("Mine (surrogate),") for line in groups)


def test_a_surrogate_is_labeled_on_the_official_set_too() -> None:
    unpinned = load_experiment(CONFIG / "canon.yaml")
    names = ("mrnet", "dmtnet-h", "input")
    assert [Run.of(unpinned, name).label for name in names] == ["surrogate", "demo", "demo"]
    canon = unpinned.model_copy(update={"pins": Pins(manifest={"canon": "a" * 64})})
    labels = {name: Run.of(canon, name).label for name in names}
    assert labels == {"mrnet": "surrogate", "dmtnet-h": "reproduced", "input": "reproduced"}
    assert Run.of(demo(), "dmtnet-h").label == "demo"
    assert Run.of(demo(), "mrnet").label == "surrogate"
