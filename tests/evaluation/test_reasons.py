"""Reasons that would explain a difference from published values."""

from __future__ import annotations

from support.factories import sensitivity, way

from pipeline.evaluation.reasons import proposed_reasons

TOLERANCES = {"psnr": 0.05, "ssim": 0.003, "mae": 0.001}
RECORD = sensitivity(
    way("protocol", psnr=0.0, ssim=0.0, mae=0.0),
    way("scored at 8 bit", psnr=-0.02, ssim=-0.001, mae=0.002),
    way("Gaussian SSIM", psnr=0.0, ssim=0.015, mae=0.0),
    way("half-size scores", psnr=0.8, ssim=0.014, mae=-0.004),
    way("unclamped", psnr=-0.3, ssim=None, mae=0.0),
)


def names(**differences: float) -> list[str]:
    cells = {f"combined_{metric}": value for metric, value in differences.items()}
    return [reason.name for reason in proposed_reasons(cells, RECORD, TOLERANCES)]


def test_the_way_that_moves_as_far_is_proposed() -> None:
    assert names(psnr=0.0, ssim=-0.016, mae=0.0) == ["Gaussian SSIM"]
    assert names(psnr=-0.81, ssim=-0.016, mae=0.0042) == ["half-size scores", "Gaussian SSIM"]
    assert names(psnr=0.32, mae=0.0) == ["unclamped"]


def test_the_direction_counts() -> None:
    assert names(psnr=0.0, ssim=0.016, mae=0.0) == []
    assert names(psnr=-0.3) == []


def test_what_agrees_needs_no_reason() -> None:
    assert names(psnr=0.04, ssim=-0.002, mae=0.0009) == []


def test_a_way_that_spoils_what_agrees_is_no_reason() -> None:
    assert names(psnr=0.0, ssim=-0.014) == ["Gaussian SSIM"]
    assert names(ssim=-0.014) == ["half-size scores", "Gaussian SSIM"]


def test_a_movement_within_the_tolerance_explains_nothing() -> None:
    # 8 bits bring 0.06 dB to 0.04 dB, by less than the tolerance.
    assert names(psnr=0.06) == []


def test_words() -> None:
    cells = {"combined_psnr": -2.0, "combined_ssim": -0.015, "indoor_mae": 0.0}
    (reason,) = proposed_reasons(cells, RECORD, TOLERANCES)
    assert reason.unexplained == ("combined_psnr",)
    assert str(reason) == (
        "a reason that would explain combined ssim: Gaussian SSIM, but not combined psnr"
    )
