"""A pytest plugin: `support.fuzz` chooses inputs by the code of `pipeline` that they reach.

    DMTBENCH_FUZZ=100000 PYTHONPATH=.:tests pytest -p support.guided_fuzz tests/fuzz -rP

It needs `atheris`, which no other part does and which is not in the lock file. Half of the inputs
are those of `support.mutations`; the others are what libFuzzer makes of inputs that reached new
code. Both are made before seals and containers (`Inputs.wrap`), so no input ends at a checksum.
libFuzzer ends its process, so each reader is fuzzed in a copy of this one.
"""

from __future__ import annotations

import os
import pickle
import random
import sys
import tempfile
from pathlib import Path

# Before anything of `pipeline` is loaded, since its code is instrumented on loading.
import atheris

atheris.instrument_imports(include=["pipeline"]).__enter__()

from support import fuzz  # noqa: E402
from support.mutations import Inputs  # noqa: E402

LONGEST = 1 << 20
"""Bytes of an input."""


def guided(
    read: fuzz.Read,
    inputs: Inputs,
    refusals: tuple[type[Exception], ...],
    count: int,
    seed: int,
) -> fuzz.Report:
    """As `support.fuzz.seeded`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, content in enumerate(inputs.intact):
            (corpus / str(number)).write_bytes(content)
        child = os.fork()
        if not child:
            try:
                _run(read, inputs, refusals, count, seed, folder)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        result, log = folder / "report", folder / "log"
        assert result.exists(), f"ended with {status}: {log.read_text(errors='replace')[-3000:]}"
        report: fuzz.Report = pickle.loads(result.read_bytes())
        reached = [line for line in log.read_text(errors="replace").splitlines() if "cov:" in line]
        print(*reached[-1:])
        return report


def _run(
    read: fuzz.Read,
    inputs: Inputs,
    refusals: tuple[type[Exception], ...],
    count: int,
    seed: int,
    folder: Path,
) -> None:
    report = fuzz.Report()

    def one(content: bytes) -> None:
        report.add(read, content, refusals)
        if report.outcomes.total() >= count:
            (folder / "report").write_bytes(pickle.dumps(report))
            os._exit(0)

    def mutate(content: bytes, longest: int, number: int) -> bytes:
        if number % 2:
            return inputs.damaged(random.Random(number))[:longest]
        changed: bytes = atheris.Mutate(content, longest)
        return changed

    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, sys.__stdout__.fileno())
    os.dup2(log, 2)
    # Time and memory are limited by `support.fuzz`.
    options = [f"-seed={seed + 1}", "-timeout=0", "-rss_limit_mb=0", f"-max_len={LONGEST}"]
    options += ["-len_control=0", "-print_final_stats=1"]
    atheris.Setup(["fuzz", *options, str(folder / "corpus")], one, custom_mutator=mutate)
    atheris.Fuzz()


fuzz.feed = guided
