"""The benchmark of the metrics runs, and fails if our SSIM is another one."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks import metrics

OPTIONS = ["--threads", "1", "--passes", "2", "--images", "3", "--size", "40", "64"]


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["metrics", *OPTIONS, *more])
    code = metrics.main()
    return code, capsys.readouterr().out


def test_a_tiny_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(monkeypatch, capsys)
    assert code == 0
    assert "40 x 64, threads: 1, medians of 2 passes" in text
    assert "3 images, all three metrics" in text
    code, text = run(monkeypatch, capsys, "--json")
    found = json.loads(text)
    assert code == 0
    assert found["difference"] < 1e-9
    assert min(found["ratio"], found["set_s"], found["convolution_gflop_per_s"]) > 0


def test_another_ssim_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    score = metrics.ssim.score
    monkeypatch.setattr(metrics.ssim, "score", lambda *pair: score(*pair) + 1e-8)
    assert run(monkeypatch, capsys)[0] == 1


def test_every_image_is_another_one() -> None:
    pair = metrics.image_pair((16, 24))
    moved = list(metrics._moved(pair, 4))
    assert len({target.tobytes() for _, target in moved}) == 4
