"""Rehearsal of the whole pipeline for the Canon set, on a stand-in of its size.

    python -m benchmarks.rehearsal --scenes 100 --json rehearsal.json --markdown rehearsal.md

Stages: stand-in, archive, fetch from a local server, examination, manifest, pixel store, windows,
two optimizer steps of DMTNet-B and of DMTNet-T, evaluation, Table 1. Measures time, memory and disk
space of each stage; all files are written to a temporary folder and removed at the end.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import yaml

from benchmarks.measure import disk_bytes, measure
from benchmarks.server import served
from pipeline.data.canon import CANON_FOLDER, CANON_SIZE
from pipeline.data.synthetic.standin import BYTES_PER_PIXEL
from pipeline.errors import DataError
from pipeline.files import need_room, write_text

REPOSITORY = Path(__file__).resolve().parents[1]
SET, ARCHIVE, CONFIG = CANON_FOLDER, "standin.zip", "rehearsal.yaml"
# Served archive, fetched archive and unpacked images exist at the same time.
_COPIES = 3.2
_WEIGHTS_BYTES = 1e9
_TAIL_LINES = 30


@dataclass(frozen=True)
class Stage:
    """One step of the rehearsal; `{url}` in its command is the served archive's address."""

    name: str
    command: list[str]


@dataclass(frozen=True)
class Row:
    """Cost of a stage: seconds, peak memory, and disk space after it and added by it, in bytes."""

    stage: str
    command: str
    seconds: float
    peak_bytes: int
    disk_bytes: int
    added_bytes: int


def stages(scenes: int, size: tuple[int, int], seed: int, workers: int) -> list[Stage]:
    """All stages in order; their commands work in the current folder."""
    dmtbench = [sys.executable, "-m", "pipeline"]
    raw, cores = "data/rehearsal/raw", str(workers)

    def workflow(target: str) -> list[str]:
        snakemake = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(REPOSITORY / "Snakefile"),
        ]
        return [*snakemake, "--cores", cores, target, "--configfile", CONFIG]

    make = ["--scenes", str(scenes), "--size", *map(str, size), "--seed", str(seed)]
    fetch = ["--source", "{url}", "--target", raw, "--archives", "archives"]
    return [
        Stage("stand-in", [*dmtbench, "standin", "--output", ".", *make, "--workers", cores]),
        Stage("archive", [sys.executable, "-m", "benchmarks.pack", SET, ARCHIVE]),
        Stage("fetch", [*dmtbench, "fetch", "canon", *fetch]),
        Stage(
            "doctor", [*dmtbench, "doctor", "--root", raw, "--config", CONFIG, "--workers", cores]
        ),
        Stage("manifest", workflow("data/rehearsal/manifest.csv")),
        Stage("store", workflow("data/rehearsal/store/index.json")),
        Stage("patches", workflow("data/rehearsal/patches.csv")),
        Stage("train B", workflow("runs/rehearsal/b-two-steps-seed0/record.json")),
        Stage("train T", workflow("runs/rehearsal/dmtnet-t-seed0/record.json")),
        Stage("evaluate T", workflow("results/rehearsal/dmtnet-t-seed0/record.json")),
        Stage("Table 1", workflow("reports/table1.csv")),
    ]


def rehearse(steps: Sequence[Stage], folder: Path) -> list[Row]:
    """Run the stages in `folder` in order and measure each.

    Raises:
        SystemExit: a stage failed; the end of its log is printed.
    """
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    (folder / "logs").mkdir(exist_ok=True)
    rows: list[Row] = []
    before = disk_bytes(folder)
    for number, step in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {step.name} ...", end=" ", flush=True, file=sys.stderr)
        archive = folder / ARCHIVE
        needed = any("{url}" in part for part in step.command)
        with served(archive) if needed else nullcontext("") as url:
            command = [part.replace("{url}", url) for part in step.command]
            log = folder / "logs" / f"{number}.log"
            measured = measure(command, folder, env, log)
        if measured.status:
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
            print("failed", *tail, sep="\n", file=sys.stderr)
            raise SystemExit(f"error: {step.name} failed; its files remain in {folder}")
        if needed:
            # The fetched copy is enough from here on.
            archive.unlink()
        after = disk_bytes(folder)
        shown = " ".join(["dmtbench" if part == "pipeline" else part for part in step.command[2:]])
        row = Row(
            stage=step.name,
            command=shown,
            seconds=measured.seconds,
            peak_bytes=measured.peak_bytes,
            disk_bytes=after,
            added_bytes=after - before,
        )
        rows.append(row)
        before = after
        print(f"{row.seconds:.1f} s, {row.peak_bytes / 1e9:.2f} GB", file=sys.stderr)
    return rows


