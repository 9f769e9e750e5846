"""The two-stage methods of the list as methods like any other: contract, stages, documents."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from support.fixture_types import Run, Tiny
from support.paths import CONFIG, DOCS, TINY

from baselines import dmenet
from baselines._shared.two_stage import DECONVOLUTION_CHOICES, PUBLISHED, Choice, TwoStage
from baselines.dmenet.official import official_names
from pipeline.config.experiment import load_experiment, load_methods
from pipeline.data.sampling.patch_index import write_patch_index
from pipeline.data.store.build import build_store
from pipeline.data.store.reader import PixelStore
from pipeline.methods import Method
from pipeline.records import ResultRecord, RunRecord, read_record
from pipeline.stages.data import make_data

DEVIATIONS = DOCS / "deviations.md"
SIZE = (112, 128)
ENTRIES = {
    name: entry
    for name, entry in load_methods().methods.items()
    if entry.kind.startswith("two-stage")
}


def method(name: str) -> Method:
    return Method(name, ENTRIES[name])


def test_the_paper_has_three() -> None:
    assert {ENTRIES[name].row for name in ENTRIES} >= {"EBDB", "DMENet", "JNB"}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_image_to_a_image(name: str) -> None:
    built = method(name).build(**({"width": 2} if name == "dmenet" else {}))
    assert isinstance(built, TwoStage)
    x = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    sharp = built(x, origin=(0, 0), full_size=SIZE)
    assert sharp.shape == x.shape
    assert sharp.dtype == x.dtype
    assert 0 <= float(sharp.min()) <= float(sharp.max()) <= 1
    assert not torch.equal(sharp, x)
    torch.testing.assert_close(built(x[1:]), sharp[1:], rtol=0, atol=1e-6)
    map_of_it = built.sigma_map(x[0].movedim(0, -1).double().numpy())
    assert map_of_it.shape == SIZE
    assert map_of_it.dtype == np.float64
    assert map_of_it.min() >= 0
    assert method(name).views == ("combined",)


def choices_table(choices: Iterable[Choice]) -> str:
    """Markdown, a row for every choice."""
    rows = [
        f"| {choice.what} | {choice.chosen} | {'known' if choice.known else 'reconstruction'} |"
        for choice in choices
    ]
    return "\n".join(["| Choice | Here | Source |", "|---|---|---|", *rows])


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_known_and_what_is_ours_stands_in_the_documents(name: str) -> None:
    declared = method(name).declaration.choices
    choices = [Choice(part.what, part.chosen, part.known) for part in declared]
    assert {choice.known for choice in choices} == {True, False}
    assert len({choice.what for choice in choices}) == len(choices)
    assert set(DECONVOLUTION_CHOICES) < set(choices)
    text = DEVIATIONS.read_text(encoding="utf-8")
    own = [choice for choice in choices if choice not in DECONVOLUTION_CHOICES]
    for part in (own, DECONVOLUTION_CHOICES):
        assert choices_table(part) in text


@pytest.mark.parametrize("name", ["ebdb", "jnb"])
def test_classical_methods_run_as_published(name: str) -> None:
    built: Any = method(name).build()
    assert not [*built.parameters()]
    assert built.settings() == PUBLISHED
    assert "lambda 16.8" in (method(name).as_published or "")
    assert set(built.candidates) <= set(PUBLISHED)
    # Validation may confirm what was published.
    assert all(PUBLISHED[setting] in values for setting, values in built.candidates.items())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny set, large enough for the kernels."""
    folder = tmp_path_factory.mktemp("small")
    data = yaml.safe_load(TINY.read_text())
    data["dataset"] |= {"size": [*SIZE], "coc_far": [5.0, 6.0]}
    data["not_run"] = [name for name in data["not_run"] if name not in ENTRIES]
    candidates = {"lam": [16.8, 67.2]}
    data["trained_size"] |= {
        ENTRIES[name].module: {"candidates": candidates} for name in ("ebdb", "jnb")
    }
    config = folder / "small.yaml"
    config.write_text(yaml.safe_dump(data))
    experiment = load_experiment(config)
    parts = ("raw", "manifest.csv", "store", "patches.csv")
    made = Tiny(experiment, config, *(folder / part for part in parts))
    make_data(experiment, made.raw, made.manifest, 1, progress=False)
    build_store(made.raw, made.manifest, made.store, progress=False)
    write_patch_index(PixelStore(made.store), experiment.patches, made.patches)
    return made


