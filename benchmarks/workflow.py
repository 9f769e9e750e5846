"""Time that the harness adds: `--help`, a dry run of the paper's matrix, and each job.

    python -m benchmarks.workflow

`help_s`: median of five. `dry_run_s`: `snakemake -n` of config/canon.yaml with five seeds in an
empty project. `overhead_s`: a run of Snakemake that makes one job, less a run that finds nothing to
do, less the job's command alone; of the miniature of the demo with the input as its only method,
and of jobs whose commands do the same each time. Each time is the smallest of three.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SEEDS, REPEATS = 5, 3
HELP_S, DRY_RUN_S, OVERHEAD_S = 0.7, 5.0, 3.0
TARGETS = {
    "evaluate": "results/tiny/input-seed0/record.json",
    "table1": "reports/table1.csv",
    "plot": "reports/psnr_vs_params.png",
}
_CONFIG = "tiny.yaml"


def project(folder: Path, values: Mapping[str, Any]) -> Path:
    """A new project with one experiment."""
    shutil.copytree(ROOT / "reports" / "published", folder / "reports" / "published")
    (folder / _CONFIG).write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
    return folder


def seconds(folder: Path, command: Sequence[str]) -> tuple[float, str]:
    """Wall time and output of a command in a project.

    Raises:
        SystemExit: it failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"}
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - started, done.stdout + done.stderr


def smallest(folder: Path, command: Sequence[str]) -> tuple[float, str]:
    """The smallest time of some runs, and the last one's output."""
    runs = [seconds(folder, command) for _ in range(REPEATS)]
    return min(wall for wall, _ in runs), runs[-1][1]


def snakemake(*arguments: str) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    return [*command, "--configfile", _CONFIG, "--cores", "1", *arguments]


def dry_run(folder: Path) -> tuple[float, int]:
    """Seconds, and number of jobs."""
    values = yaml.safe_load((ROOT / "config" / "canon.yaml").read_text(encoding="utf-8"))
    made = project(folder, values | {"repetitions": SEEDS})
    least, text = smallest(made, snakemake("--dry-run"))
    return least, int(found_in(text, r"^total\s+(\d+)"))


def overheads(folder: Path) -> dict[str, float]:
    """Seconds by name of the job."""
    values = yaml.safe_load((ROOT / "tests" / "e2e" / "tiny.yaml").read_text(encoding="utf-8"))
    made = project(folder, values | {"only": ["input"]})
    seconds(made, snakemake(*TARGETS.values()))
    nothing, _ = smallest(made, snakemake(*TARGETS.values()))
    overhead = {}
    for name, target in TARGETS.items():
        job, text = smallest(made, snakemake("--force", "--printshellcmds", target))
        command = found_in(text, r"^Shell command: (.*)$")
        alone, _ = smallest(made, ["bash", "-c", command])
        overhead[name] = job - nothing - alone
    return overhead


def found_in(text: str, pattern: str) -> str:
    """The first group of a pattern.

    Raises:
        SystemExit: Snakemake printed nothing of this form.
    """
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"no {pattern!r} in the output of snakemake:\n{text[-2000:]}")
    return found[1]


def measure() -> dict[str, Any]:
    """All times, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        helps = [seconds(folder, [sys.executable, "-m", "pipeline", "--help"])[0] for _ in range(5)]
        dry_run_s, jobs = dry_run(folder / "canon")
        return {
            "help_s": median(helps),
            "dry_run_s": dry_run_s,
            "jobs": jobs,
            "overhead_s": overheads(folder / "tiny"),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.workflow",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    found = measure()
    if options.json:
        print(json.dumps(found))
        return
    print(f"dmtbench --help: {found['help_s']:.2f} s (limit: {HELP_S})")
    print(f"dry run, {found['jobs']} jobs: {found['dry_run_s']:.1f} s (limit: {DRY_RUN_S})")
    for job, overhead in found["overhead_s"].items():
        print(f"job of {job}, beyond its command: {overhead:.2f} s (limit: {OVERHEAD_S})")


if __name__ == "__main__":
    main()
