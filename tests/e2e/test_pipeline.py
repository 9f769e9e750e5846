"""The whole DAG as a user runs it, on a miniature: three scenes, two training steps."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support.paths import PUBLISHED, REPOSITORY, TINY

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def snakemake(
    folder: Path, *arguments: str, cores: int = 2, config: str = "config/demo.yaml"
) -> str:
    """Run the workflow in `folder`; its messages."""
    if not (folder / "reports").exists():
        published = PUBLISHED
        shutil.copytree(published, folder / "reports" / "published")
        # In the place of the default, so that it can be found with and without `--configfile`.
        (folder / "config").mkdir()
        shutil.copy(TINY, folder / "config" / "demo.yaml")
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
    command += ["--snakefile", str(REPOSITORY / "Snakefile")]
    # Last, since it would take targets for more files.
    command += [*arguments, *(["--configfile", config] if config else [])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    snakemake(folder)
    return folder


def test_all_results_are_there(project: Path) -> None:
    table = pd.read_csv(project / "reports" / "table1.csv")
    own = table[table["label"] == "demo"]
    assert list(own["method"][:5]) == [f"DMTNet-{variant}" for variant in "TSBLH"]
    assert "Input (no deblurring)" in set(own["method"])
    assert own["combined_psnr"].between(1, 100).all()
    assert len(pd.read_csv(project / "reports" / "table2.csv")) == 3
    for suffix in ("png", "svg", "pdf"):
        for name in ("psnr_vs_params", "figure4", "figure5"):
            assert (project / "reports" / f"{name}.{suffix}").stat().st_size > 5000
    page = (project / "reports" / "index.html").read_text(encoding="utf-8")
    assert 'href="../results/tiny/dmtnet-b-seed0/record.json"' in page
    assert "In the manner of the paper’s Figure 5: DMTNet-B" in page


def test_every_run_is_in_mlflow(project: Path) -> None:
    with sqlite3.connect(project / "mlflow.db") as database:
        names = {name for (name,) in database.execute("select name from runs")}
        curve = database.execute("select count(*) from metrics where key = 'train/loss'").fetchone()
    # `.scored` holds copies of scores, for comparison.
    results = {path.name for path in (project / "results" / "tiny").glob("[!.]*") if path.is_dir()}
    # One more run holds the tables, and is the parent of all.
    assert names == results | {"demo"}
    assert curve[0] == 7 * 2  # seven nets, two epochs


def test_second_run_has_nothing_to_do(project: Path) -> None:
    for config in ("config/demo.yaml", str(project / "config" / "demo.yaml"), ""):
        assert "Nothing to be done" in snakemake(project, config=config), config


def test_only_what_depends_on_a_lost_record_is_remade(project: Path) -> None:
    (project / "results" / "tiny" / "input-seed0" / "record.json").unlink()
    before = weights_time(project)
    messages = snakemake(project, "reports/table1.csv")
    assert re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", messages) == ["evaluate", "table1"]
    assert weights_time(project) == before
    for _ in range(2):
        snakemake(project)
    assert "Nothing to be done" in snakemake(project)


def test_only_a_lost_size_is_counted_again(project: Path) -> None:
    sizes = sorted((project / "results" / "complexity").glob("*.json"))
    before, lost = {path: path.stat().st_ino for path in sizes}, sizes[0]
    content = lost.read_bytes()
    lost.unlink()
    messages = snakemake(project, lost.relative_to(project).as_posix())
    assert re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", messages) == ["complexity"]
    assert lost.read_bytes() == content
    # A record that is written again is another file.
    changed = [path for path in sizes if path.stat().st_ino != before[path]]
    assert changed == [lost]
    assert len(before) == 7


def weights_time(project: Path) -> int:
    return (project / "runs" / "tiny" / "dmtnet-s-seed0" / "weights.safetensors").stat().st_mtime_ns


def test_number_of_cores_does_not_change_the_result(project: Path, tmp_path: Path) -> None:
    names = ["dmtnet-s-seed0", "linear-fit-seed0", "unsharp-seed0"]
    targets = [f"results/tiny/{name}/per_image.csv" for name in names]
    snakemake(tmp_path, *targets, cores=8)
    for target in targets:
        assert (tmp_path / target).read_bytes() == (project / target).read_bytes(), target
