"""`CITATION.cff`, `.zenodo.json` and `pyproject.toml` say the same."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import yaml
from support.paths import REPOSITORY

CITATION: dict[str, Any] = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
ZENODO: dict[str, Any] = json.loads((REPOSITORY / ".zenodo.json").read_text())
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_zenodo_gets_what_the_citation_says() -> None:
    assert ZENODO["title"] == CITATION["title"] == PROJECT["name"]
    assert ZENODO["description"] == " ".join(CITATION["abstract"].split())
    assert ZENODO["keywords"] == CITATION["keywords"] == PROJECT["keywords"]
    assert ZENODO["license"].casefold() == CITATION["license"].casefold()
    assert CITATION["license"] == PROJECT["license"]
    names = [
        one.get("name") or f"{one['family-names']}, {one['given-names']}"
        for one in CITATION["authors"]
    ]
    assert [one["name"] for one in ZENODO["creators"]] == names
    papers = [known["value"] for work in CITATION["references"] for known in work["identifiers"]]
    assert [one["identifier"] for one in ZENODO["related_identifiers"]] == papers


def test_there_is_one_version() -> None:
    assert CITATION["version"] == PROJECT["version"]
    # Zenodo takes it from the tag.
    assert "version" not in ZENODO
