"""LaTeX and BibTeX, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_latex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="no pdflatex (Debian: texlive-latex-recommended)"
)


def compiled(folder: Path, body: str, *packages: str) -> str:
    """Compile a document in a folder; returns the log, and fails on errors.

    It loads nothing else: files must not depend on what an author happens to load.
    """
    head = "".join(f"\\usepackage{{{name}}}\n" for name in packages)
    text = f"\\documentclass{{article}}\n{head}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (folder / "all.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120)
    log = (folder / "all.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-3000:]
    return log
