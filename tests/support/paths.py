"""Where the repository's files lie."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = REPOSITORY / "tests"
CONFIG = REPOSITORY / "config"
DOCS = REPOSITORY / "docs"
PUBLISHED = REPOSITORY / "reports" / "published"
COUNTED = REPOSITORY / "reports" / "counted" / "complexity.csv"
GOLDENS = TESTS / "goldens"
TINY = TESTS / "e2e" / "tiny.yaml"
