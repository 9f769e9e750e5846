"""Provenance: commit, packages, machine, checksums and time of a result."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from support.paths import CONFIG

from pipeline import provenance
from pipeline.config.experiment import load_experiment
from pipeline.errors import DataError
from pipeline.keys import Keys
from pipeline.records import Provenance

DEMO = CONFIG / "demo.yaml"
KEYS = Keys("a" * 64, {"method": "b" * 64})


def collect(manifest: Path | None = None, weights: Path | None = None) -> Provenance:
    experiment = load_experiment(DEMO)
    started = time.perf_counter() - 5
    return provenance.collect(
        experiment,
        command="dmtbench x",
        keys=KEYS,
        seeds={"init": 3},
        started=started,
        manifest=manifest,
        weights=weights,
    )


def test_collect_fills_every_field(tmp_path: Path) -> None:
    manifest, weights = tmp_path / "manifest.csv", tmp_path / "weights"
    manifest.write_bytes(b"m")
    weights.write_bytes(b"w")
    found = collect(manifest, weights)
    experiment = load_experiment(DEMO)
    assert found.command == "dmtbench x"
    assert (found.configuration_key, found.code) == (KEYS.configuration, KEYS.code)
    assert found.config_hash == experiment.digest()
    assert found.config["dataset"]["name"] == experiment.dataset.name
    assert found.manifest_sha256 == hashlib.sha256(b"m").hexdigest()
    assert found.weights_sha256 == hashlib.sha256(b"w").hexdigest()
    assert found.seeds == {"init": 3}
    assert 5 <= found.wall_s < 30
    assert {"python", "torch", "numpy", "scikit-image", "fvcore"} <= set(found.packages)
    assert found.packages["numpy"] == np.__version__
    age = datetime.now(UTC) - datetime.fromisoformat(found.created)
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert Provenance.model_validate_json(found.model_dump_json()) == found


def test_files_that_were_not_used_have_no_checksum() -> None:
    found = collect()
    assert found.manifest_sha256 is None
    assert found.weights_sha256 is None


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv"):
        collect(tmp_path / "absent.csv")


def test_hardware_is_described() -> None:
    facts = provenance.hardware()
    assert all(isinstance(value, str) and value for value in facts.values())
    assert {"platform", "cpu", "cores", "memory_mb", "gpu"} <= set(facts)
    assert int(facts["cores"]) >= 1
    assert int(facts["memory_mb"]) > 100


def test_peak_memory_grows_with_what_is_allocated() -> None:
    code = (
        "from pipeline.provenance import peak_memory_mib as peak\n"
        "before = peak(); block = bytearray(200 * 2**20); print(peak() - before)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert 190 < float(done.stdout) < 230


def test_collecting_does_not_load_torch() -> None:
    code = (
        "import sys\nfrom pipeline.provenance import hardware\n"
        "hardware()\nprint('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
