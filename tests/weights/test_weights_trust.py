"""Weights are the authors' only if their checksum is known, whatever their names say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from support.fixture_types import Run, Tiny

from baselines import dpdnet
from pipeline.config.experiment import load_experiment
from pipeline.evaluation.loading import load_method
from pipeline.files import sha256_of
from pipeline.pins import Pins, pins_file
from pipeline.records import ResultRecord, read_record
from pipeline.run import Run as MethodRun
from pipeline.run import WeightsOrigin
from pipeline.stages.predict import ORIGIN
from pipeline.weights import trust
from pipeline.weights.registry import PublishedWeights

ENTRY = {"module": "baselines.dpdnet", "row": "Narrow DPDNet", "recipe": "dpdnet"}
NARROW = {**ENTRY, "kwargs": {"width": 2}}
SUM = "a" * 64


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Path:
    data = yaml.safe_load(tiny.config.read_text())
    data["methods"] = {"dpdnet": NARROW, "other": {**NARROW, "row": "Other"}}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A random network under the authors' names."""
    torch.manual_seed(0)
    path = tmp_path / "net.pth"
    torch.save({"params": dpdnet.build(width=2).state_dict()}, path)
    return path


def test_the_label_follows_the_checksum(
    run: Run, tiny: Tiny, config: Path, weights: Path, tmp_path: Path
) -> None:
    data = ["--config", config, "--root", tiny.raw, "--manifest", tiny.manifest]

    def label(method: str = "dpdnet") -> str:
        target = tmp_path / "result"
        done = run("evaluate", method, *data, "--weights", weights, "--output", target)
        assert done.code == 0
        found = read_record(target / "record.json", ResultRecord).label
        # A line about a network that is worse than its input may follow.
        assert any(line.endswith(f"({found})") for line in done.out)
        return found

    check = ["weights", "check", "dpdnet", weights, "--config", config]
    assert label() == "given weights"
    (_, hint) = run(*check).out
    assert hint.startswith("not trusted")
    assert f"dmtbench weights trust dpdnet {weights} --config {config}" in hint
    done = run("weights", "trust", "dpdnet", weights, "--source", "a DVD", "--config", config)
    assert done.code == 0
    assert done.out == [
        f"{pins_file(config)}: dpdnet: sha256 {sha256_of(weights)}, from: a DVD",
    ]
    assert run(*check).out[1] == "trusted; from: a DVD"
    found = json.loads(run(*check, "--json").out[0])
    assert (found["sha256"], found["trusted"]) == (sha256_of(weights), True)
    assert found["source"] == "a DVD"
    assert label() == "official weights"
    # They are trusted for one method.
    assert label("other") == "given weights"
    torch.save({"params": dpdnet.build(width=2).state_dict()}, weights)
    assert label() == "given weights"
    assert run(*check).out[1].startswith("not trusted")


def test_predictions_and_photographs_bear_the_label(
    run: Run, tiny: Tiny, config: Path, weights: Path, tmp_path: Path
) -> None:
    data = ["--config", config, "--root", tiny.raw, "--manifest", tiny.manifest]
    left, right = (next((tiny.raw / f"test_{v}" / "source").iterdir()) for v in "lr")
    for label, folder in (("given weights", "a"), ("official weights", "b")):
        target = tmp_path / folder
        given = ["--weights", weights, "--output", target]
        assert run("predict", "dpdnet", *data, *given).code == 0
        assert json.loads((target / ORIGIN).read_text())["label"] == label
        done = run(
            *("deblur", left, right, "--method", "dpdnet", "--config", config),
            *("--weights", weights, "-o", target / "sharp.png"),
        )
        assert done.out == [f"{target / 'sharp.png'}: dpdnet, {label}"]
        trusting = ["weights", "trust", "dpdnet", weights, "--source", "x", "--config", config]
        assert run(*trusting).code == 0


@pytest.mark.parametrize("source", ["", " ", "two\nlines"])
def test_a_source_is_one_line(run: Run, config: Path, weights: Path, source: str) -> None:
    given = ["weights", "trust", "dpdnet", weights, "--config", config]
    done = run(*given, "--source", source)
    assert (done.code, done.err) == (
        1,
        ["error: --source: say in one line where the file came from"],
    )
    assert not pins_file(config).exists()


def test_a_file_that_does_not_fit_is_not_pinned(run: Run, config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pth"
    torch.save({"params": dpdnet.build(width=3).state_dict()}, other)
    for file in (other, tmp_path / "gone.pth"):
        done = run("weights", "trust", "dpdnet", file, "--source", "x", "--config", config)
        assert done.code == 1
        assert done.err[0].startswith(f"error: {file}: ")
    assert not pins_file(config).exists()


def _listed(**source: Any) -> dict[str, PublishedWeights]:
    entry = {"name": "page", "transport": "http", "layout": "x", **source}
    made = PublishedWeights.model_validate({"title": "t", "licence": "l", "sources": [entry]})
    return {"dpdnet": made}


def test_a_checksum_in_the_registry_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = {"name": "net.pth", "sha256": SUM}
    monkeypatch.setattr(trust, "all_weights", lambda: _listed(archives=[archive]))
    assert trust.known_source("dpdnet", SUM, Pins()) == "page"
    assert trust.known_source("dpdnet", "b" * 64, Pins()) is None
    assert trust.known_source("ifan", SUM, Pins()) is None
    # That is the checksum of the archive, not of the file in it.
    listed = _listed(archives=[archive], member="net.pth")
    monkeypatch.setattr(trust, "all_weights", lambda: listed)
    assert trust.known_source("dpdnet", SUM, Pins()) is None
    listed = _listed(archives=[{"name": "net.pth"}])
    monkeypatch.setattr(trust, "all_weights", lambda: listed)
    assert trust.known_source("dpdnet", SUM, Pins()) is None


def test_a_surrogate_stays_one_with_any_weights(
    config: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dpdnet, "SURROGATE", "made for this test", raising=False)
    this = MethodRun.of(load_experiment(config), "dpdnet")
    assert load_method(this, WeightsOrigin(official=weights)).label == "surrogate"
