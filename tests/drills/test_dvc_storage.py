"""docs/dvc.md as a reader follows it: results are stored, wiped, pulled, changed and compared.

Needs DVC (`pip install -e '.[dvc]'`) and no network: the storage is a folder. Took 69 minutes on
two cores that were shared with other work; the sweep was half of that.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.clones import git
from support.dvc_lab import DEMO, did_nothing, make_repository, rules_run, shell, wipe
from support.paths import DOCS
from support.tutorial import blocks, prepare_environment

pytestmark = [pytest.mark.drill, pytest.mark.slow]

RUN, SHARE, PULL, COMPARE, SWEEP = (
    block.content
    for block in blocks((DOCS / "dvc.md").read_text(encoding="utf-8"))
    if block.language == "sh"
)
REPORTS = ["figures", "html", "latex", "plot", "table1", "table2", "track", "verdicts"]
NOTHING = "nothing to do, everything is up to date"
PSNR = "combined_psnr"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository whose results are in a storage."""
    pytest.importorskip("dvc")
    folder = tmp_path_factory.mktemp("origin")
    make_repository(folder, ["dmtnet-t", "input"])
    storage = tmp_path_factory.mktemp("storage")
    shell(folder, RUN)
    shell(folder, SHARE.replace("STORAGE", str(storage)))
    yield folder
    shutil.rmtree(storage)


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    """A fresh clone; DVC has no output of it yet."""
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(origin), str(folder))
    shell(folder, prepare_environment("."))
    return folder


def require_fresh(folder: Path) -> None:
    assert NOTHING in shell(folder, "dmtbench plan")
    assert "fresh: what the experiment requests" in shell(folder, "dmtbench status")


def change(folder: Path, **values: object) -> None:
    """Change top-level values of the experiment."""
    data = yaml.safe_load((folder / DEMO).read_text()) | values
    (folder / DEMO).write_text(yaml.safe_dump(data, sort_keys=False))


def psnr(folder: Path) -> dict[str, float]:
    """Combined PSNR of the methods in dB."""
    scores = json.loads((folder / "reports/metrics.json").read_text())["demo"]
    return {method: values[PSNR] for method, values in scores.items()}


def test_a_fresh_clone_pulls_everything(clone: Path) -> None:
    printed = shell(clone, PULL)
    assert did_nothing(printed)
    assert "fresh: what the experiment requests" in printed
    assert rules_run(printed) == []
    # The page's last command has filled MLflow's store.
    assert (clone / "mlflow.db").exists()
    require_fresh(clone)


def test_what_is_wiped_comes_back(origin: Path) -> None:
    wipe(origin)
    assert did_nothing(shell(origin, "dvc pull\ndvc repro"))
    require_fresh(origin)


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_nothing_is_trained_after_a_checkout(clone: Path, link: str) -> None:
    shell(clone, f"dvc config --local cache.type {link}\ndvc pull\nrm -r runs data\ndvc checkout")
    weights = clone / "runs/tiny/dmtnet-t-seed0/weights.safetensors"
    assert weights.is_symlink() == (link == "symlink")
    assert (weights.stat().st_nlink > 1) == (link == "hardlink")
    require_fresh(clone)
    # With links, what is changed must not change the cache.
    change(clone, repetitions=2)
    again = rules_run(shell(clone, "dvc repro"))
    assert again == sorted(["train", "evaluate", *REPORTS])
    assert did_nothing(shell(clone, "dvc repro"))
    git(clone, "checkout", "-q", ".")
    shell(clone, "dvc checkout")
    assert did_nothing(shell(clone, "dvc repro"))
    require_fresh(clone)


def test_a_changed_seed_makes_what_depends_on_it(clone: Path) -> None:
    shell(clone, "dvc pull")
    before = psnr(clone)
    change(clone, seed=7)
    again = rules_run(shell(clone, "dvc repro"))
    made = ["data", "store", "patches", "train", "evaluate", "evaluate", "qualitative"]
    # Sizes of networks do not depend on it.
    assert again == sorted([*made, *REPORTS])
    after = psnr(clone)
    assert all(before[method] != after[method] for method in before)
    compared = json.loads(shell(clone, "dvc metrics diff --json"))["reports/metrics.json"]
    for method in before:
        found = compared[f"demo.{method}.{PSNR}"]
        assert (found["old"], found["new"]) == pytest.approx((before[method], after[method]))
    shell(clone, COMPARE)
    page = (clone / "dvc_plots/index.html").read_text()
    for values in (before, after):
        assert all(str(value) in page for value in values.values())
    images = [path.name for path in (clone / "dvc_plots").rglob("*.png")]
    assert len([name for name in images if "psnr_vs_params" in name]) == 2


def test_a_sweep_trains_each_value(clone: Path) -> None:
    shell(clone, "dvc pull")
    before = psnr(clone)
    commands = SWEEP.splitlines()
    shell(clone, "\n".join(commands[:-1]))
    shown = json.loads(shell(clone, "dvc exp show --json"))
    (baseline,) = [entry for entry in shown if entry["rev"] != "workspace"]
    found = {}
    for group in baseline["experiments"]:
        (trial,) = group["revs"]
        values = trial["data"]["metrics"]["reports/metrics.json"]["data"]["demo"]
        tried = yaml.safe_load(git(clone, "show", f"{trial['rev']}:{DEMO}"))
        found[tried["recipes"]["dmtnet"]["learning_rate"]] = (trial["name"], values)
    assert [*sorted(found)] == [0.0005, 0.002]
    scores = [values["DMTNet-T"][PSNR] for _, values in found.values()]
    assert len({before["DMTNet-T"], *scores}) == 3
    # It does not learn.
    name = "Input (no deblurring)"
    assert {values[name][PSNR] for _, values in found.values()} == {before[name]}
    last, values = found[max(found)]
    shell(clone, commands[-1].replace("NAME", last))
    assert psnr(clone)["DMTNet-T"] == values["DMTNet-T"][PSNR]
    assert did_nothing(shell(clone, "dvc repro"))
    require_fresh(clone)
