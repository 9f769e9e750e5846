"""What the Snakefile gets: runs and paths."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

import pytest
from support.changed import changed_config as write
from support.fixture_types import Tiny

from pipeline.chain.report_rows import methods_of
from pipeline.errors import ConfigError
from pipeline.workflow.experiment import Workflow, load_workflow

NAMES = ("dmtnet-t", "dmtnet-b", "dmtnet-b-fixed", "input", "unsharp")
NETS = ("dmtnet-t", "dmtnet-b", "dmtnet-b-fixed")


def test_names_and_paths(tiny: Tiny) -> None:
    workflow = Workflow(tiny.config)
    assert Path(workflow.config).resolve() == tiny.config
    assert (workflow.raw, workflow.places.runs) == ("data/tiny/raw", Path("runs/tiny"))
    ablations = ["dmtnet-b-no-transformer", "dmtnet-b-fixed"]
    assert methods_of(workflow.experiment, "table2") == [*ablations, "dmtnet-b"]
    assert workflow.all_methods == [*workflow.experiment.methods_run(), *ablations]
    assert [name for name in NAMES if workflow.learns(name)] == [*NETS, "unsharp"]


@pytest.mark.parametrize(("kind", "name"), [("canon", "canon"), ("folder", "mine")])
def test_real_images_stay_where_they_are(tmp_path: Path, tiny: Tiny, kind: str, name: str) -> None:
    dataset = {"kind": kind, "name": name, "root": "/somewhere/DPDD"}
    workflow = Workflow(write(tmp_path, tiny, {"dataset": dataset}))
    assert workflow.raw == "/somewhere/DPDD"
    assert workflow.places.data == Path("data", name)


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("auto", 1), ("cuda", 1)])
def test_a_gpu_is_asked_for_where_it_can_be_used(
    tmp_path: Path, tiny: Tiny, device: str, gpus: int
) -> None:
    changes = {"compute/device": device, "compute/gpus_per_run": 2}
    experiment = Workflow(write(tmp_path, tiny, changes)).experiment
    assert experiment.training_gpus("dmtnet-b") == 2 * gpus
    assert experiment.gpus("dmtnet-b") == gpus
    # Methods without a network compute on the CPU.
    assert experiment.training_gpus("unsharp") == experiment.gpus("unsharp") == 0
    assert experiment.compute_of(experiment.entry("unsharp")).device == "cpu"


def test_the_command_lines_file_comes_first(tiny: Tiny) -> None:
    assert (
        load_workflow([tiny.config, "config/demo.yaml"], {}).config == Workflow(tiny.config).config
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_on_a_full_disk_hides_no_message(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = logging.makeLogRecord({"msg": "Error in rule train"})
    for quiet in (False, True):
        monkeypatch.setattr(logging, "raiseExceptions", True)
        if quiet:
            load_workflow([tiny.config], {})
        handler = logging.FileHandler("/dev/full")
        handler.emit(record)
        with suppress(OSError):
            handler.close()
        assert ("No space left" in capsys.readouterr().err) is not quiet


def test_values_on_the_command_line_are_refused(tiny: Tiny) -> None:
    with pytest.raises(SystemExit, match=r"^error: --config seed repetitions: .*--configfile"):
        load_workflow([tiny.config], {"seed": 1, "repetitions": 2})


def test_an_unusable_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        load_workflow([tmp_path / "gone.yaml"], {})
    assert str(caught.value).startswith(f"error: {tmp_path / 'gone.yaml'}: cannot be read")
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):
        Workflow(tmp_path / "gone.yaml")


def test_one_file_has_one_name_however_it_is_given(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, tiny, {})
    monkeypatch.chdir(tmp_path)
    assert Workflow(path).config == Workflow(Path(path.name)).config == "mine.yaml"
    monkeypatch.chdir(tmp_path.parent)
    assert Workflow(path).config == f"{tmp_path.name}/mine.yaml"


def test_methods_can_be_left_out(tiny: Tiny, tmp_path: Path) -> None:
    own = {"module": "dmtnet", "row": "Mine", "recipe": "dmtnet"}
    left_out = [*tiny.experiment.not_run, "mine"]
    workflow = Workflow(write(tmp_path, tiny, {"methods": {"mine": own}, "not_run": left_out}))
    assert "mine" in workflow.experiment.methods
    assert "mine" not in workflow.experiment.methods_run()
    assert "mine" not in workflow.all_methods
