"""Progress of a training: the file that others watch, and lines where there is no terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.training.loop import CurvePoint, Step
from pipeline.training.progress import Progress, State, read_state, texts


def point(psnr: float | None, epoch: int = 3) -> CurvePoint:
    return CurvePoint(epoch, 40, 1e-3, 0.12345, psnr)


def step(samples: int, loss: float = 0.1) -> Step:
    return Step(3, samples, 1e-3, {"mse": loss - 0.05, "l1": 0.05}, (2, 6, 16, 16))


def test_the_file_is_there_while_it_lasts(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "mine.progress.json"
    with Progress("mine", file) as progress:
        progress.step(step(8, 0.25), 80)
        state = read_state(file)
        assert state is not None
        assert state._replace(rate=0) == State("mine", 8, 80, 0.25, None, 0)
        assert state.rate > 0
    assert not list(file.parent.iterdir())


def test_the_file_goes_when_training_fails(tmp_path: Path) -> None:
    file = tmp_path / "mine.progress.json"

    def fail() -> None:
        with Progress("mine", file) as progress:
            progress.step(step(8, 0.25), 80)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not file.exists()


def test_the_file_is_written_now_and_then_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    now = 1000.0
    monkeypatch.setattr("pipeline.training.progress.time.monotonic", lambda: now)
    monkeypatch.setattr(
        "pipeline.training.progress.write_text", lambda path, text: written.append(text)
    )
    with Progress("mine", tmp_path / "file") as progress:
        for samples in range(100):
            progress.step(step(samples), 100)
            now += 0.1
    # Ten seconds: once every half a second and a bit.
    assert 15 <= len(written) <= 20
    assert json.loads(written[-1])["samples"] > 90


def test_validated_epochs_are_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("mine") as progress:
        progress.step(step(40), 80)
        progress.epoch(point(None))
        progress.epoch(point(21.345))
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("mine: epoch 3, 40 crops, loss 0.1235, validation 21.34 dB, ")


def test_the_last_validation_stays_in_the_state() -> None:
    with Progress("mine") as progress:
        progress.epoch(point(21.0))
        progress.step(step(48), 80)
        progress.epoch(point(None))
    assert (progress.state.psnr, progress.state.samples) == (21.0, 48)


def test_texts() -> None:
    assert texts(State("mine", 0, 0, None, None, 0.0)) == {"loss": "-", "psnr": "-", "rate": "0"}
    full = State("mine", 1, 2, 0.01234, 20.456, 12.6)
    assert texts(full) == {"loss": "0.0123", "psnr": "20.46", "rate": "13"}
