"""The profiles for clusters: what they ask for, and that schedulers know every field."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from support.paths import REPOSITORY

from pipeline.workflow.stop import PATIENCE_S

SLURM = REPOSITORY / "profiles" / "slurm"
KUBERNETES = REPOSITORY / "profiles" / "kubernetes"


def parsed(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Any:
    """The profile as Snakemake's command line reads it."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    from snakemake.cli import parse_args

    for name in ("ACCOUNT", "PARTITION"):
        monkeypatch.delenv(f"DMTBENCH_SLURM_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return parse_args(["--profile", str(SLURM)])[1]


def test_account_and_partition_are_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = parsed(monkeypatch)
    assert plain.executor == "slurm"
    assert not [
        text for text in plain.default_resources.args if "slurm_" in text and "extra" not in text
    ]
    named = parsed(monkeypatch, DMTBENCH_SLURM_ACCOUNT="mine", DMTBENCH_SLURM_PARTITION="gpu")
    assert {"slurm_account=mine", "slurm_partition=gpu"} <= set(named.default_resources.args)


def test_a_job_that_failed_removes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # It may be one of a node that was cut off, whose work another job has finished since.
    assert parsed(monkeypatch).keep_incomplete


def test_the_command_takes_the_place_of_its_shell() -> None:
    # A shell would end on SIGTERM before the state is saved.
    rule = (REPOSITORY / "pipeline" / "rules" / "train.smk").read_text()
    assert rule.partition("shell:")[2].split('"')[1].startswith("exec dmtbench train ")


def manifest(name: str) -> Any:
    return yaml.safe_load((KUBERNETES / name).read_text())


def test_kubernetes_knows_every_field() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    for path in KUBERNETES.iterdir():
        validate.validate(manifest(path.name), validate.latest_version(), strict=True)
    job = manifest("job.yaml")
    job["spec"]["template"]["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(validate.ValidationError, match="volumeMount"):
        validate.validate(job, validate.latest_version(), strict=True)


def test_a_pod_gets_the_time_that_trainings_get() -> None:
    volume, job = manifest("volume.yaml"), manifest("job.yaml")
    pod = job["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > PATIENCE_S
    (container,) = pod["containers"]
    names = {mount["name"] for mount in container["volumeMounts"]}
    assert names == {each["name"] for each in pod["volumes"]}
    claims = [
        each["persistentVolumeClaim"] for each in pod["volumes"] if "persistentVolumeClaim" in each
    ]
    assert claims == [{"claimName": volume["metadata"]["name"]}]
    *_, first, last = container["args"][0].splitlines()
    assert first == "make .venv/ready"
    assert last.startswith("exec .venv/bin/dmtbench run --config config/")
    assert (REPOSITORY / last.split()[-1]).is_file()
