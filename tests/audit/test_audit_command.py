"""`dmtbench audit`: its formats, its speed, and what it never loads."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import COUNTED, PUBLISHED, REPOSITORY
from typer.testing import CliRunner

from pipeline.cli import app, main

OPTIONS = ["--published", str(PUBLISHED), "--counted", str(COUNTED)]


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["audit", *OPTIONS, *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_json_has_one_object_a_line() -> None:
    found = [json.loads(line) for line in run("--json").splitlines()]
    assert len({one["id"] for one in found}) == len(found) > 25
    for one in found:
        assert list(one)[:5] == ["id", "verdict", "computed", "printed", "statement"]
        assert one["verdict"] in ("holds", "fails", "within rounding", "not decidable")
    slip = next(one for one in found if one["id"] == "C04")
    assert slip["verdict"] == "fails"
    assert slip["printed"] == 6.4
    low, high = slip["interval"]
    assert low < slip["computed"] < high
    assert next(one for one in found if one["id"] == "C17")["computed"] is None


def test_text_fits_the_terminal_and_names_every_claim() -> None:
    text = run()
    assert max(map(len, text.splitlines())) <= 160
    assert [line.split()[0] for line in text.splitlines() if line.startswith("C")] == [
        f"C{number:02d}" for number in range(1, 46)
    ]
    assert "45 claims: 14 fail, 15 hold, 5 cannot be decided, 11 are within rounding." in text


def test_markdown_is_a_table() -> None:
    rows = [line for line in run("--format", "markdown").splitlines() if line.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {6}
    assert any(row.startswith("| C04 | fails | arithmetic | 4.3.1 |") for row in rows)
    assert r"outdoor\_ssim" in "".join(rows)


def test_latex_is_escaped() -> None:
    text = run("--format", "latex")
    assert text.count(r"\\" + "\n") == 1 + 53
    body = text.replace(r"\%", "").splitlines()
    assert not any("%" in line for line in body[1:])
    assert r"outdoor\_ssim" in text


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "audit.md"
    assert run("--format", "markdown", "-o", str(path)) == f"{path}\n"
    assert path.read_text(encoding="utf-8") == run("--format", "markdown")


def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dmtbench", "audit", "--published", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (1, "")
    says = "cannot be read (No such file or directory); check the path"
    assert err == f"error: {tmp_path}/table1.csv: {says}\n"


def test_it_takes_less_than_two_seconds_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['dmtbench', 'audit']\n"
        "from pipeline.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'pandas', 'numpy', 'scipy', 'matplotlib', 'mlflow', 'snakemake'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stderr.strip() == "[]"
    # Processor time: other processes of the machine do not count.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
