"""Two of our methods on the same images: how large their difference is, and how certain."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.records import ResultRecord
from pipeline.reporting.compared import tolerances
from pipeline.statistics.bootstrap import over_images, over_seeds_and_images, wilcoxon_p
from pipeline.statistics.families import holm
from pipeline.statistics.means import effect_size, mean_of, two_sided_p
from pipeline.verdicts import ENOUGH_SEEDS, depends_on_seed
from pipeline.verify.own import Own, paired
from pipeline.verify.pairs import Pair

_EQUIVALENCE = 0.9
"""Confidence of the interval whose ends two one-sided tests at 5 % compare with the margin."""


@dataclass(frozen=True)
class Comparison:
    """A pair, and statistics of the differences, in the unit of the metric.

    `claims`: those that compare it. `dataset`: of both. `seeds`: number of paired repetitions;
    0 if neither depends on a seed. `difference`: the mean over seeds and images.
    `image_interval`: bootstrap over images, and over seeds too from two on.
    `seed_interval`: t-interval over seeds, from three on. `p_images`: Wilcoxon over images;
    `p_seeds`: t-test over seeds. `…_holm`: corrected over the family. `effect`: Cohen's d over
    images. `margin`, `equivalence_p`: two one-sided tests of |difference| below the margin;
    `equal_within`: the smallest margin with which they would succeed. `seed_spread`: standard
    deviation of the difference over seeds.
    """

    pair: Pair
    claims: tuple[str, ...]
    dataset: str
    images: int
    seeds: int
    difference: float
    image_interval: tuple[float, float]
    p_images: float
    effect: float | None
    margin: float
    equivalence_p: float
    equal_within: float
    seed_interval: tuple[float, float] | None = None
    seed_spread: float | None = None
    p_seeds: float | None = None
    p_images_holm: float = math.nan
    p_seeds_holm: float | None = None


def compare(
    pairs: Iterable[tuple[Pair, Sequence[str]]], own: Own, *, seed: int = 0
) -> list[Comparison]:
    """Compare every pair of which both methods were run on the same images.

    Args:
        pairs: with the claims that compare each.
        own: our results.
        seed: of the bootstrap.

    Raises:
        RecordError: two methods were scored on different images.
    """
    found = [_compared(pair, tuple(claims), own, seed) for pair, claims in pairs]
    family = [comparison for comparison in found if comparison is not None]
    by_images = holm([one.p_images for one in family])
    with_seeds = [index for index, one in enumerate(family) if one.p_seeds is not None]
    by_seeds = dict(
        zip(with_seeds, holm([family[index].p_seeds or 0.0 for index in with_seeds]), strict=True)
    )
    return [
        replace(one, p_images_holm=by_images[index], p_seeds_holm=by_seeds.get(index))
        for index, one in enumerate(family)
    ]


def _compared(pair: Pair, claims: tuple[str, ...], own: Own, seed: int) -> Comparison | None:
    one, other = (own.records(pair.table, row) for row in (pair.one, pair.other))
    if not one or not other or _basis(one[0]) != _basis(other[0]):
        return None
    seeded = [depends_on_seed(records[0]) for records in (one, other)]
    scores = [own.images(pair.table, row, pair.column) for row in (pair.one, pair.other)]
    if seeded[0] != seeded[1]:
        # The one that depends on no seed pairs with every repetition of the other.
        fixed, moving = scores if seeded[1] else scores[::-1]
        same = dict.fromkeys(moving, next(iter(fixed.values())))
        scores = [same, moving] if seeded[1] else [moving, same]
    differences = paired(*scores)
    seeds, images = differences.shape
    if not seeds or images < 2:
        return None
    per_image, per_seed = differences.mean(axis=0), differences.mean(axis=1)
    of_images, of_seeds = mean_of(per_image), mean_of(per_seed) if seeds > 1 else None
    enough = of_seeds is not None and seeds >= ENOUGH_SEEDS
    decisive = of_seeds if of_seeds is not None and enough else of_images
    margin = tolerances().of(pair.column.metric).fixed
    return Comparison(
        pair=pair,
        claims=claims,
        dataset=one[0].dataset,
        images=images,
        seeds=seeds if any(seeded) else 0,
        difference=float(np.mean(differences)),
        image_interval=(
            over_seeds_and_images(differences, seed=seed)
            if seeds > 1
            else over_images(per_image, seed=seed)
        ),
        p_images=wilcoxon_p(per_image),
        effect=effect_size(of_images),
        margin=margin,
        equivalence_p=decisive.equivalence_p(-margin, margin),
        equal_within=max(map(abs, decisive.interval(_EQUIVALENCE))),
        seed_spread=of_seeds.spread if of_seeds else None,
        seed_interval=of_seeds.interval() if of_seeds and enough else None,
        p_seeds=two_sided_p(of_seeds) if of_seeds and enough else None,
    )


def _basis(record: ResultRecord) -> tuple[str, str]:
    """What two results must have in common."""
    return record.dataset, record.protocol.id