@pytest.mark.parametrize("name", ["ebdb", "jnb"])
def test_from_the_choice_of_settings_to_a_record(
    run: Run, small: Tiny, tmp_path: Path, name: str
) -> None:
    data = ["--config", small.config, "--manifest", small.manifest]
    store = ["--store", small.store, "--patches", small.patches]
    assert run("train", name, *data, *store, "--output", tmp_path / "run").code == 0
    chosen = read_record(tmp_path / "run" / "record.json", RunRecord)
    assert chosen.learned.keys() == PUBLISHED.keys()
    assert chosen.learned["lam"] in (16.8, 67.2)
    assert (chosen.label, chosen.trained_params, chosen.samples) == ("demo", 0, 0)
    where = ["--root", small.raw, "--run", tmp_path / "run"]
    assert run("evaluate", name, *data, *where, "--output", tmp_path / "result").code == 0
    record = read_record(tmp_path / "result" / "record.json", ResultRecord)
    assert (record.row, record.method_kind) == (ENTRIES[name].row, "two-stage classical")
    assert (record.label, record.trained_params) == ("demo", 0)
    assert record.protocol.views == ("combined",)
    # The settings of the run, not others: they decide the score.
    other = tmp_path / "other"
    entry = load_experiment(small.config).methods[name]
    network: Any = Method(name, entry).build()
    network.lam.fill_(1.0)
    from pipeline.weights.own_file import save_weights

    other.mkdir()
    kwargs = load_experiment(small.config).trained_kwargs(name)
    save_weights(other / "weights.safetensors", network.state_dict(), name, kwargs)
    again = ["--root", small.raw, "--run", other, "--output", tmp_path / "again"]
    assert run("evaluate", name, *data, *again).code == 0
    worse = read_record(tmp_path / "again" / "record.json", ResultRecord)
    assert worse.scores["combined"].mean["psnr"] != record.scores["combined"].mean["psnr"]


NARROW = {"row": "Narrow DMENet", "kwargs": {"width": 2}}


def test_published_weights_of_the_learned_map(run: Run, small: Tiny, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = dmenet.DMENet(width=2).eval()
    with torch.no_grad():
        network.encoder[0][0].weight.mul_(0.01)
    state = network.state_dict()
    arrays = {
        f"main_net/defocus_net/{theirs}": (
            state[ours].permute(2, 3, 1, 0) if state[ours].dim() == 4 else state[ours]
        ).numpy()
        for ours, theirs in official_names().items()
    }
    np.savez(tmp_path / "DMENet_BDCS.npz", **arrays)
    config = tmp_path / "narrow.yaml"
    data = yaml.safe_load(small.config.read_text())
    data["methods"] = {"dmenet": ENTRIES["dmenet"].model_dump() | NARROW}
    config.write_text(yaml.safe_dump(data))
    where = ["--config", config, "--root", small.raw, "--manifest", small.manifest]
    given = ["--weights", tmp_path / "DMENet_BDCS.npz"]
    assert run("evaluate", "dmenet", *where, *given, "--output", tmp_path / "result").code == 0
    record = read_record(tmp_path / "result" / "record.json", ResultRecord)
    assert record.label == "given weights"
    assert record.method_kind == "two-stage learned map"
    assert record.trained_params == sum(value.numel() for value in network.parameters())
    # Its map is what decides: another one gives another score.
    assert record.scores["combined"].mean["psnr"] > 5
    done = run("evaluate", "dmenet", *where, "--output", tmp_path / "none")
    assert "runs with published weights only" in done.err[0]
    done = run(
        *("train", "dmenet", "--config", config, "--manifest", small.manifest),
        *("--store", small.store, "--patches", small.patches, "--output", tmp_path / "none"),
    )
    assert "is not trained here" in done.err[0]
    assert not (tmp_path / "none").exists()


def test_the_workflow_leaves_out_what_runs_with_published_weights_only() -> None:
    experiment = load_experiment(CONFIG / "demo_all.yaml")
    assert {"ebdb", "jnb"} <= {*experiment.methods_run()}
    assert "dmenet" in experiment.methods
    assert "dmenet" not in experiment.methods_run()
