"""The list of what a release is made of holds every pin of the lock file, with its checksums.

Needs: `uvx` (from uv), and an index of Python packages for it. Takes half a minute.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.paths import REPOSITORY

pytestmark = pytest.mark.drill

_PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def test_the_bill_of_materials(tmp_path: Path) -> None:
    if not shutil.which("uvx"):
        pytest.skip("needs uvx (https://docs.astral.sh/uv)")
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    subprocess.run(["make", "sbom"], cwd=tmp_path, check=True, capture_output=True, timeout=600)
    bill = json.loads((tmp_path / "build" / "sbom.json").read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "dmtbench"
    found = {(part["name"], part["version"]): part for part in bill["components"]}
    lock = (tmp_path / "requirements.lock").read_text(encoding="utf-8")
    assert set(found) == set(_PIN.findall(lock))
    assert all(
        reference["hashes"] for part in found.values() for reference in part["externalReferences"]
    )
