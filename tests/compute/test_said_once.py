"""What several processes have to say appears once, and always if there is no launcher."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from pipeline.compute import said_once
from pipeline.compute.distributed import World
from pipeline.compute.said_once import complain
from pipeline.training.checkpointing import CheckpointPolicy, checkpointing
from pipeline.training.precision import NonFinite


def test_the_same_words_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    complain("alone")
    complain("alone")
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(store.port))
    for text in ("one", "one", "two"):
        complain(text)
    del store
    assert capsys.readouterr().err.splitlines() == ["alone", "alone", "one", "two"]


def test_without_the_launcher_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(said_once, "_WAIT", timedelta(milliseconds=200))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "1")
    complain("one")
    assert capsys.readouterr().err.splitlines() == ["one"]


@pytest.mark.parametrize("rank", [0, 1])
def test_all_processes_name_the_last_good_state(tmp_path: Path, rank: int) -> None:
    (tmp_path / "step-000000007.state").touch()
    with (
        pytest.raises(NonFinite, match=r"became nan; the last good state is kept in .*000007"),
        checkpointing(CheckpointPolicy(tmp_path, 1e9), {}, World(rank, 2)),
    ):
        raise NonFinite("the loss became nan")
