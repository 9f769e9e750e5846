"""The first result of a run, as it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.changed import changed_config
from support.factories import result
from support.fixture_types import Tiny

from pipeline.records import write_record
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.first_result import FirstResult

FOLDER = Path("results/tiny/dmtnet-s-seed0")


@pytest.fixture
def workflow(tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    monkeypatch.chdir(tmp_path)
    return Workflow(changed_config(tmp_path, tiny, {"first": "dmtnet-s"}))


def make(psnr: float, images: tuple[str, ...] = ("a.png", "b.png")) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    record = result("dmtnet-s", "DMTNet-S", psnr)
    write_record(FOLDER / "record.json", record.model_copy(update={"images": images}))


def test_the_first_result_is_told_once(workflow: Workflow) -> None:
    first = FirstResult(workflow)
    assert first.news() is None
    make(22.714)
    assert first.news() == (
        "First result: DMTNet-S 22.71 dB; "
        f"input, result and target side by side: {FOLDER}/images/a.png"
    )
    assert first.news() is None
    # Snakemake touches what a job made.
    (FOLDER / "record.json").touch()
    assert first.news() is None


def test_the_input_is_named_where_it_has_been_scored(workflow: Workflow) -> None:
    control = FOLDER.with_name("input-seed0")
    control.mkdir(parents=True)
    write_record(control / "record.json", result("input", "Input", 20.0))
    first = FirstResult(workflow)
    make(22.0, images=())
    assert first.news() == "First result: DMTNet-S 22.00 dB, its input 20.00 dB"


def test_an_earlier_result_is_no_news(workflow: Workflow) -> None:
    make(22.0)
    first = FirstResult(workflow)
    assert first.news() is None
    (FOLDER / "record.json").unlink()
    assert first.news() is None
    make(23.0, images=())
    assert first.news() == "First result: DMTNet-S 23.00 dB"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_result_is_not_shown(workflow: Workflow, content: bytes) -> None:
    first = FirstResult(workflow)
    FOLDER.mkdir(parents=True)
    (FOLDER / "record.json").write_bytes(content)
    assert first.news() is None


def test_an_experiment_without_a_first_method_shows_nothing(tiny: Tiny) -> None:
    assert FirstResult(Workflow(tiny.config)).news() is None
