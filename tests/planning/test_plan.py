"""The plan: the jobs that would run, why, and costs that agree with what is counted elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.fixture_types import Tiny
from support.paths import CONFIG, PUBLISHED, REPOSITORY
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.config.blocks import Folder
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.data.manifest import build_manifest, write_manifest
from pipeline.data.synthetic.standin import make_standin
from pipeline.errors import ConfigError, DataError
from pipeline.evaluation.complexity import count_complexity
from pipeline.methods import get_method
from pipeline.planning.costs import macs_of, training_cost
from pipeline.planning.disk import size_of
from pipeline.planning.images import images_of
from pipeline.planning.speed import Speed
from pipeline.stages.plan import make_plan
from pipeline.workflow.jobs import planned_jobs

CANON = CONFIG / "canon.yaml"
VOLTA = Speed(15.7, 0.35)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which nothing has been made."""
    shutil.copytree(PUBLISHED, tmp_path / "reports" / "published")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return tmp_path


def files(folder: Path) -> dict[str, int]:
    """Everything in a folder, with the times of change."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_every_job_and_its_reason(here: Path, tiny: Tiny) -> None:
    before = files(here)
    jobs = planned_jobs(tiny.config, [])
    assert files(here) == before
    found = {(job.rule, job.name) for job in jobs}
    assert {name for rule, name in found if rule == "train"} == {
        *(f"dmtnet-{variant}-seed0" for variant in "tsblh"),
        *("dmtnet-b-fixed-seed0", "dmtnet-b-no-transformer-seed0"),
        *("unsharp-seed0", "linear-fit-seed0"),
    }
    assert {rule for rule, _ in found} >= {
        *("data", "store", "train", "evaluate", "complexity"),
        *("table1", "table2", "latex", "plot", "qualitative", "figures", "verdicts", "track"),
        "html",
    }
    assert len(jobs) == len(found)
    reasons = {job.rule: job.why for job in jobs}
    assert reasons["data"] == "Missing"
    assert reasons["store"] == "Missing output files; Input files updated by another job"


def test_what_is_made_needs_no_job(here: Path, tiny: Tiny) -> None:
    shutil.copy(tiny.config, here / "mine.yaml")
    target, config = "data/tiny/manifest.csv", Path("mine.yaml")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--cores", "1", target, "--configfile", str(config)]
    subprocess.run(command, check=True, capture_output=True)
    plan = make_plan(config, [target], VOLTA)
    assert (plan.jobs, plan.trainings) == ([], [])
    assert plan.images == target
    shown = CliRunner().invoke(app, ["plan", target, "--config", str(config)])
    assert "mine.yaml: nothing to do" in shown.output
    # A changed parameter is a reason of its own.
    text = config.read_text().replace("coc_far: [10.0, 14.0]", "coc_far: [10.0, 13.0]")
    config.write_text(text)
    (job,) = planned_jobs(config, [target])
    assert (job.rule, job.why) == ("data", "Made for another configuration or seed")


def test_the_state_of_a_run_that_starts_meanwhile_stays(
    here: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = here / ".snakemake" / "locks" / "0.output.lock"

    def dry_run(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        lock.parent.mkdir(parents=True)
        lock.write_text("reports/table1.csv")
        return subprocess.CompletedProcess([], 0, '{"jobs": [], "errors": []}', "")

    monkeypatch.setattr(subprocess, "run", dry_run)
    assert planned_jobs(tiny.config, []) == []
    assert lock.exists()


def test_a_plan_does_not_disturb_a_run_that_starts_meanwhile(here: Path, tiny: Tiny) -> None:
    before = files(here)
    command = [sys.executable, "-m", "pipeline.workflow.dry_run", "--cores", "1"]
    command += ["--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", str(tiny.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as planning:
        lock = here / ".snakemake" / "locks" / "0.output.lock"
        while planning.poll() is None and not lock.exists():
            # As soon as the plan is under way, a run makes its state.
            lock.parent.mkdir(parents=True, exist_ok=True)
            lock.write_text("reports/table1.csv")
        planning.communicate()
    assert planning.returncode == 0
    assert lock.read_text() == "reports/table1.csv"
    shutil.rmtree(here / ".snakemake")
    assert files(here) == before


def test_hard_links_take_their_space_once(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "weights").write_bytes(bytes(1000))
    (tmp_path / "runs" / "again").hardlink_to(tmp_path / "runs" / "weights")
    (tmp_path / "runs" / "other").write_bytes(bytes(500))
    assert size_of(tmp_path / "runs") == 1500
    assert size_of(tmp_path / "gone") == 0


@pytest.fixture(scope="module")
def canon() -> Experiment:
    return load_experiment(CANON)


def test_the_canon_run_without_any_data(here: Path) -> None:
    data = yaml.safe_load(CANON.read_text())
    # The others differ in size only; counting takes seconds for each.
    data["only"] = ["dmtnet-t", "unsharp"]
    (here / "mine.yaml").write_text(yaml.safe_dump(data))
    before = files(here)
    arguments = ["plan", "reports/table1.csv", "--config", "mine.yaml", "--json"]
    shown = CliRunner().invoke(app, [*arguments, "--gpu-tflops", "10", "--utilization", "0.5"])
    assert files(here) == before
    plan = json.loads(shown.output)
    # Both are trained, but a closed-form fit takes no steps.
    trained = [job["wildcards"]["method"] for job in plan["jobs"] if job["rule"] == "train"]
    assert sorted(trained) == ["dmtnet-t", "unsharp"]
    # 28 windows of each of 350 images, if none is left out, 1000 times, in batches of 8.
    windows = 350 * (28 - int(28 * data["patches"].get("discard", 0)))
    (cost,) = plan["trainings"]
    assert plan["windows"] == windows
    assert (cost["samples"], cost["steps"]) == (1000 * windows, 125 * windows)
    assert cost["macs_per_sample"] == pytest.approx(162.590e9 * 512**2 / (1120 * 1680), rel=5e-3)
    hours = 6 * cost["macs_per_sample"] * cost["samples"] / 5e12 / 3600
    assert cost["gpu_hours"] == plan["total"]["gpu_hours"] == pytest.approx(hours)
    image = 1120 * 1680 * 6
    expected = {use["what"]: use["expected"] for use in plan["disk"]}
    assert expected["images"] == 500 * 4 * image
    assert expected["pixel store"] == 424 * 4 * image
    assert expected["weights"] == 4 * 1_233_395
    assert plan["total"]["missing_bytes"] == sum(expected.values())
    assert "estimate" in plan["images"]
    asks = {(job["rule"], job["wildcards"].get("method")): job for job in plan["jobs"]}
    network, control = asks["train", "dmtnet-t"], asks["train", "unsharp"]
    assert (network["gpu"], control["gpu"], asks["data", None]["gpu"]) == (1, 0, 0)
    # Eight workers of the loader and its ring of 642 MB.
    assert network["mem_mb"] > 8 * 293 + 642
    # The limit is that of a V100, whatever speed the table of GPU hours assumes.
    assert network["runtime"] > 2 * 60 * hours * 5e12 / VOLTA.flops
    assert plan["options"][0] == "--cores"


def test_real_images_are_counted(here: Path, canon: Experiment) -> None:
    make_standin(here / "raw", 8, 0, (512, 768), 1, progress=False)
    write_manifest(here / "manifest.csv", build_manifest(here / "raw"))
    images = images_of(canon.dataset, here / "manifest.csv")
    # 1 x 3 windows of each of five images: 0, 204 and the flush 256.
    assert images.windows(canon.patches) == 15
    assert images.raw_bytes("train", "val") == 6 * 4 * 512 * 768 * 6


def test_an_unknown_set_must_be_counted_first(here: Path) -> None:
    other = Folder(kind="folder", name="mine", root="somewhere")
    with pytest.raises(DataError, match=r"manifest\.csv: does not exist yet; make it first"):
        images_of(other, here / "manifest.csv")


def test_counts_agree_with_the_complexity_record(tmp_path: Path, canon: Experiment) -> None:
    method = get_method("dmtnet-t", canon)
    network = method.build()
    alone = macs_of(canon, method, network, 512, tmp_path)
    record = count_complexity(method, canon.complexity_size, tmp_path)
    recorded = macs_of(canon, method, network, 512, tmp_path)
    assert recorded == round(record.flops_fvcore * 512**2 / (1120 * 1680))
    # Only the windows that a full image pads are left out.
    assert alone == pytest.approx(recorded, rel=5e-3)
    assert alone != recorded
    # A record of another size or of older code is not used.
    other = canon.model_copy(update={"complexity_size": (512, 512)})
    assert macs_of(other, method, network, 512, tmp_path) == alone


def test_a_narrow_net_is_not_taken_for_the_full_one(tmp_path: Path, tiny: Tiny) -> None:
    method = get_method("dmtnet-t", tiny.experiment)
    count_complexity(method, tiny.experiment.complexity_size, tmp_path)
    cost = training_cost(tiny.experiment, "dmtnet-t", "t", 1, tmp_path, 1e12)
    assert cost is not None
    network = method.build(**tiny.experiment.trained_kwargs("dmtnet-t"))
    assert cost.weight_bytes == 4 * sum(p.numel() for p in network.parameters()) < 1e6
    assert cost.macs_per_sample < 0.2 * macs_of(tiny.experiment, method, network, 32, tmp_path) * 8


def test_memory_follows_the_batch_and_the_precision(tiny: Tiny, tmp_path: Path) -> None:
    def memory(**changes: Any) -> int:
        recipe = tiny.experiment.recipes["dmtnet"].model_copy(update=changes)
        experiment = tiny.experiment.model_copy(update={"recipes": {"dmtnet": recipe}})
        cost = training_cost(experiment, "dmtnet-b", "b", 4, tmp_path, 1e12)
        assert cost is not None
        return cost.memory_bytes

    one, two, three = (memory(batch_size=size) for size in (1, 2, 3))
    # The peak is the larger of several sums: in miniature, weights still matter for one crop.
    assert three - two >= two - one > 5e5
    assert memory(batch_size=3, accumulate=3) == one
    assert memory(batch_size=3, accumulate=2) == two


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("reports/table9.csv", "No rule to produce reports/table9.csv"),
        (
            "results/tiny/nobody-seed0/record.json",
            "No rule to produce results/tiny/nobody-seed0/record.json",
        ),
    ],
)
def test_a_target_that_nothing_makes(here: Path, tiny: Tiny, target: str, words: str) -> None:
    before = files(here)
    with pytest.raises(ConfigError) as caught:
        planned_jobs(tiny.config, [target])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(here) == before


def test_a_damaged_manifest(here: Path, tiny: Tiny) -> None:
    manifest = here / "data" / "tiny" / "manifest.csv"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("nonsense\n")
    with pytest.raises(DataError, match=r"manifest\.csv:1"):
        make_plan(tiny.config, [], VOLTA)
