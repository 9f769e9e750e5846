"""A training on awkward machines: the same weights as on any other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from support.fixture_types import Tiny
from support.paths import REPOSITORY

from pipeline.files import sha256_of

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

# Letters whose case and encoding differ by language.
FOLDER = "İnsan ıĞ ä 模糊"
LITTLE_MEMORY = 'mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$0" "$@"'
CONDITIONS = {
    "few open files": ["prlimit", "--nofile=256:256"],
    "64 MB of shared memory": ["unshare", "--mount", "sh", "-c", LITTLE_MEMORY],
    "clock set back": ["faketime", "-f", "-400d"],
    "Turkish": ["env", "LC_ALL=tr_TR.UTF-8", "LANGUAGE=tr"],
    "ASCII": ["env", "LC_ALL=C", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0"],
    "no home": ["env", "-u", "XDG_CACHE_HOME", "HOME=/nonexistent/home"],
}


def _needed(command: Sequence[str]) -> None:
    """Skip without the tool or the right to use it."""
    probe = [*command, "python3", "-c", "import locale; locale.setlocale(locale.LC_ALL, '')"]
    if not shutil.which(command[0]):
        pytest.skip(f"needs {command[0]}")
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{command[0]} does not work here: {done.stderr.strip()[-200:]}")


def _train(tiny: Tiny, folder: Path, condition: Sequence[str]) -> Path:
    data = yaml.safe_load(tiny.config.read_text(encoding="utf-8"))
    data["compute"] |= {"loader_workers": 2, "device": "cpu"}
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "small.yaml"
    config.write_text(yaml.safe_dump(data), encoding="utf-8")
    inputs = ["--store", tiny.store, "--patches", tiny.patches, "--manifest", tiny.manifest]
    command = [sys.executable, "-m", "pipeline", "train", "dmtnet-t", *map(str, inputs)]
    done = subprocess.run(
        [*condition, *command, "--config", str(config), "--output", str(folder / "run")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "run" / "weights.safetensors"


@pytest.fixture(scope="module")
def expected(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Checksum of the weights of a training on an ordinary machine."""
    return sha256_of(_train(tiny, tmp_path_factory.mktemp("plain"), []))


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_a_training(tiny: Tiny, tmp_path: Path, expected: str, condition: list[str]) -> None:
    _needed(condition)
    assert sha256_of(_train(tiny, tmp_path / FOLDER, condition)) == expected
