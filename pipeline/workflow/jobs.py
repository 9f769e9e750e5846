"""The jobs that the workflow would run now, and the reason for each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.chain.experiment import Chain
from pipeline.errors import ConfigError
from pipeline.shipped import SHIPPED
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.resources import MAY_COUNT

SNAKEFILE = SHIPPED / "Snakefile"
_TAIL = 300
# More than any job asks for: Snakemake cuts the threads of jobs down to it.
_CORES = str(10**6)
_FORCED = "Forced execution"
# How Snakemake shows an error in a function of a rule.
_CAUSE = re.compile(r"^Error:\n +\w+: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """One job: its rule and wildcards, the reasons, its inputs and outputs, and its resources.

    `mem_mb` is main memory in MB, `runtime` the time limit in minutes, `gpu` the number of GPUs.
    `None`: not known before the manifest of somebody's own set is made.
    """

    rule: str
    wildcards: dict[str, str]
    reason: str
    input: list[str]
    output: list[str]
    threads: int
    mem_mb: int | None
    gpu: int
    runtime: int | None

    @property
    def name(self) -> str:
        """Distinguishes the jobs of one rule: `dmtnet-b-seed0`, or the name of a data set."""
        keys = ("method", "repetition", "dataset")
        method, repetition, dataset = (self.wildcards.get(key) for key in keys)
        return f"{method}-seed{repetition}" if repetition is not None else method or dataset or ""

    @property
    def why(self) -> str:
        """The reason without names of files, such as `Missing output files`."""
        parts = re.split(r"; (?=[A-Z])", self.reason)
        return "; ".join(part.split(":")[0].strip() for part in parts)


def planned_jobs(config: Path, targets: list[str]) -> list[Job]:
    """Jobs that Snakemake would run in the current folder, each once, in a possible order.

    Args:
        config: the experiment file.
        targets: files to make; the default target when empty.

    Nothing is written to the folder or removed from it: a run may start in the meantime. Modules of
    methods are imported, in another process: their networks are counted.

    Returns:
        The jobs; empty if everything is up to date.

    Raises:
        ConfigError: Snakemake cannot make a target; the message gives its reason.
    """
    command = [sys.executable, "-m", "pipeline.workflow.dry_run", "--snakefile", str(SNAKEFILE)]
    command += ["--cores", _CORES, *targets, "--configfile", str(config.absolute())]
    may_count = {**os.environ, MAY_COUNT: "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=may_count)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        found = {"errors": [done.stderr[-_TAIL:]]}
    if done.returncode:
        reason = _brief(found["errors"] or [done.stderr[-_TAIL:]])
        raise ConfigError(f"{config}: cannot be planned ({reason}); check the targets")
    # A rule without outputs only collects the outputs of others.
    jobs = [Job(**job) for job in found["jobs"] if job["output"]]
    return _with_reasons(jobs, config) if any(_FORCED in job.reason for job in jobs) else jobs


def _with_reasons(jobs: list[Job], config: Path) -> list[Job]:
    """The jobs with our own reasons in place of Snakemake's for a forced job."""
    chain = Workflow(config).chain
    found = {chain.artifacts[name].outputs[0].as_posix(): why for name, why in _made(chain)}
    reasons = ([found[path] for path in job.output if path in found] for job in jobs)
    return [
        replace(job, reason=why[0] if why else job.reason)
        for job, why in zip(jobs, reasons, strict=True)
    ]


def _made(chain: Chain) -> Iterable[tuple[str, str]]:
    return ((name, why[0].upper() + why[1:]) for name, why in chain.to_make().items())


def _brief(errors: list[str]) -> str:
    """Messages as one line; of an error in our functions its message, of others the last line."""
    words: list[str] = []
    for error in errors:
        cause = _CAUSE.search(error)
        last = error.strip().splitlines()[-1:] if "Traceback" in error else error.split()
        words += cause[1].split() if cause else last
    return " ".join(words)
