"""Paired differences of a study: intervals, tests, effect sizes and power over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import RecordError
from pipeline.statistics.bootstrap import over_seeds_and_images
from pipeline.statistics.families import holm
from pipeline.statistics.means import effect_size, mean_of, two_sided_p
from pipeline.statistics.power import seeds_needed
from pipeline.study.pairs import StudyPair
from pipeline.study.verdicts import Difference, pair_verdict
from pipeline.verdicts import ENOUGH_SEEDS
from pipeline.verify.own import paired

METRIC = "psnr"
COLUMNS = (
    *("claim", "question", "one", "other", "seeds", "scenes"),
    *("difference", "low", "high", "p", "p_holm", "boot_low", "boot_high"),
    *("nested_low", "nested_high", "effect_size", "spread", "published", "seeds_needed"),
    *("seeds_for_margin", "margin", "equivalence_p", "equivalence_p_holm", "verdict"),
)
_MANY = 10
"""Decimals of the paper's difference that binary fractions have right."""

DIFFERENCES = ("one", "other", "repetition", "scene", "difference")

Images = Mapping[int, Mapping[str, float]]


def differences_frame(pairs: Sequence[StudyPair], scores: pd.DataFrame) -> pd.DataFrame:
    """PSNR of one method minus that of the other, for every pair, seed and scene.

    Args:
        pairs: of the study.
        scores: as `pipeline.study.collecting.scores_frame` returns them.

    Returns:
        Columns `one`, `other`, `repetition`, `scene`, `difference` (dB).

    Raises:
        RecordError: two methods have fewer than three seeds in common, or were scored on different
            images.
    """
    by_method = {name: _images(rows) for name, rows in scores.groupby("method", sort=False)}
    rows = [
        [pair.one, pair.other, seed, scene, value]
        for pair in pairs
        for seed, scene, value in _differences(pair, by_method)
    ]
    return pd.DataFrame(rows, columns=list(DIFFERENCES))


def _images(rows: pd.DataFrame) -> Images:
    """PSNR by repetition and scene."""
    return {
        int(repetition): dict(zip(one["scene"], one[METRIC], strict=True))
        for repetition, one in rows.groupby("repetition")
    }


def _differences(
    pair: StudyPair, by_method: Mapping[object, Images]
) -> Iterator[tuple[int, str, float]]:
    """Seed, scene and difference."""
    one, other = (by_method.get(name, {}) for name in (pair.one, pair.other))
    # A method that depends on no seed pairs with every repetition of the other.
    if len(one) == 1:
        one = dict.fromkeys(other, *one.values())
    elif len(other) == 1:
        other = dict.fromkeys(one, *other.values())
    found = paired(one, other)
    if len(found) < ENOUGH_SEEDS:
        raise RecordError(
            f"{pair.one} and {pair.other} have {len(found)} of {ENOUGH_SEEDS} seeds in common; "
            "`dmtbench run` with this experiment makes the others"
        )
    seeds = sorted(one.keys() & other.keys())
    for seed, values in zip(seeds, found.tolist(), strict=True):
        for scene, value in zip(sorted(one[seed]), values, strict=True):
            yield seed, scene, value


def compared(pairs: Sequence[StudyPair], differences: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Test the differences of every pair.

    Args:
        pairs: of the study.
        differences: as `differences_frame` returns them.
        margin: largest difference in dB that counts as none.

    Returns:
        One row per pair. `claim`: ids, separated by spaces. `difference`: mean PSNR of `one` minus
        that of `other`, in dB. `low`, `high`: 95 % t-interval over seeds. `p`, `p_holm`: t-test
        over seeds, and by Holm over all pairs. `boot_…`, `nested_…`: 95 % bootstrap over seeds and
        images, which all seeds share, or which belong to each seed alone. `effect_size`: mean over
        `spread`, the standard deviation over seeds. `published`: the paper's difference.
        `seeds_needed`, `seeds_for_margin`: to find that one, and one as large as `margin`, with a
        power of 80 %. `equivalence_p`: two one-sided tests of a difference within `margin`.
    """
    by_pair = {
        names: own.pivot(index="repetition", columns="scene", values="difference").to_numpy()
        for names, own in differences.groupby(["one", "other"], sort=False)
    }
    rows = [_row(pair, by_pair[pair.one, pair.other], margin) for pair in pairs]
    for name in ("p", "equivalence_p"):
        adjusted = holm([row[name] for row in rows])
        for row, value in zip(rows, adjusted, strict=True):
            row[f"{name}_holm"] = value
    for row, pair in zip(rows, pairs, strict=True):
        found = Difference(row["difference"], row["p_holm"], row["equivalence_p_holm"], margin)
        row["verdict"] = pair_verdict(found, pair.published)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        {"seeds_needed": "Int64", "seeds_for_margin": "Int64"}
    )


def _row(pair: StudyPair, differences: NDArray[np.float64], margin: float) -> dict[str, Any]:
    mean = mean_of(differences.mean(axis=1).tolist())
    low, high = mean.interval()
    boot_low, boot_high = over_seeds_and_images(differences, images="shared")
    nested_low, nested_high = over_seeds_and_images(differences, images="nested")
    return {
        "claim": " ".join(pair.claims),
        "question": pair.question,
        "one": pair.one,
        "other": pair.other,
        "seeds": differences.shape[0],
        "scenes": differences.shape[1],
        "difference": mean.value,
        "low": low,
        "high": high,
        "p": two_sided_p(mean),
        "boot_low": boot_low,
        "boot_high": boot_high,
        "nested_low": nested_low,
        "nested_high": nested_high,
        "effect_size": effect_size(mean),
        "spread": mean.spread,
        "published": None if pair.published is None else round(pair.published, _MANY),
        "seeds_needed": seeds_needed(pair.published, mean.spread) if pair.published else None,
        "seeds_for_margin": seeds_needed(margin, mean.spread),
        "margin": margin,
        "equivalence_p": mean.equivalence_p(-margin, margin),
    }
