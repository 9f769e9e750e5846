"""Names of files in output for terminals: shown as they are, never read as rich's markup."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.fixture_types import Run
from support.projects import CONFIG

from pipeline.progress_bars import byte_bar, steps_bar, training_bar

# The first would be an error, the second would vanish.
NAMES = ["a [/red] b", "a [bold] b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_plan(run: Run, project: Path, name: str) -> None:
    config = Path(shutil.copytree("config", name), CONFIG.name)
    for removed in (None, Path("reports/small/table1.csv")):
        if removed:
            removed.unlink()
        done = run("plan", "--config", config)
        assert (done.code, done.err) == (0, [])
        # Lines are folded.
        assert name.replace(" ", "") in "".join(done.out).replace(" ", "")


@pytest.mark.parametrize("name", NAMES)
def test_progress_bars(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with byte_bar(shown=True) as files:
        files.add_task(name, total=1)
    with training_bar() as trainings:
        trainings.add_task(name, total=1, loss="1", psnr="2", rate="3")
    with steps_bar(name, shown=True) as advance:
        advance(1, 1)
    assert capsys.readouterr().err.count(name) == 3
