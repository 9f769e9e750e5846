"""Tables of commands: for people, for other programs, as JSON."""

from __future__ import annotations

import json

import pytest

from pipeline.reporting import terminal
from pipeline.reporting.terminal import show_table

ROWS = [
    {"name": "[bold]a\tb", "value": 12.34567, "more": 1},
    {"name": "c", "value": None, "more": 2},
]


def test_elsewhere_it_is_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["name", "value"], ROWS, title="not shown")
    assert capsys.readouterr().out == "name\tvalue\n[bold]a b\t12.35\nc\t\n"


def test_json_has_every_value(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["name"], ROWS, as_json=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_on_a_terminal_it_is_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.sys.stdout, "isatty", lambda: True)  # type: ignore[attr-defined]
    show_table(["name", "value"], ROWS, title="Two rows")
    out = capsys.readouterr().out
    assert "Two rows" in out
    # Names may look like markup.
    assert "[bold]a b" in out
    assert "\t" not in out
