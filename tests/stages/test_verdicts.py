"""`dmtbench verdicts` and `verify`: files, exit statuses, and the demo's verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from support.fixture_types import Run
from support.paths import CONFIG as CONFIGS
from support.played_canon import all_answers, claims, own, papers, play
from support.projects import CONFIG

from pipeline import keys
from pipeline.chain.experiment import Chain
from pipeline.code_hash import source_hash
from pipeline.config.experiment import load_experiment
from pipeline.stages import verdicts
from pipeline.verify.verification import Verification, verify

SMALL = ("--config", CONFIG)
FILES = ("verdicts.csv", "comparisons.csv", "verdicts.md")


def played(scored: list) -> Verification:  # type: ignore[type-arg]
    return verify(own(scored), papers(), claims())


@pytest.mark.usefixtures("project")
def test_nothing_of_a_demo_is_comparable(run: Run) -> None:
    done = run("verify", *SMALL, "--json", "--fresh", "--output", "out")
    assert done.code == 0
    lines = [json.loads(line) for line in done.out]
    cells = [line for line in lines if line["kind"] == "cell"]
    assert {line["verdict"] for line in cells if line["n_seeds"]} == {"not comparable"}
    assert {line["verdict"] for line in cells if not line["n_seeds"]} == {"not run"}
    decided = {line["verdict"] for line in lines if line["kind"] == "claim"}
    assert decided <= {"not comparable", "not run"}
    for name in FILES:
        made = Path("out", name).read_bytes()
        assert made == Path("reports", name).read_bytes()
        assert made == Path("reports/small", name).read_bytes()
    shown = run("verify", *SMALL)
    assert "\n".join(shown.out) == Path("reports/verdicts.md").read_text().rstrip()


@pytest.mark.usefixtures("project")
def test_verdicts_belong_to_the_chain() -> None:
    assert Chain(load_experiment(CONFIG)).standing("verdicts").state == "fresh"
    table = pd.read_csv("reports/small/verdicts.csv")
    table.loc[0, "verdict"] = "reproduced"
    table.to_csv("reports/small/verdicts.csv", index=False)
    assert Chain(load_experiment(CONFIG)).standing("verdicts").state == "broken"


@pytest.mark.usefixtures("project")
def test_other_claims_and_tolerances_make_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known = keys.load_tolerances()
    psnr = known.psnr.model_copy(
        update={"protocol": known.psnr.protocol.model_copy(update={"value": 0.02})}
    )
    changed = known.model_copy(update={"psnr": psnr})
    with monkeypatch.context() as patch:
        patch.setattr(keys, "load_tolerances", lambda: changed)
        assert {"table1", "verdicts"} <= set(Chain(load_experiment(CONFIG)).to_make())
    with Path("reports/published/claims.csv").open("a") as file:
        file.write("\n")
    assert set(Chain(load_experiment(CONFIG)).to_make(["reports/verdicts.md"])) == {"verdicts"}


@pytest.mark.usefixtures("project")
def test_stale_numbers_fail_only_where_freshness_is_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "source_hash", lambda name: source_hash(name) + "new")
    assert run("verify", *SMALL).code == 0
    done = run("verify", *SMALL, "--fresh")
    assert done.code == 4
    assert any(line.startswith("evaluate dmtnet-t-seed0: stale:") for line in done.err)


@pytest.mark.parametrize(("name", "code"), [("everything", 3), ("reproduced", 0), ("better", 0)])
def test_exit_status(run: Run, monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> None:
    scored = {
        "everything": all_answers,
        "reproduced": lambda: play("dmtnet-b", "DMTNet-B", [-0.1, 0, 0.1]),
        "better": lambda: play("dmtnet-b", "DMTNet-B", [39, 40, 41]),
    }[name]()
    monkeypatch.setattr(verdicts, "verification_of", lambda experiment: played(scored))
    assert run("verify", "--config", CONFIGS / "demo.yaml").code == code


@pytest.mark.usefixtures("project")
def test_a_broken_claim_is_one_line(run: Run) -> None:
    path = Path("reports/published/claims.csv")
    path.write_text(path.read_text().replace("increasing(", "rising(", 1))
    done = run("verify", *SMALL)
    assert (done.code, len(done.err)) == (1, 1)
    assert done.err[0].startswith(f"error: {path}:11: ")
