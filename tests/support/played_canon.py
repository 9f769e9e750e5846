"""Results that play the Canon set: 76 images whose means are known answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from pipeline.audit.claims import Claim, read_claims
from pipeline.evaluation.scores import ImageScores, aggregate, write_per_image
from pipeline.files import sha256_of
from pipeline.places import Places
from pipeline.records import Label, ResultRecord, write_record
from pipeline.reporting.published import (
    PAPER_METRICS,
    read_published_table1,
    read_published_table2,
)
from pipeline.verify.own import TABLE1, TABLE2, Own, Scored
from support.factories import protocol, provenance
from support.paths import PUBLISHED

TABLE2_ROWS = {1: "dmtnet-b-no-transformer", 2: "dmtnet-b-fixed", 3: "dmtnet-b"}
COUNTS = {"indoor": 37, "outdoor": 39}
# One step of each metric, as large as one unit of its last printed digit, on the better side.
STEP = {"psnr": 0.01, "ssim": 0.001, "mae": -0.001}


def papers() -> dict[str, pd.DataFrame]:
    return {
        TABLE1: read_published_table1(PUBLISHED / "table1.csv"),
        TABLE2: read_published_table2(PUBLISHED / "table2.csv"),
    }


def claims() -> Sequence[Claim]:
    return read_claims(PUBLISHED / "claims.csv")


def a_claim(kind: str, expression: str, published: str) -> Claim:
    """A claim that the paper does not make."""
    return Claim("C99", "4", kind, "made up", expression, published, "arithmetic", "", 2)


def _images(middle: dict[str, dict[str, float]]) -> Iterator[ImageScores]:
    for category, count in COUNTS.items():
        for number in range(count):
            # Symmetric around 0, so that the mean is the middle.
            away = 2 * number / (count - 1) - 1
            values = {
                metric: value + 100 * away * STEP[metric] * (metric == "psnr")
                for metric, value in middle[category].items()
            }
            yield ImageScores(f"{category}{number:02}", "main", category, dict(values))


def play(
    method: str,
    row: str,
    steps: Sequence[float],
    *,
    like: str = "",
    kind: str = "end-to-end",
    label: Label = "reproduced",
    dataset: str = "canon",
    scoring: str = "dpdd-16",
) -> list[Scored]:
    """One result per seed, whose means lie so many `STEP`s above the row's (or `like`'s)."""
    frame = papers()[TABLE1].set_index("method")
    found = []
    for repetition, step in enumerate(steps):
        middle = {
            category: {
                metric: float(frame.loc[like or row, f"{category}_{metric}"]) + step * STEP[metric]
                for metric in PAPER_METRICS
            }
            for category in COUNTS
        }
        images = tuple(_images(middle))
        scores, groups = aggregate(images)
        record = ResultRecord(
            method=method,
            row=row,
            method_kind=kind,
            dataset=dataset,
            repetition=repetition,
            label=label,
            trained_params=1,
            protocol=protocol(scoring),
            scores=scores,
            groups=groups,
            metric_status=dict.fromkeys(PAPER_METRICS, "computed"),
            images=(),
            per_image_sha256="0" * 64,
            provenance=provenance(),
        )
        found.append(Scored(record, images))
    return found


def all_answers() -> list[Scored]:
    """Rows with every verdict. In units of the last printed digit, three seeds where trained."""
    # Category means agree with the printed combined value up to rounding.
    return [
        *play("dmtnet-b", "DMTNet-B", [-0.1, 0.0, 0.1]),
        *play("dmtnet-s", "DMTNet-S", [-31, -30, -29]),
        *play("dmtnet-t", "DMTNet-T", [39, 40, 41]),
        *play("dmtnet-l", "DMTNet-L", [-20, 0, 20]),
        *play("dpdnet", "DPDNet", [0.5], label="official weights"),
        *play("ebdb", "EBDB", [-40], kind="two-stage classical"),
        *play("rdpd-plus", "RDPD+", [0.2]),
        *play(
            "dmtnet-b-fixed",
            "DMTNet-B without adaptive selection",
            [-16.1, -16.0, -15.9],
            like="DMTNet-B",
        ),
        *play(
            "dmtnet-b-no-transformer",
            "DMTNet-B without transformer",
            [-21.2, -21.0, -20.8],
            like="DMTNet-B",
        ),
    ]


def own(scored: Sequence[Scored]) -> Own:
    return Own(scored, TABLE2_ROWS)


def store(scored: Sequence[Scored], places: Places) -> set[str]:
    """Write results as `dmtbench evaluate` does; returns the names of their folders."""
    names = set()
    for one in scored:
        folder = places.result(one.record.method, one.record.repetition)
        folder.mkdir(parents=True)
        write_per_image(folder / "per_image.csv", one.images, PAPER_METRICS)
        checksum = sha256_of(Path(folder / "per_image.csv"))
        record = one.record.model_copy(update={"per_image_sha256": checksum})
        write_record(folder / "record.json", record)
        names.add(folder.name)
    return names
