"""The help of every command: what it loads, shows, and gives as an example."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from support.paths import REPOSITORY
from typer.testing import CliRunner

from pipeline.cli import Panel, app

COMMAND = typer.main.get_command(app)
COMMANDS = COMMAND.commands  # type: ignore[attr-defined]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['dmtbench', '--help']\n"
        "from pipeline.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'snakemake', 'mlflow', 'pandas', 'cv2', 'matplotlib', 'numpy'}\n"
        # Reading an experiment takes as long as all of the help.
        "heavy |= {'scipy', 'pydantic', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for name in COMMANDS:
        assert name in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_panel(name: str) -> None:
    assert COMMANDS[name].rich_help_panel in list(Panel)


def test_help_shows_the_panels_in_their_order() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    places = [shown.index(f"─ {panel} ─") for panel in Panel]
    assert places == sorted(places)
    assert "─ Commands ─" not in shown


def test_python_m_pipeline_is_dmtbench(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "schemas", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    assert len(done.stdout.splitlines()) == len(list(tmp_path.iterdir())) > 0


def example(name: str) -> list[str]:
    epilog = COMMANDS[name].epilog
    assert epilog.startswith(f"Example: dmtbench {name}")
    return shlex.split(epilog.removeprefix("Example: dmtbench"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_in_its_help(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0
    assert " ".join(example(name)) in " ".join(shown.output.split())
    assert COMMANDS[name].help


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_work_as_typed(name: str) -> None:
    arguments = example(name)
    assert arguments[0] == name
    # Parses and checks the arguments, without running the command.
    COMMANDS[name].make_context(name, arguments[1:])
