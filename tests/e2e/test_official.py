"""`config/official.yaml` as a user runs it, with random weights where the authors' would be.

Two test scenes of a set with Canon's folders, and no other split.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from support.image_sets import SCENES, write_set
from support.official_files import EMA, MADE, write_official_files
from support.paths import CONFIG, PUBLISHED, REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EXPERIMENT = Path("config/standin.yaml")
OTHERS = ("dmenet", "dpdnet", "dpdnet-plus", "rdpd-plus")


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def snakemake(folder: Path) -> str:
    options = ["--cores", "2", "--snakefile", str(REPOSITORY / "Snakefile")]
    done = command(folder, "snakemake", *options, "--configfile", str(EXPERIMENT))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def made(messages: str) -> list[str]:
    """Rules of the jobs that ran, sorted."""
    return sorted(re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", messages))


def dmtbench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(folder, "pipeline", *arguments, "--config", str(EXPERIMENT))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("official")
    shutil.copytree(PUBLISHED, folder / "reports" / "published")
    tests = [scene for scene in SCENES if scene[0] == "test"]
    write_set(folder / "raw", tests, size=(64, 96))
    labels = [
        f"test,1P0A{number:04d}.png,{place},main"
        for (_, number, _), place in zip(tests, ("outdoor", "indoor"), strict=True)
    ]
    (folder / "raw/scenes.csv").write_text("\n".join(["split,source,category,group", *labels]))
    experiment = {
        "extends": str(CONFIG / "official.yaml"),
        "dataset": {"kind": "folder", "name": "standin", "root": "raw"},
        "weights": {"restormer": {"file": "official", "key": EMA}},
        "not_run": dict.fromkeys(OTHERS, "no file was made for this test"),
        "compute": {"torch_threads": 1},
        "complexity_size": [64, 64],
        "sample_images": 0,
    }
    (folder / EXPERIMENT).parent.mkdir()
    (folder / EXPERIMENT).write_text(yaml.safe_dump(experiment))
    write_official_files(folder)
    messages = snakemake(folder)
    assert "train" not in made(messages)
    assert "store" not in made(messages)
    return folder


def record(project: Path, method: str) -> dict[str, object]:
    content = (project / f"results/standin/{method}-given/record.json").read_text()
    return dict(json.loads(content))


def test_every_row_is_scored_or_says_why_not(project: Path) -> None:
    table = pd.read_csv(project / "reports/table1.csv").set_index("method")
    for row in ("IFAN", "KPAC", "Restormer"):
        own = table.loc[f"{row} (given weights)"]
        assert own["label"] == "given weights"
        assert 1 < own["combined_psnr"] < 100
        assert table["label"][row] == "published"
    assert table["label"]["Input (no deblurring)"] == "demo"
    assert table["label"]["DMTNet-H"] == table["label"]["Uformer-B"] == "published"
    plan = dmtbench(project, "plan").stdout
    assert "Not run: DMTNet-H (its authors published neither code nor weights)" in plan
    status = dmtbench(project, "status")
    assert (status.returncode, "Not run: Uformer-B" in status.stdout) == (0, True)


def test_the_record_names_file_and_key(project: Path) -> None:
    assert record(project, "restormer")["given_weights"] == {
        "file": "weights/restormer/dual_pixel_defocus_deblurring.pth",
        "key": EMA,
    }


def test_mlflow_knows_them(project: Path) -> None:
    with sqlite3.connect(project / "mlflow.db") as database:
        names = {name for (name,) in database.execute("select name from runs")}
    assert {f"{method}-given" for method in MADE} < names


def test_why_leads_from_a_cell_to_the_file(project: Path) -> None:
    found = dmtbench(project, "why", "table1", "KPAC (given weights)", "combined_psnr")
    assert found.returncode == 0, found.stderr
    assert "weights/kpac/dual.npz" in found.stdout
    assert "dmtbench evaluate kpac" in found.stdout


def test_only_what_follows_another_file_is_made_again(project: Path) -> None:
    assert "Nothing to be done" in snakemake(project)
    file = project / "weights/ifan/IFAN_dual.pytorch"
    content = file.read_bytes()
    file.unlink()
    # A result keeps the checksum of its weights.
    assert "Nothing to be done" in snakemake(project)
    state = torch.load(io.BytesIO(content))
    torch.save({name: value / 2 for name, value in state.items()}, file)
    status = dmtbench(project, "status")
    assert status.returncode == 1
    assert "scores other weights than weights/ifan/IFAN_dual.pytorch" in status.stdout
    again = made(snakemake(project))
    assert again.count("evaluate_given") == 1
    assert not {"evaluate", "complexity", "data"} & {*again}
    shutil.rmtree(project / "results/standin/ifan-given")
    file.unlink()
    stopped = dmtbench(project, "status")
    assert stopped.returncode == 1
    assert "`dmtbench weights fetch ifan` brings them there" in stopped.stdout
