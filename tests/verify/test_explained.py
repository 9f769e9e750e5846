"""Rows that differ: ways of scoring that would explain it are read beside the result, and named."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.factories import sensitivity, way
from support.played_canon import claims, own, papers, play, store

from pipeline.artifacts import RECORD, SENSITIVITY
from pipeline.files import sha256_of
from pipeline.places import Places
from pipeline.records import write_record
from pipeline.verify.own import Scored, read_scored
from pipeline.verify.page import page
from pipeline.verify.verification import Verification, verify

WORSE = [-31, -30, -29]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of a row that is 30 units of the last printed digit off the paper's everywhere."""
    monkeypatch.chdir(tmp_path)
    places = Places("canon", "canon")
    store(play("dmtnet-s", "DMTNet-S", WORSE), places)
    return places.results


def verified(folder: Path) -> Verification:
    scored: list[Scored] = read_scored(sorted(folder.iterdir()))
    return verify(own(scored), papers(), claims())


def score_in_other_ways(folder: Path, result_sha256: str) -> None:
    record = sensitivity(
        way("protocol", psnr=0.0, ssim=0.0, mae=0.0),
        way("half size", psnr=0.3, ssim=0.03, mae=0.03),
        way("Gaussian SSIM", psnr=0.0, ssim=0.001, mae=0.0),
        result_sha256=result_sha256,
    )
    write_record(folder / "dmtnet-s-seed0" / SENSITIVITY, record)


def test_without_other_scores_the_command_is_named(folder: Path) -> None:
    assert "dmtbench sensitivity dmtnet-s" in page(verified(folder))


def test_the_way_that_moves_as_far_is_proposed(folder: Path) -> None:
    score_in_other_ways(folder, sha256_of(folder / "dmtnet-s-seed0" / RECORD))
    (one,) = verified(folder).explained
    assert one.reasons is not None
    assert [reason.name for reason in one.reasons] == ["half size"]
    assert "a reason that would explain" in page(verified(folder))


def test_other_scores_of_another_result_do_not_count(folder: Path) -> None:
    score_in_other_ways(folder, "0" * 64)
    (one,) = verified(folder).explained
    assert one.reasons is None


def test_a_row_that_is_reproduced_needs_no_reason() -> None:
    scored = play("dmtnet-b", "DMTNet-B", [-0.1, 0.0, 0.1])
    found = verify(own(scored), papers(), claims())
    assert not found.explained
    assert "Why rows may differ" not in page(found)
