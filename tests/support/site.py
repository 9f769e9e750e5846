"""Builds of the documentation: the real one, and small ones with pages of a test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from support.paths import DOCS, REPOSITORY

SETTINGS = DOCS / "site" / "mkdocs.yml"
_PACKAGES = ("baselines", "config", "dmtnet", "pipeline")
_ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")


def build(settings: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Build a site; errors are left to the caller."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-f", settings, "--site-dir", target],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def small_repository(folder: Path, pages: dict[str, str]) -> Path:
    """Make a repository with these files and our packages; returns the settings of its site.

    Args:
        folder: where, empty.
        pages: Markdown by path; `README.md` and its like are added if they are missing.
    """
    for name in _PACKAGES:
        (folder / name).symlink_to(REPOSITORY / name)
    shutil.copytree(SETTINGS.parent, folder / "docs" / "site")
    usual = dict.fromkeys(_ROOT_PAGES, "# Title\n")
    records = {"docs/records.md": "# Records\n"}
    for name, text in (usual | records | pages).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    # The order of pages and the interface from docstrings belong to the real site.
    del settings["nav"]
    settings["plugins"] = ["search"]
    path = folder / "docs" / "site" / "mkdocs.yml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server on this machine that shows a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
