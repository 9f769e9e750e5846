"""Which program a process runs: its first words decide, not whatever it is about."""

from __future__ import annotations

from typing import Any

import psutil
import pytest

from pipeline.workflow.owner import is_program


class Process:
    def __init__(self, *words: str) -> None:
        self.words = [*words]

    def cmdline(self) -> list[str]:
        return self.words


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("snakemake --cores 1", True),
        ("/env/bin/snakemake", True),
        ("/env/bin/python -u /env/bin/snakemake --cores 1", True),
        ("/env/bin/python -m snakemake", True),
        ("sh -c snakemake-old", False),
        ("vim notes about snakemaking", False),
        # Six words are enough for Python's options.
        ("tail -n 20 -f --pid 7 snakemake", False),
        ("", False),
    ],
)
def test_commands(command: str, expected: bool) -> None:
    process: Any = Process(*command.split())
    assert is_program(process, "snakemake", "dmtbench") == expected


def test_a_process_that_has_gone() -> None:
    class Gone:
        def cmdline(self) -> list[str]:
            raise psutil.NoSuchProcess(7)

    process: Any = Gone()
    assert not is_program(process, "snakemake")
