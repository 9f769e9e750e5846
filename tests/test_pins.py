"""The pins file: read with the experiment, written atomically, never losing an entry."""

from __future__ import annotations

import json
import multiprocessing
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import CONFIG

from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError, DataError
from pipeline.pins import (
    PinnedWeights,
    Pins,
    pin_manifest,
    pin_weights,
    pins_file,
    read_pins,
)

SUM, OTHER = "a" * 64, "b" * 64
WEIGHTS = PinnedWeights(sha256=SUM, source="the authors' page", added=date(2026, 1, 2))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: {CONFIG / 'demo.yaml'}\n", encoding="utf-8")
    return path


def test_an_experiment_knows_its_pins(config: Path) -> None:
    without = load_experiment(config)
    assert without.pins == Pins()
    pin_manifest(pins_file(config), "synthetic", SUM)
    pin_weights(pins_file(config), "dpdnet", WEIGHTS)
    with_pins = load_experiment(config)
    assert with_pins.pins == Pins(manifest={"synthetic": SUM}, weights={"dpdnet": (WEIGHTS,)})
    # Trusting a file must not make every record one of another experiment.
    assert with_pins.digest() == without.digest()
    assert "pins" not in with_pins.model_dump(mode="json")


def test_each_experiment_file_has_its_own_pins(config: Path) -> None:
    pin_manifest(pins_file(config), "synthetic", SUM)
    other = config.with_name("other.yaml")
    other.write_text(f"extends: {config.name}\n", encoding="utf-8")
    assert load_experiment(other).pins == Pins()


def test_pins_are_no_part_of_the_experiment_file(config: Path) -> None:
    config.write_text(config.read_text() + "pins: {manifest: {}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"mine\.yaml: pins: .*{pins_file(config).name}"):
        load_experiment(config)


def one_weight(entry: dict[str, str]) -> str:
    return json.dumps({"weights": {"dpdnet": [entry]}})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"manifests": {}}',
        '{"manifest": {"canon": "abc"}}',
        '{"manifest": {"canon": 7}}',
        '{"weights": {"dpdnet": {}}}',
        one_weight({"sha256": SUM, "source": "x"}),
        one_weight({"sha256": SUM, "source": "", "added": "2026-01-02"}),
        one_weight({"sha256": SUM, "source": "x", "added": "soon"}),
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_one_line(config: Path, content: str) -> None:
    path = pins_file(config)
    path.write_text(content, encoding="utf-8")
    for use in (lambda: load_experiment(config), lambda: pin_manifest(path, "canon", SUM)):
        with pytest.raises(ConfigError) as caught:
            use()
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
    # A damaged file is never overwritten.
    assert path.read_text(encoding="utf-8") == content


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pins.json"
    path.write_bytes(content)
    with suppress(ConfigError):
        read_pins(path)


def test_a_folder_in_its_place_is_one_line(config: Path) -> None:
    pins_file(config).mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_experiment(config)


def test_the_first_pin_stays(config: Path) -> None:
    path = pins_file(config)
    assert pin_manifest(path, "canon", SUM) == SUM
    before = path.read_bytes()
    assert pin_manifest(path, "canon", OTHER) == SUM
    assert pin_weights(path, "ifan", WEIGHTS) == WEIGHTS
    again = WEIGHTS.model_copy(update={"source": "elsewhere"})
    assert pin_weights(path, "ifan", again) == WEIGHTS
    assert read_pins(path).manifest == {"canon": SUM}
    assert path.read_bytes() != before


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"mine\.pins\.json: cannot be written"):
        pin_manifest(tmp_path / "file" / "mine.pins.json", "canon", SUM)


def _pin_many(path: Path, first: int) -> None:
    for number in range(first, first + 10):
        pin_manifest(path, f"set{number}", SUM)
        weights = WEIGHTS.model_copy(update={"sha256": f"{number:064x}"})
        pin_weights(path, "dpdnet", weights)


def test_concurrent_writers_lose_nothing(config: Path) -> None:
    path = pins_file(config)
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_pin_many, args=(path, 10 * number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    pins = read_pins(path)
    assert set(pins.manifest) == {f"set{number}" for number in range(40)}
    assert len({entry.sha256 for entry in pins.weights["dpdnet"]}) == 40
