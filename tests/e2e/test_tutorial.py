"""The tutorial as a reader follows it: its commands and files, in a clone of this repository.

Only the installation is replaced: the clone gets the environment of this test.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.clones import publish
from support.paths import DOCS
from support.tutorial import Block, Session, blocks, missing, prepare_environment, run

PAGE = blocks((DOCS / "tutorial.md").read_text(encoding="utf-8"))
SHOWN = [number for number, block in enumerate(PAGE) if block.language == "text"]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    if not (Path(sys.executable).parent / "activate").exists():
        pytest.skip("needs a virtual environment")
    published, folder = tmp_path_factory.mktemp("published"), tmp_path_factory.mktemp("reader")
    publish(published)
    first = replace(PAGE[0], content=PAGE[0].content.replace("ADDRESS", str(published)))
    # The environment may have another checkout installed.
    variables = {"PYTHONPATH": str(folder / "dmtbench"), "MLFLOW_DISABLE_TELEMETRY": "true"}
    return run([first, *PAGE[1:]], folder, variables, prepare_environment("."))


def test_the_page_has_what_it_promises() -> None:
    assert "ADDRESS" in PAGE[0].content
    titles = {block.title for block in PAGE if block.title}
    assert titles == {"baselines/view_mixer.py", "config/tutorial.yaml"}
    assert {block.language for block in PAGE if not block.title} == {"sh", "text"}
    assert SHOWN
    assert missing("a 1.25 b\nc 2.5", "head\na   1.27  b\nc 2.9") == ["c 2.5"]
    assert missing("3 jobs", "4 jobs") == ["3 jobs"]
    assert blocks("```sh\nls\n```\n") == [Block("sh", "", "ls\n")]


@pytest.mark.e2e
@pytest.mark.slow
def test_every_command_works(session: Session) -> None:
    assert session.status == 0, session.errors[-3000:]


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize("number", SHOWN)
def test_commands_print_what_the_page_shows(session: Session, number: int) -> None:
    assert missing(PAGE[number].content, session.printed[number - 1]) == []


@pytest.mark.e2e
@pytest.mark.slow
def test_the_new_method_learned_something(session: Session) -> None:
    rows = {}
    for line in "".join(session.printed).splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if cells[1:2] == ["demo"]:
            rows[cells[0]] = float(cells[2])
    assert rows["View mixer (tutorial)"] > rows["Input (no deblurring)"] + 0.5
