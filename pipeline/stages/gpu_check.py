"""GPU check stage: runs the parts one by one, each within its time, and writes the page."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipeline.checkout import code_in_use, git_state
from pipeline.compute.launch import gpus_held
from pipeline.compute.visible_gpus import visible_devices
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.errors import ConfigError, UserError
from pipeline.files import need_writable, write_text
from pipeline.gpu_check.children import Ended, describe, run_part
from pipeline.gpu_check.page import page, slug
from pipeline.gpu_check.parts import PARTS, Part
from pipeline.gpu_check.rows import Machine, Parts, Report
from pipeline.gpu_check.scale import SCALES, DeviceKind
from pipeline.progress_bars import steps_bar

LOGS = Path("logs")
_CHECKOUT = Path(__file__).resolve().parents[2]
_SHORTEST_S = 1.0
"""A part with less time than this is not started."""


@dataclass(frozen=True)
class Request:
    """What to check.

    `device`: `auto` takes a GPU if there is one. `only`: names of parts; empty for all.
    `budget_s`: seconds for everything, `None` for the usual. `output`: the page, `None` for the
    usual place. `command`: for the page.
    """

    device: Literal["auto", "cuda", "cpu"]
    only: tuple[str, ...]
    budget_s: float | None
    output: Path | None
    command: str


def gpu_check(request: Request) -> Path:
    """Run the parts and write the page, and its data as JSON beside it.

    Both are written anew after every part, so that an interrupted check leaves what it measured.

    Returns:
        The page.

    Raises:
        ConfigError: there is no such device or part, or the page's name does not end in `.md`.
        DataError: the page cannot be written.
        UserError: a part failed, or found an error; the page is written.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the page is written.
    """
    wanted = _wanted(request.only)
    _check_output(request.output)
    kind = _kind(request.device)
    scale = SCALES[kind]
    machine = describe(kind, LOGS / "gpu-check-machine.log")
    output = request.output or _usual_output(machine)
    need_writable(output.parent)
    check = _Check(request.command, request.budget_s or scale.budget_s, machine, output)
    with _sigterm_interrupts():
        for number, part in enumerate(wanted):
            ended = check.run(part, wanted[number:])
            if ended.outcome == "interrupted":
                check.leave_out(wanted[number + 1 :], "the check was interrupted")
                raise KeyboardInterrupt
    if problems := _problems(check.report()):
        raise UserError(f"{output}: {'; '.join(problems)}; the page and {LOGS}/ say more")
    return output


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: else the process of a part would outlive this one."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Check:
    """A check on its way.

    Args:
        command: command line, for the page.
        budget_s: seconds for everything.
        machine: the device.
        output: the page.
    """

    def __init__(self, command: str, budget_s: float, machine: Machine, output: Path) -> None:
        self.command, self.budget_s, self.machine, self.output = command, budget_s, machine, output
        self.experiment: Experiment = load_experiment(SCALES[machine.kind].config)
        self.created = datetime.now(UTC).isoformat(timespec="seconds")
        self.commit, self.dirty = git_state(_CHECKOUT, code_in_use(self.experiment))
        self.ended: dict[str, Ended] = {}
        self._started = time.monotonic()

    def run(self, part: Part, left: list[Part]) -> Ended:
        """Run a part within its share of the time that is left for it and the ones after it."""
        try:
            ended = self._held(part, left)
        except KeyboardInterrupt:
            ended = Ended("interrupted", "Ctrl-C or SIGTERM")
        self.ended[part.name] = ended
        if ended.outcome != "done":
            print(f"{part.title}: {ended.outcome} ({ended.reason})", file=sys.stderr, flush=True)
        self.write()
        return ended

    def leave_out(self, parts: Iterable[Part], reason: str) -> None:
        """Note that parts were not run, and why."""
        for part in parts:
            self.ended[part.name] = Ended("not started", reason)
        self.write()

    def report(self) -> Report:
        """All that is known so far."""
        return Report(
            machine=self.machine,
            command=self.command,
            created=self.created,
            git_commit=self.commit,
            git_dirty=self.dirty,
            budget_s=self.budget_s,
            seconds=time.monotonic() - self._started,
            parts=Parts.model_validate({name: vars(ended) for name, ended in self.ended.items()}),
        )

    def write(self) -> None:
        """Write the page and its data."""
        report = self.report()
        write_text(self.output.with_suffix(".json"), report.model_dump_json(indent=1) + "\n")
        write_text(self.output, page(report))

    def _held(self, part: Part, left: list[Part]) -> Ended:
        compute = self.experiment.compute.model_copy(update={"device": self.machine.kind})
        # A part that wants more GPUs than there are says so itself.
        count = min(part.gpus, self.machine.gpus)
        with gpus_held(compute, count) if count else nullcontext():
            limit_s = share_of(part, left, self.budget_s - (time.monotonic() - self._started))
            if limit_s < _SHORTEST_S:
                return Ended("not started", "nothing is left of the budget")
            with steps_bar(part.title, shown=True) as advance:
                return run_part(
                    part.name,
                    self.machine.kind,
                    limit_s=limit_s,
                    log=LOGS / f"gpu-check-{part.name}.log",
                    on_row=advance,
                )


def share_of(part: Part, left: list[Part], seconds: float) -> float:
    """Most seconds for a part, out of those that are left for it and the parts after it (`left`).

    >>> share_of(PARTS["rates"], list(PARTS.values()), 600)
    90.0
    """
    return seconds if part is left[-1] else seconds * part.share


def _wanted(only: tuple[str, ...]) -> list[Part]:
    for name in only:
        if name not in PARTS:
            raise ConfigError(f"--only: unknown part {name!r}; known: {', '.join(PARTS)}")
    return [part for part in PARTS.values() if not only or part.name in only]


def _check_output(output: Path | None) -> None:
    if output is not None and output.suffix != ".md":
        raise ConfigError(f"--output {output}: the page is Markdown; name a file that ends in .md")


def _kind(device: Literal["auto", "cuda", "cpu"]) -> DeviceKind:
    if device != "auto":
        return device
    if visible_devices():
        return "cuda"
    print(
        "no GPU is visible: CPU mode, which proves the script and says nothing about a GPU",
        file=sys.stderr,
        flush=True,
    )
    return "cpu"


def _usual_output(machine: Machine) -> Path:
    # A page of a CPU is nothing to publish.
    folder = Path("docs" if machine.kind == "cuda" else "reports")
    name = slug(machine.name) if machine.kind == "cuda" else "check-cpu"
    return folder / f"gpu-{name}.md"


def _problems(report: Report) -> list[str]:
    """What makes the command fail."""
    results: dict[str, Any] = {name: getattr(report.parts, name) for name in PARTS}
    failed = [name for name, result in results.items() if result and result.outcome == "failed"]
    found = [f"failed: {', '.join(failed)}"] if failed else []
    tests, drill = report.parts.tests, report.parts.kill
    if tests and (count := sum(row.failed for row in tests.rows)):
        found.append(f"{count} tests failed")
    if drill and not all(row.identical for row in drill.rows):
        found.append("a killed training differs from an uninterrupted one")
    return found
