"""The command `dmtbench sensitivity`: a record beside a finished result, judged by the chain."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from support.fixture_types import Run as Command
from support.projects import CONFIG, edit_record, train_and_evaluate

from pipeline import keys
from pipeline.chain.experiment import Chain
from pipeline.chain.sensitivity import judge_sensitivity
from pipeline.code_hash import source_hash
from pipeline.config.experiment import load_experiment
from pipeline.evaluation.scores import aggregate, read_per_image
from pipeline.files import sha256_of
from pipeline.places import Places
from pipeline.records import ResultRecord, SensitivityRecord, read_record
from pipeline.run import Run
from pipeline.stages.status import standings

pytestmark = pytest.mark.usefixtures("project")

RESULT = Path("results/tiny/dmtnet-t-seed0")
TABLE = RESULT / "sensitivity.json"
ARGUMENTS = ("sensitivity", "dmtnet-t", "--config", CONFIG)


def standing(method: str = "dmtnet-t") -> str:
    this = Run.of(load_experiment(CONFIG), method)
    return judge_sensitivity(this, Places.of(this.experiment)).state


def test_the_record_belongs_to_its_result(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    todo = Chain(load_experiment(CONFIG)).to_make()
    before = {one.name: one.standing.state for one in standings(load_experiment(CONFIG))}
    assert standing() == "missing"
    done = run(*ARGUMENTS)
    assert done.code == 0, done.err
    assert done.out[0].startswith("DMTNet-T, repetition 0, on tiny: combined scores of 2 images")
    assert any(line.startswith("Gaussian SSIM ") for line in done.out)
    table, result = (
        read_record(TABLE, SensitivityRecord),
        read_record(RESULT / "record.json", ResultRecord),
    )
    plain = {c: {m: s.mean[m] for m in ("psnr", "ssim", "mae")} for c, s in result.scores.items()}
    assert {c: s.mean for c, s in table.rows[0].scores.items()} == plain
    assert table.protocol == result.protocol
    assert table.provenance.weights_sha256 == result.provenance.weights_sha256
    assert standing() == "fresh"
    # The chain of the experiment is as before: nothing is made again, nothing is left over.
    assert {one.name: one.standing.state for one in standings(load_experiment(CONFIG))} == before
    assert Chain(load_experiment(CONFIG)).to_make() == todo
    with monkeypatch.context() as patch:
        patch.setattr(keys, "source_hash", lambda name: source_hash(name) + "new")
        assert standing() == "stale"
    edit_record(RESULT / "record.json", provenance__wall_s=1.0)
    assert standing() == "foreign"
    TABLE.write_text(TABLE.read_text().replace('"moved"', '"mowed"', 1))
    assert standing() == "broken"
    experiment = load_experiment(CONFIG)
    train_and_evaluate(Run.of(experiment, "dmtnet-t"), Places.of(experiment))
    assert standing() == "missing"


def test_formats(run: Command) -> None:
    text = run("sensitivity", "input", "--config", CONFIG, "--format", "csv").out
    (first, *rows) = csv.DictReader(io.StringIO("\n".join(text)))
    assert first["way"] == "protocol"
    assert float(first["combined_psnr_moved"]) == 0
    lines = run("sensitivity", "input", "--config", CONFIG, "--format", "json").out
    found = {line["way"]: line for line in map(json.loads, lines)}
    assert found[rows[0]["way"]]["scores"]["indoor"]["mae"] == float(rows[0]["indoor_mae"])
    assert "exchanged views" in found
    table = run("sensitivity", "input", "--config", CONFIG, "--format", "md").out
    assert table[2] == ("| way | PSNR (dB) | moved | SSIM | moved | MAE | moved | meaning |")
    assert {line.count("|") for line in table[2:16]} == {9}


def test_a_method_without_network_or_run(run: Command) -> None:
    done = run("sensitivity", "unsharp", "--config", CONFIG)
    assert done.code == 0, done.err
    assert standing("unsharp") == "fresh"
    (RESULT / "record.json").unlink()
    done = run(*ARGUMENTS)
    assert (done.code, len(done.err)) == (1, 1)
    assert "record.json: missing; run or evaluate dmtnet-t first" in done.err[0]


def test_a_result_that_cannot_be_repeated(run: Command) -> None:
    lines = (RESULT / "per_image.csv").read_text().splitlines()
    scene, group, category, psnr, *rest = lines[1].split(",")
    lines[1] = ",".join([scene, group, category, str(float(psnr) + 2), *rest])
    (RESULT / "per_image.csv").write_text("\n".join([*lines, ""]))
    record = read_record(RESULT / "record.json", ResultRecord)
    scores, _ = aggregate(read_per_image(RESULT / "per_image.csv"))
    edit_record(
        RESULT / "record.json",
        per_image_sha256=sha256_of(RESULT / "per_image.csv"),
        scores={name: value.model_dump() for name, value in scores.items()},
    )
    assert record.scores != scores
    done = run(*ARGUMENTS)
    assert done.code == 1
    assert "scored again " in done.err[0]
    assert not TABLE.exists()
