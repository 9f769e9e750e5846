"""States on disk: whole or passed over, of this training or refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import ConfigError, DataError
from pipeline.training.checkpoint import CheckpointStore, differences

PRINT = {"recipe": {"rate": 1e-4, "betas": (0.9, 0.99)}, "data": "abc", "seed": 3}


def store(folder: Path, **changes: Any) -> CheckpointStore:
    return CheckpointStore(folder, {**PRINT, **changes})


def snapshot(step: int) -> dict[str, Any]:
    return {"network": {"w": torch.full((3,), float(step))}, "best": None, "curve": [step, 0.5]}


def filled(folder: Path, steps: int = 3) -> list[Path]:
    for step in range(1, steps + 1):
        store(folder).save(snapshot(step), step)
    return sorted(folder.glob("*.state"))


def step_of(found: dict[str, Any] | None) -> int:
    assert found is not None
    assert found["network"]["w"].eq(found["curve"][0]).all()
    return int(found["curve"][0])


def test_the_newest_of_two_generations(tmp_path: Path) -> None:
    assert store(tmp_path / "none").load() is None
    paths = filled(tmp_path)
    assert [path.name for path in paths] == ["step-000000002.state", "step-000000003.state"]
    assert step_of(store(tmp_path).load()) == 3
    store(tmp_path).remove()
    assert not [*tmp_path.glob("*.state")]
    assert store(tmp_path).load() is None


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "pickle"])
def test_a_damaged_one_falls_back_loudly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    old, new = filled(tmp_path)
    content = new.read_bytes()
    spoilt = {
        "cut": content[: len(content) // 2],
        "bit": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        "empty": b"",
        "pickle": pickle.dumps("no state"),
    }
    new.write_bytes(spoilt[damage])
    assert step_of(store(tmp_path).load()) == 2
    line = capsys.readouterr().err
    assert line == f"warning: damaged: {new}; resuming from {old}\n"
    # The next one is written next to it as usual.
    store(tmp_path).save(snapshot(4), 4)
    assert step_of(store(tmp_path).load()) == 4


def test_all_damaged(tmp_path: Path) -> None:
    for path in filled(tmp_path):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{tmp_path}: every state is damaged; remove the folder"):
        store(tmp_path).load()


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("raise SystemExit('executed')",))


def test_nothing_in_a_state_is_executed(tmp_path: Path) -> None:
    evil = store(tmp_path)
    evil.save({"network": Evil()}, 1)
    with pytest.raises(DataError, match="every state is damaged"):
        store(tmp_path).load()


def test_another_training_is_refused_with_the_difference(tmp_path: Path) -> None:
    filled(tmp_path)
    other = store(tmp_path, recipe={"rate": 2e-4, "betas": [0.9, 0.99]}, seed=None)
    with pytest.raises(ConfigError) as caught:
        other.load()
    message = str(caught.value)
    assert "step-000000003.state: belongs to another training (" in message
    assert "(recipe.rate: 0.0001 -> 0.0002; seed: 3 -> null)" in message
    assert "--fork" in message
    assert step_of(other.load(any_fingerprint=True)) == 3
    assert step_of(store(tmp_path).load()) == 3


def test_many_differences_are_counted(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(ConfigError, match=r"and 3 more\); undo"):
        store(tmp_path, **{f"key{number:02d}": number for number in range(13)}).load()


def test_differences_of_anything() -> None:
    assert differences({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}) == []
    assert differences({"a": {"b": 1}}, {"a": None, "c": "x"}) == [
        'a: {"b": 1} -> null',
        'c: null -> "x"',
    ]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="cannot be written"):
        store(tmp_path).save(snapshot(4), 4)
    monkeypatch.undo()
    assert step_of(store(tmp_path).load()) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-000000002.state",
        "step-000000003.state",
    ]
