"""Planted faults are found and named; a network that is merely bad is scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support.scenes import Aligned, Scene, prepared, reader, row
from torch import Tensor, nn

from pipeline.errors import ControlError, DataError
from pipeline.evaluation.inference import predict_scene
from pipeline.evaluation.loading import Prepared
from pipeline.evaluation.sanity import CHECKED, FloorCheck, check_scenes
from pipeline.records import Floor

Read = Callable[[Any], Scene]
VIEWS = ("combined", "left", "right")


def floor_of(ready: Prepared, read: Read) -> Floor | None:
    floor = FloorCheck(ready, read=read)
    for item in ready.rows:
        scene = read(item)
        floor.add(item, scene, predict_scene(ready, item, scene))
    return floor.judge()


def refused(ready: Prepared, read: Read) -> str:
    with pytest.raises(ControlError) as caught:
        floor_of(ready, read)
    message = str(caught.value)
    assert message.startswith("DMTNet-T is ")
    assert f"dB below the blurred input on the first {CHECKED} test scenes (" in message
    assert message.isprintable()
    return message


def exchanged(scene: Scene) -> Scene:
    return {**scene, "left": scene["right"], "right": scene["left"]}


def in_bgr(scene: Scene) -> Scene:
    return {view: image[..., ::-1] for view, image in scene.items()}


class Changed(nn.Module):
    """`Aligned` between a change of its input and one of its output."""

    def __init__(self, before: Callable[..., Tensor], after: Callable[..., Tensor]) -> None:
        super().__init__()
        self.network, self.before, self.after = Aligned(), before, after

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        output: Tensor = self.after(self.network(self.before(x)))
        return output


class ForRgb(Aligned):
    """A network that learned the colors of RGB images: here, blue is darker than red."""

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        red, green, blue = super().forward(x).chunk(3, dim=1)
        return torch.cat([red, green, blue.minimum(0.9 * red)], dim=1)


def test_a_good_network_is_above_its_input() -> None:
    found = floor_of(prepared(Aligned()), reader())
    assert found is not None
    assert found.scenes == CHECKED
    assert found.psnr > found.input_psnr + 10


def test_exchanged_views_are_named() -> None:
    message = refused(prepared(Aligned()), reader(exchanged))
    assert "with left and right exchanged it would have " in message
    assert ": the views are exchanged; check VIEWS " in message


def test_images_in_bgr_order_are_named() -> None:
    message = refused(prepared(ForRgb()), reader(in_bgr))
    assert "with red and blue exchanged in input and output it would have " in message


def test_an_output_in_bgr_order_is_named() -> None:
    network = Changed(lambda x: x, lambda y: y.flip(1))
    assert ": its output is in BGR order; " in refused(prepared(network), reader())


def test_values_up_to_255_are_named() -> None:
    scaled = Changed(lambda x: x / 255, lambda y: (y * 255).clamp(min=1.0))
    ready = prepared(scaled)
    given = dataclasses.replace(ready.loaded, label="given weights")
    assert floor_of(ready, reader()) is not None
    message = refused(dataclasses.replace(ready, loaded=given), reader())
    assert "with values from 0 to 255 it would have " in message


@pytest.mark.parametrize("shift", [(9, 0), (0, -7), (6, 11)])
def test_a_displaced_ground_truth_is_named(shift: tuple[int, int]) -> None:
    def displaced(scene: Scene) -> Scene:
        return {**scene, "target": np.roll(scene["target"], shift, axis=(0, 1))}

    message = refused(prepared(Aligned()), reader(displaced))
    assert ": the ground truth is displaced; build the manifest again" in message


HONEST: dict[str, nn.Module] = {
    "dark": Aligned(gain=0.5),
    "bright": Aligned(offset=0.4),
    "inverted": Aligned(gain=-1.0, offset=1.0),
    "gray": Changed(lambda x: x, lambda y: y.mean(1, keepdim=True).expand_as(y) * 0.5),
    "constant": Changed(lambda x: x * 0, lambda y: y + 0.5),
    "mirrored": Changed(lambda x: x, lambda y: y.flip(-1)),
}


@pytest.mark.parametrize("name", HONEST)
def test_a_network_that_is_only_bad_is_scored(name: str) -> None:
    found = floor_of(prepared(HONEST[name]), reader())
    assert found is not None
    assert found.psnr < found.input_psnr


@pytest.mark.parametrize("seed", range(5))
def test_random_networks_are_scored(seed: int) -> None:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 1))
    found = floor_of(prepared(network), reader())
    assert found is not None
    assert found.psnr < found.input_psnr


def test_methods_without_weights_are_not_compared() -> None:
    ready = prepared(Aligned())
    bare = dataclasses.replace(ready, loaded=dataclasses.replace(ready.loaded, weights=None))
    assert floor_of(bare, reader(exchanged)) is None


def test_few_scenes_are_enough() -> None:
    with pytest.raises(ControlError, match=r"on the first 2 test scenes .*views are exchanged"):
        floor_of(prepared(Aligned(), scenes=2), reader(exchanged))


def test_it_is_found_before_the_set_is_done() -> None:
    ready = prepared(Aligned(), scenes=50)
    seen = set()

    def read(item: Any) -> Scene:
        seen.add(item.source)
        return reader(exchanged)(item)

    refused(ready, read)
    assert len(seen) == CHECKED


def checked(read: Read, **changes: Any) -> None:
    check_scenes(prepared(Aligned(), **changes), read=read)


@pytest.mark.parametrize("which", [("target",), VIEWS])
def test_views_and_truth_of_different_color_order(which: tuple[str, ...]) -> None:
    def recolored(scene: Scene) -> Scene:
        return {**scene, **{view: scene[view][..., ::-1] for view in which}}

    checked(reader())
    with pytest.raises(DataError, match=r"^s0\.png, s1\.png, s2\.png, s3\.png: .* BGR order; "):
        checked(reader(recolored))


def test_the_ground_truth_of_another_scene() -> None:
    def read(item: Any) -> Scene:
        following = (int(item.source[1:-4]) + 1) % 3
        return {**reader()(item), "target": reader()(row(following))["target"]}

    with pytest.raises(DataError, match=r"^t0\.png: is not the ground truth of s0\.png, which t2"):
        checked(read, scenes=3)


def test_a_large_image_that_is_displaced_or_another_scene() -> None:
    size = (264, 320)
    rows = [row(0, size)]

    def displaced(scene: Scene) -> Scene:
        return {**scene, "target": np.roll(scene["target"], 24, axis=1)}

    checked(reader(size=size), rows=rows)
    with pytest.raises(DataError, match=r"^t0\.png: .* combined view"):
        checked(reader(displaced, size), rows=rows)
    other = reader(size=size)(row(9, size))["target"]
    with pytest.raises(DataError, match=r"^t0\.png: does not show the scene"):
        checked(reader(lambda scene: {**scene, "target": other}, size), rows=rows)


@pytest.mark.parametrize("value", [0, 30000])
def test_flat_images_prove_nothing(value: int) -> None:
    flat = reader(lambda scene: {view: image * 0 + value for view, image in scene.items()})
    checked(flat)
