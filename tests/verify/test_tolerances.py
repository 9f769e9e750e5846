"""The file of tolerances: its reasons hold, and a wrong file is refused on one line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.ndimage import gaussian_filter
from skimage import data
from support.paths import PUBLISHED

from pipeline.config.tolerances import TOLERANCES_FILE, load_tolerances
from pipeline.errors import ConfigError
from pipeline.evaluation.metrics import mae, psnr, ssim
from pipeline.reporting.published import PAPER_METRICS

METRICS = {"psnr": psnr, "ssim": ssim, "mae": mae}


@pytest.mark.parametrize("metric", PAPER_METRICS)
def test_rounding_is_half_a_unit_of_the_last_printed_digit(metric: str) -> None:
    half = load_tolerances().of(metric).rounding.value
    for name in ("table1.csv", "table2.csv"):
        with (PUBLISHED / name).open() as stream:
            for row in csv.DictReader(stream):
                for column, text in row.items():
                    if column.endswith(metric):
                        digits = len(text.partition(".")[2])
                        assert half == 0.5 * 10**-digits, (name, column)


def test_eight_bits_move_scores_less_than_the_protocol_may() -> None:
    chance, moved = np.random.default_rng(0), {name: [0.0] for name in METRICS}
    for name in ("astronaut", "coffee", "chelsea"):
        image = getattr(data, name)()[:200, :200] / 255
        # Finer than 8 bits, like the ground truth.
        target = np.clip(image + chance.uniform(-0.5, 0.5, image.shape) / 255, 0, 1)
        for sigma in (0.7, 1.2, 2.0, 3.0):
            blurred = np.clip(gaussian_filter(target, (sigma, sigma, 0)), 0, 1)
            rounded = np.round(blurred * 255) / 255
            if not 22 < psnr.score(blurred, target) < 31:
                continue
            for other in (target, np.round(target * 255) / 255):
                for metric, module in METRICS.items():
                    change = module.score(rounded, other) - module.score(blurred, target)
                    moved[metric].append(abs(change))
    assert len(moved["psnr"]) > 10
    for metric, changes in moved.items():
        limit = load_tolerances().of(metric).protocol.value
        assert limit / 4 < max(changes) < limit, metric


def changed(path: Path, change: Any) -> Path:
    content = yaml.safe_load(TOLERANCES_FILE.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["psnr"]["protocol"].pop("reason"), "psnr.protocol.reason"),
        (lambda c: c["psnr"]["protocol"].update(reason="  "), "psnr.protocol.reason"),
        (lambda c: c["ssim"].pop("seed_spread"), "ssim.seed_spread"),
        (lambda c: c.pop("mae"), "mae"),
        (lambda c: c.update(pnsr=c["psnr"]), "pnsr"),
        (lambda c: c["mae"]["rounding"].update(value=-1), "mae.rounding.value"),
        (lambda c: c["mae"]["rounding"].update(value="unknown"), "mae.rounding.value"),
        (lambda c: c["mae"]["seed_spread"].update(value="guess"), "mae.seed_spread.value"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, change: Any, expected: str) -> None:
    path = changed(tmp_path / "tolerances.yaml", change)
    with pytest.raises(ConfigError) as raised:
        load_tolerances(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: {expected}")
    assert "\n" not in message


def test_a_measured_spread_is_read(tmp_path: Path) -> None:
    path = changed(
        tmp_path / "tolerances.yaml", lambda c: c["psnr"]["seed_spread"].update(value=0.08)
    )
    found = load_tolerances(path)
    assert (found.psnr.spread, found.ssim.spread) == (0.08, None)
