"""Scenes and boxes of Figure 4: chosen by rules that a reader can check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config.qualitative import Qualitative, RequestedScene
from pipeline.data.manifest import ManifestRow
from pipeline.errors import ConfigError
from pipeline.evaluation.boxes import box_side, choose_boxes
from pipeline.evaluation.chosen_scenes import ChosenScene, chosen_scenes
from pipeline.evaluation.scene_choice import choose_scenes

INPUT = {"a": 20.0, "b": 20.0, "c": 25.0, "d": 20.0, "e": 20.0}
METHODS = {
    "one": {"a": 21.0, "b": 25.0, "c": 25.5, "d": 19.0, "e": 22.0},
    "two": {"a": 22.0, "b": 24.0, "c": 25.5, "d": 18.0, "e": 22.0},
    "three": {"a": 30.0, "b": 23.0, "c": 25.5, "d": 23.0, "e": 22.0},
}


def test_scenes_are_those_of_largest_median_and_smallest_gain() -> None:
    found = choose_scenes(METHODS, INPUT)
    # Medians over the methods: a 2, b 4, c 0.5, d -1, e 2; `a` comes before `e`.
    assert [one.scene for one in found] == ["b", "e", "d"]
    assert [one.why.split(" (")[0] for one in found] == [
        "largest gain over the input: 4.00 dB",
        "median gain over the input: 2.00 dB",
        "smallest gain over the input: −1.00 dB",
    ]
    assert all("5 scenes" in one.why for one in found)


def test_without_the_input_or_methods_psnr_counts() -> None:
    alone = choose_scenes(METHODS, None)
    assert [one.scene for one in alone] == ["c", "a", "d"]
    assert alone[0].why.startswith("largest PSNR: 25.50 dB")
    assert [one.scene for one in choose_scenes({}, INPUT)] == ["c", "b", "e"]
    assert choose_scenes({}, None) == []


def test_few_scenes() -> None:
    assert [one.scene for one in choose_scenes({"m": {"a": 1.0}}, {"a": 0.0})] == ["a"]
    two = choose_scenes({"m": {"a": 1.0, "b": 2.0}}, {"a": 0.0, "b": 0.0})
    assert [(one.scene, one.why.split()[0]) for one in two] == [("b", "largest"), ("a", "smallest")]


def test_only_scenes_that_all_methods_have() -> None:
    found = choose_scenes({"m": {"a": 1.0, "b": 9.0}, "n": {"a": 2.0}}, {"a": 0.0, "b": 0.0})
    assert [one.scene for one in found] == ["a"]


@pytest.mark.parametrize(
    ("height", "width", "side"), [(64, 64, 16), (128, 192, 32), (1120, 1680, 256), (17, 90, 5)]
)
def test_the_side_of_boxes(height: int, width: int, side: int) -> None:
    assert box_side(height, width) == side


def test_a_side_that_is_too_large() -> None:
    assert box_side(64, 96, 21) == 21
    with pytest.raises(
        ConfigError, match=r"qualitative: crop: 22 is too .*64 x 96 pix.*at most 21"
    ):
        box_side(64, 96, 22)


def images(height: int = 48, width: int = 60) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(3)
    target = rng.random((height, width, 3))
    return np.clip(target + rng.normal(0, 0.1, target.shape), 0, 1), target


def error(blurred: NDArray[Any], target: NDArray[Any], corner: tuple[int, int], side: int) -> float:
    top, left = corner
    return float(((blurred - target)[top : top + side, left : left + side] ** 2).mean())


def test_boxes_are_where_the_input_is_worst() -> None:
    (blurred, target), side = images(), 12
    yellow, blue = choose_boxes(blurred, target, side)
    places = [
        (top, left)
        for top in sorted({*range(0, 48 - side, 3), 48 - side})
        for left in sorted({*range(0, 60 - side, 3), 60 - side})
    ]
    worst = sorted(places, key=lambda corner: -error(blurred, target, corner, side))
    assert yellow == worst[0]
    apart = [p for p in worst if abs(p[0] - yellow[0]) >= side or abs(p[1] - yellow[1]) >= side]
    assert blue == apart[0]


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (48, 60)])
def test_boxes_never_overlap(size: tuple[int, int]) -> None:
    target = np.zeros((*size, 3))
    side = box_side(*size, wanted=min(size) // 3)
    for top in range(0, size[0] - side + 1, max(1, side // 4)):
        blurred = target.copy()
        blurred[top : top + side, side // 2 : side // 2 + side] = 1
        yellow, blue = choose_boxes(blurred, target, side)
        assert abs(yellow[0] - blue[0]) >= side or abs(yellow[1] - blue[1]) >= side


def test_given_boxes() -> None:
    blurred, target = images()
    yellow, blue = choose_boxes(blurred, target, 12, (1, 2), (36, 48))
    assert (yellow, blue) == ((1, 2), (36, 48))
    with pytest.raises(ConfigError, match=r"qualitative: blue: \[37, 48\].*up to \[36, 48\]"):
        choose_boxes(blurred, target, 12, None, (37, 48))


def row(name: str, group: str = "main") -> ManifestRow:
    paths = {f"file_{view}": f"{view}/{name}.png" for view in ("combined", "left", "right")}
    sums = {f"sha256_{view}": "0" * 64 for view in ("combined", "left", "right", "target")}
    return ManifestRow(
        **{"split": "test", "group": group, "category": "indoor", "source": f"{name}.png"},
        **{"target": f"{name}.png", "width": 60, "height": 48, "bit_depth": 16},
        **paths,
        **sums,
        file_target=f"target/{name}.png",
    )


def chosen(asked: Qualitative, scores: dict[str, dict[str, float]]) -> list[ChosenScene]:
    def read(_row: ManifestRow) -> dict[str, NDArray[np.uint16]]:
        blurred, target = images()
        views = {"combined": blurred, "target": target}
        return {view: (image * 65535).astype(np.uint16) for view, image in views.items()}

    rows = [row(name) for name in INPUT] + [row("z", "stereo")]
    return chosen_scenes(asked, scores, rows, read=read, blurred="input")


def test_an_experiment_file_may_name_scenes_and_boxes() -> None:
    scores = {"input": INPUT, **METHODS}
    assert [one.name for one in chosen(Qualitative(), scores)] == ["b", "e", "d"]
    named = (RequestedScene(scene="c"), RequestedScene(scene="a", blue=(0, 3)))
    asked = Qualitative(scenes=named, crop=8)
    first, second = chosen(asked, scores)
    assert (first.name, first.side, first.why) == ("c", 8, "named in the experiment file")
    assert (second.name, second.blue) == ("a", (0, 3))
    assert second.why == "named in the experiment file, as are boxes"


@pytest.mark.parametrize("name", ["nobody", "z"])
def test_a_scene_that_was_not_scored(name: str) -> None:
    asked = Qualitative(scenes=(RequestedScene(scene=name),))
    with pytest.raises(ConfigError, match=f"qualitative: scenes: no result has a scene '{name}'"):
        chosen(asked, {"input": INPUT})


def test_without_results_there_is_nothing_to_choose() -> None:
    assert chosen(Qualitative(), {}) == []
    assert chosen(Qualitative(scenes=(RequestedScene(scene="a"),)), {}) == []
