"""The shell lines of the workflow's rules: as written, and as Snakemake renders them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

from support.paths import REPOSITORY

RULE = re.compile(r"^rule (\w+):$(.*?)(?=^rule |\Z)", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^    shell:\n((?:        .*\n?)+)", re.MULTILINE)

# Prints one JSON object per job: Snakemake tells each job's line to its loggers.
RENDER = """
import json, logging, sys
from snakemake.cli import main
class Lines(logging.Handler):
    def emit(self, record):
        if getattr(record, "shellcmd", None) and getattr(record, "rule_name", None):
            print(json.dumps([record.rule_name, record.shellcmd]))
logging.getLogger("snakemake").addHandler(Lines())
main(["--dry-run", "--nolock", "--cores", "1", *sys.argv[1:]])
"""


def templates() -> dict[str, str]:
    """The `shell:` of every rule, by rule."""
    found = {}
    for path in sorted((REPOSITORY / "pipeline" / "rules").glob("*.smk")):
        for name, body in RULE.findall(path.read_text(encoding="utf-8")):
            (block,) = SHELL.findall(body)
            found[name] = ast.literal_eval(f"({block})")
    return found


def rendered(folder: Path, config: Path, *targets: str) -> dict[str, list[str]]:
    """The lines of all jobs that a dry run in `folder` finds, by rule."""
    command = [sys.executable, "-c", RENDER, "--snakefile", str(REPOSITORY / "Snakefile")]
    done = subprocess.run(
        [*command, *targets, "--configfile", str(config)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith('["'):
            rule, shell = json.loads(line)
            lines.setdefault(rule, []).append(shell)
    return lines
