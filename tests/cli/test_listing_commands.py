"""`list`, `compare`, `status`, completion and exit statuses."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from scipy.stats import wilcoxon
from support.fixture_types import Run
from support.paths import REPOSITORY
from support.projects import CONFIG
from typer.testing import CliRunner

from pipeline.chain.standing import STATES
from pipeline.cli import app
from pipeline.cli.app import complete_method
from pipeline.evaluation.scores import read_per_image
from pipeline.exit_codes import EXIT_CODES

SMALL = ["--config", CONFIG]


def objects(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


@pytest.mark.usefixtures("project")
def test_lists(run: Run) -> None:
    plain = run("list", "runs", *SMALL).out
    assert plain[0].split("\t")[:3] == ["run", "method", "repetition"]
    runs = objects(run("list", "runs", *SMALL, "--json").out)
    assert {row["method"] for row in runs} == {"dmtnet-t", "unsharp"}
    assert runs == objects(run("runs", *SMALL, "--json").out)
    assert len(plain) == 1 + len(runs)
    (dataset,) = objects(run("list", "datasets", *SMALL, "--json").out)[:1]
    assert (dataset["dataset"], dataset["part"]) == ("tiny", "dataset")
    assert dataset["test"] > 0
    methods = objects(run("list", "methods", *SMALL, "--json").out)
    assert methods == objects(run("methods", *SMALL, "--json").out)
    assert {row["method"] for row in methods if row["requested"]} >= {"dmtnet-t", "input"}


def test_a_set_without_a_manifest(run: Run, project: Path) -> None:
    (project / "data/tiny/manifest.csv").unlink()
    (dataset,) = objects(run("list", "datasets", *SMALL, "--json").out)[:1]
    assert dataset["manifest"] is None
    assert "train" not in dataset


@pytest.mark.usefixtures("project")
def test_weights_as_json(run: Run) -> None:
    found = objects(run("weights", "list", "--json").out)
    assert {row["method"] for row in found} >= {"dpdnet", "ifan"}
    assert all({"title", "licence", "sources"} <= row.keys() for row in found)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("one", ["dmtnet-t-seed0", "runs/tiny/dmtnet-t-seed0"])
def test_comparing_two_runs(run: Run, one: str) -> None:
    done = run("compare", one, "results/tiny/input-seed0", *SMALL, "--json")
    assert (done.code, done.err) == (0, [])
    rows = objects(done.out)
    psnr = next(row for row in rows if row["metric"] == "psnr" and "p" in row)
    values = [
        {row.scene: row.values["psnr"] for row in read_per_image(path) if row.group == "main"}
        for path in (
            Path("results/tiny/dmtnet-t-seed0/per_image.csv"),
            Path("results/tiny/input-seed0/per_image.csv"),
        )
    ]
    differences = np.array([values[0][scene] - values[1][scene] for scene in values[0]])  # type: ignore[operator]
    assert psnr["difference"] == pytest.approx(differences.mean())
    assert psnr["low"] <= psnr["difference"] <= psnr["high"]
    assert psnr["p"] == pytest.approx(wilcoxon(differences).pvalue)
    assert psnr["p_holm"] >= psnr["p"]
    assert (psnr["one_run"], psnr["images"]) == ("dmtnet-t-seed0", differences.size)
    scenes = [row for row in rows if "scene" in row]
    assert {row["scene"]: row["difference"] for row in scenes} == pytest.approx(
        dict(zip(values[0], differences, strict=True))
    )
    sizes = [abs(row["difference"]) for row in scenes]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.usefixtures("project")
def test_comparison_for_people(run: Run) -> None:
    done = run("compare", "dmtnet-t-seed0", "input-seed0", *SMALL, "--images", 1)
    assert done.out[0].startswith("metric\tunit\tone\tother\tdifference")
    place = done.out.index("scene\tcategory\tone\tother\tdifference")
    assert done.out[place + 2] == ""
    assert "what other seeds would give is not known" in done.out[-1]


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        ("nothing", [], "nothing: no result; name a folder below results/, or one of dmtnet-t-se"),
        ("input-seed0", ["--metric", "vmaf"], "--metric vmaf: not in both runs; they have psnr"),
    ],
)
def test_comparisons_that_cannot_be_made(
    run: Run, project: Path, other: str, options: list[str], message: str
) -> None:
    done = run("compare", "dmtnet-t-seed0", other, *SMALL, *options)
    assert (done.code, len(done.err), done.out) == (1, 1, [])
    assert message in done.err[0]


def test_runs_on_different_images(run: Run, project: Path) -> None:
    scores = project / "results/tiny/input-seed0/per_image.csv"
    scores.write_text("".join(scores.read_text().splitlines(keepends=True)[:-1]))
    done = run("compare", "dmtnet-t-seed0", "input-seed0", *SMALL)
    assert "images, which must be the same two or more; evaluate one again" in done.err[0]


def test_status_shows_what_runs(run: Run, project: Path) -> None:
    logs = project / "logs/tiny"
    logs.mkdir(parents=True, exist_ok=True)
    state = {"name": "dmtnet-t", "samples": 30, "total": 120, "loss": 0.5, "psnr": None, "rate": 7}
    progress = logs / "train-dmtnet-t-seed0.progress.json"
    progress.write_text(json.dumps({**state, "rate": 7.0}))
    lines = run("status", *SMALL).out
    assert lines[0] == "1 running"
    assert lines[1] == (
        "  train dmtnet-t-seed0: 25% of 120 crops, loss 0.5000, validation - dB, 7 crops/s"
    )
    found = {row["name"]: row for row in objects(run("status", *SMALL, "--json").out)}
    assert found["train dmtnet-t-seed0"]["progress"]["samples"] == 30
    assert all(row["state"] in STATES for row in found.values())
    import os

    os.utime(progress, (0, 0))
    assert "min: killed, or very slow" in run("status", *SMALL).out[1]
    progress.write_text("{")
    assert run("status", *SMALL).out[0] != "1 running"


def test_completion() -> None:
    assert "dmtnet-b" in complete_method("dmt")
    assert all(name.startswith("dmt") for name in complete_method("dmt"))
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output


def test_the_page_lists_every_exit_status() -> None:
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `?([^|`]+)`? \| ([^|]+) \|$", page, re.MULTILINE)
    assert rows == [(str(code.status), code.commands, code.meaning) for code in EXIT_CODES]
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    named = {code.commands.split()[0] for code in EXIT_CODES} - {"all"}
    assert named <= commands.keys()


# They print paths or a line about what they did, drawings, code, or formats of their own.
WITHOUT_JSON = {
    *("fetch", "data", "doctor", "store", "check-store", "patches", "standin", "run", "init"),
    *("train", "evaluate", "predict", "export", "sensitivity", "gpu-check", "schemas"),
    *("table1", "table2", "plot", "verdicts", "html", "qualitative", "figures", "latex"),
    *("networks", "ablation", "study-page", "track", "ui", "export-runs", "import-runs"),
    *("weights fetch", "weights trust"),
    *("debug overfit", "debug limit", "debug fast-dev", "debug profile"),
}


def all_commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def test_every_command_that_lists_or_compares_prints_json() -> None:
    page = (REPOSITORY / "docs/commands.md").read_text(encoding="utf-8")
    table = page.split("| Command | With `--json` |")[1].split("\n\n")[0]
    named = {
        name
        for row in table.splitlines()[2:]
        for name in re.findall("`([^`]+)`", row.split("|")[1])
    }
    commands = dict(all_commands(typer.main.get_command(app)))
    with_json = {
        name
        for name, command in commands.items()
        if any("--json" in one.opts for one in command.params)
    }
    assert named == with_json
    assert commands.keys() - with_json == WITHOUT_JSON


def test_commands_without_json_show_no_tables() -> None:
    sources = {
        name: inspect.getsource(command.callback)
        for name, command in all_commands(typer.main.get_command(app))
    }
    assert "show_table" in sources["list runs"]
    for name in WITHOUT_JSON:
        assert "show_table" not in sources[name], name
        assert "Console" not in sources[name], name