def markdown(rows: Sequence[Row]) -> str:
    """The stages as a Markdown table."""
    lines = [
        "| Stage | Wall time | Peak memory | Disk added | Disk in all |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row.stage} | {row.seconds:,.1f} s | {row.peak_bytes / 1e9:.2f} GB "
        f"| {row.added_bytes / 1e9:+.2f} GB | {row.disk_bytes / 1e9:.2f} GB |"
        for row in rows
    ]
    total = sum(row.seconds for row in rows)
    peak = max(row.peak_bytes for row in rows)
    disk = max(row.disk_bytes for row in rows)
    lines.append(f"| all | {total:,.1f} s | {peak / 1e9:.2f} GB | | {disk / 1e9:.2f} GB |")
    return "\n".join(lines) + "\n"


def table1_row(folder: Path) -> dict[str, str]:
    """DMTNet-T's row of Table 1.

    Raises:
        SystemExit: it lacks a category, or is not labeled `demo`.
    """
    with (folder / "reports" / "table1.csv").open(newline="", encoding="utf-8") as stream:
        (row,) = [row for row in csv.DictReader(stream) if row["method"] == "DMTNet-T"]
    names = [f"{part}_psnr" for part in ("indoor", "outdoor", "combined")]
    if row["label"] != "demo" or not all(row[name] for name in names):
        raise SystemExit(
            "error: Table 1 has no complete row `demo` of DMTNet-T; see reports/table1.csv"
        )
    return {name: row[name] for name in ("method", "label", *names)}


def prepare(folder: Path, config: Path, size: tuple[int, int]) -> None:
    """Write the experiment file to `folder`, with windows no larger than the images."""
    experiment = yaml.safe_load(config.read_text(encoding="utf-8"))
    patches = experiment["patches"]
    patches["size"] = min(patches["size"], *size)
    (folder / CONFIG).write_text(yaml.safe_dump(experiment, sort_keys=False), encoding="utf-8")
    published = REPOSITORY / "reports" / "published"
    shutil.copytree(published, folder / "reports" / "published")


def work_folder(requested: Path | None, images_bytes: int) -> Path:
    """Create the working folder.

    Raises:
        SystemExit: the disk is too full, or the folder exists already.
    """
    try:
        need_room((requested or Path(), int(_COPIES * images_bytes + _WEIGHTS_BYTES)))
    except DataError as error:
        raise SystemExit(f"error: {error}, or use fewer --scenes") from error
    if requested is None:
        return Path(tempfile.mkdtemp(prefix="rehearsal-", dir=".")).resolve()
    if requested.exists():
        raise SystemExit(f"error: {requested} exists; name another --folder")
    requested.mkdir(parents=True)
    return requested.resolve()


def report(options: argparse.Namespace, rows: Sequence[Row], table1: dict[str, str]) -> str:
    """All measurements and the machine, as JSON."""
    machine = {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }
    content = {
        "machine": machine,
        **{name: getattr(options, name) for name in ("scenes", "size", "seed", "workers")},
        "memory": "proportional set size of the process tree, sampled every 0.2 s",
        "stages": [asdict(row) for row in rows],
        "table1": table1,
    }
    return json.dumps(content, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and rehearse."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--scenes", type=int, default=100, help="4 to 500")
    parser.add_argument("--size", type=int, nargs=2, default=CANON_SIZE, metavar=("H", "W"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--config", type=Path, default=REPOSITORY / "config" / CONFIG)
    parser.add_argument("--folder", type=Path, help="working folder; must not exist")
    parser.add_argument("--keep", action="store_true", help="keep the working folder")
    parser.add_argument("--json", type=Path, help="file for all measurements")
    parser.add_argument("--markdown", type=Path, help="file for the table of stages")
    options = parser.parse_args(arguments)
    height, width = options.size
    images = options.scenes * height * width * BYTES_PER_PIXEL
    folder = work_folder(options.folder, images)
    prepare(folder, options.config, (height, width))
    steps = stages(options.scenes, (height, width), options.seed, options.workers)
    rows = rehearse(steps, folder)
    row = table1_row(folder)
    if not options.keep:
        shutil.rmtree(folder)
    print(markdown(rows), row, sep="\n")
    if options.markdown:
        write_text(options.markdown, markdown(rows))
    if options.json:
        write_text(options.json, report(options, rows, row))


if __name__ == "__main__":
    main()
