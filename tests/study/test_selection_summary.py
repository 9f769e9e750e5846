"""Selection weights summarized: distribution, smallest scale, images against seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.study.selection import NOTHING, selection_lines, starved, summarize

ROWS = {"dmtnet-b": "DMTNet-B"}


def weights(alphas: dict[tuple[int, int], list[float]], method: str = "dmtnet-b") -> pd.DataFrame:
    """Weights of the scales by seed and scene, the same in both DMSSRM but in reverse order."""
    rows = [
        [method, seed, f"s{scene}", "indoor", dmssrm, scale, alpha]
        for (seed, scene), own in alphas.items()
        for dmssrm, values in ((1, own), (2, own[::-1]))
        for scale, alpha in enumerate(values, 1)
    ]
    columns = ["method", "repetition", "scene", "category", "dmssrm", "scale", "alpha"]
    return pd.DataFrame(rows, columns=columns)


FOUR = weights(
    {
        (0, 0): [0.70, 0.2996, 0.0004],
        (0, 1): [0.60, 0.3800, 0.0200],
        (1, 0): [0.30, 0.2000, 0.5000],
        (1, 1): [0.10, 0.2000, 0.7000],
    }
)


def test_every_scale_is_summarized_over_images_and_seeds() -> None:
    found = summarize(FOUR).set_index(["dmssrm", "scale"])
    assert len(found) == 6
    assert {*found["n"]} == {4}
    first = found.loc[(1, 3)]
    assert first["median"] == pytest.approx(0.26)
    assert first["low"] == pytest.approx(np.quantile([0.0004, 0.02, 0.5, 0.7], 0.05))
    assert (first["least"], first["nothing"]) == (0.5, 0.25)
    assert found.loc[(2, 1)]["median"] == first["median"]
    one = found.loc[(1, 1)]
    within = np.sqrt(np.mean([np.var([0.7, 0.6], ddof=1), np.var([0.3, 0.1], ddof=1)]))
    assert one["over_images"] == pytest.approx(within)
    assert one["over_seeds"] == pytest.approx(np.std([0.65, 0.2], ddof=1))


def test_the_claim_is_about_the_smallest_weight_of_the_first_dmssrm() -> None:
    assert starved(FOUR)["dmtnet-b"] == 0.25
    other = FOUR.assign(alpha=FOUR["alpha"].where(FOUR["dmssrm"] == 1, NOTHING / 2))
    assert starved(other)["dmtnet-b"] == 0.25
    assert starved(other, dmssrm=2)["dmtnet-b"] == 1.0


def test_the_page_states_the_claim_and_the_shares() -> None:
    text = "\n".join(selection_lines(FOUR, ROWS, "the third scale gets <nothing>"))
    assert r"The paper's statement: the third scale gets \<nothing\>." in text
    assert "some scale gets almost nothing on 25% of 4 images × seeds" in text
    assert "most often that of scale 3: on 50%, and by its mean in 1 of 2 seeds." in text
    over = "change by 0.0402 to 0.1118 (SD, median 0.1005) from image to image, and by 0.0989"
    assert over in text
    # Only the first DMSSRM has a table.
    assert text.count("| DMTNet-B ") == 3


def test_a_single_seed_and_image() -> None:
    text = "\n".join(selection_lines(weights({(0, 0): [0.5, 0.5, 1e-7]}), ROWS, "claim"))
    assert "1 seed " in text
    assert "1.0e-07" in text
    assert "nan" not in text


def test_nothing_that_selects() -> None:
    (line,) = selection_lines(FOUR[:0], ROWS, "claim")
    assert line.startswith("No network")
