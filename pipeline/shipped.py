"""Where the files of the project lie that are not code: configuration, workflow, published numbers.

In a checkout they lie beside the packages, in a wheel inside this one (`pyproject.toml`).
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "project"

SHIPPED = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent
"""Folder of these files, laid out as the repository."""
