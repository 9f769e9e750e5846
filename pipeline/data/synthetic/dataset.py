"""Generates the synthetic dual-pixel set, in the folder layout and naming of the Canon set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from pipeline.config.blocks import SplitScenes, Synthetic
from pipeline.data.inspection.layout import SPLITS
from pipeline.data.synthetic.camera import DrawnCamera, check_camera, draw_camera
from pipeline.data.synthetic.dual_pixel import Radii
from pipeline.data.synthetic.scenes import (
    CATEGORIES,
    PHOTOGRAPHS,
    STEREO,
    Category,
    Scene,
    leaves_scene,
    photograph_scene,
    stereo_scene,
)
from pipeline.data.synthetic.writer import SCENE_COLUMNS, Row, write_scene, write_set
from pipeline.errors import ConfigError

Kind = Literal["leaves", "photograph", "stereo"]

MAX_SCENES = 4999
"""Each scene takes two of the four-digit capture numbers from 0002 up."""


@dataclass(frozen=True)
class _SceneSpec:
    """One scene of the set before it is made."""

    split: str
    index: int
    kind: Kind
    category: Category
    image: str
    first_number: int


def synthesize(spec: Synthetic, seed: int, root: Path, workers: int, progress: bool) -> None:
    """Make the synthetic set: dual-pixel views and sharp targets of every scene of `spec`.

    The folder appears atomically once everything is done. It contains
    `{train,val,test}_{c,l,r}/source/1P0Axxxx[_L|_R].png`, `*_c/target/1P0Ayyyy.png` (16-bit RGB)
    and `scenes.csv`. As in the Canon set, a target's number differs from its source's by one and
    sorted sources and targets pair up. The bytes depend only on `spec` and `seed`, not on
    `workers`.

    Args:
        spec: contents of the set.
        seed: main seed; each scene derives its own from it, its split and its index.
        root: folder to write; an earlier synthetic set is replaced.
        workers: number of processes.
        progress: show a progress bar even if standard error is not a terminal.

    Raises:
        ConfigError: no scenes or too many, an unknown photograph, a photograph in two splits, or
            an impossible size, blur or focus.
        DataError: `root` holds something else, cannot be written, or a worker process died.
    """
    check_camera(spec, "dataset")
    make = partial(_make_scene, spec, seed)
    write_set(root, make, _scene_specs(spec), SCENE_COLUMNS, workers, progress)


def _scene_specs(spec: Synthetic) -> list[_SceneSpec]:
    specs: list[_SceneSpec] = []
    owner: dict[str, str] = {}
    for split in SPLITS:
        scenes: SplitScenes = getattr(spec, split)
        _check_images(split, scenes, owner)
        kinds: list[tuple[Kind, str]] = [("leaves", "")] * scenes.leaves
        kinds += [("photograph", name) for name in scenes.photographs]
        kinds += [("stereo", STEREO)] * scenes.stereo
        counts = {"leaves": 0, "photograph": 0, "stereo": 0}
        for index, (kind, image) in enumerate(kinds):
            # Alternating within a kind balances both categories in every reported group; the
            # stereo pair was taken indoors.
            category = CATEGORIES[counts[kind] % 2]
            counts[kind] += 1
            specs.append(
                _SceneSpec(
                    split=split,
                    index=index,
                    kind=kind,
                    category=category,
                    image=image,
                    first_number=2 * len(specs) + 2,
                )
            )
    if not 0 < len(specs) <= MAX_SCENES:
        raise ConfigError(
            f"dataset {spec.name!r} requests {len(specs)} scenes; 1 to {MAX_SCENES} are possible"
        )
    return specs


def _check_images(split: str, scenes: SplitScenes, owner: dict[str, str]) -> None:
    if scenes.stereo and split != "test":
        raise ConfigError(
            f"dataset: the stereo pair belongs to `test` only; remove it from `{split}`"
        )
    for name in scenes.photographs:
        if name not in PHOTOGRAPHS:
            known = ", ".join(sorted(PHOTOGRAPHS))
            raise ConfigError(f"dataset: {split}: unknown photograph {name!r}; known: {known}")
        if owner.setdefault(name, split) != split:
            raise ConfigError(
                f"dataset: photograph {name!r} is in both `{owner[name]}` and `{split}`; "
                "remove it from one of them"
            )


def true_defocus(spec: Synthetic, seed: int, split: str) -> dict[str, Radii]:
    """The defocus with which a split of the set was rendered, by file name of the source.

    Args:
        spec: contents of the set; without distortion.
        seed: main seed.
        split: train, val or test.

    Returns:
        Circle-of-confusion radii in whole pixels, [H, W], positive behind the focal plane.

    Raises:
        ConfigError: as for `synthesize`, or the lens distorts, in which case pixels have no radius.
    """
    if spec.distortion:
        raise ConfigError(f"dataset {spec.name!r}: distortion moves the pixels; set it to false")
    check_camera(spec, "dataset")
    scenes = [_draw(spec, seed, scene) for scene in _scene_specs(spec) if scene.split == split]
    return {f"{drawn.source}.png": drawn.camera.radii(drawn.scene) for drawn in scenes}


class _Drawn(NamedTuple):
    """A scene, its camera, and the names of source and target."""

    camera: DrawnCamera
    scene: Scene
    source: str
    target: str


def _draw(spec: Synthetic, seed: int, planned: _SceneSpec) -> _Drawn:
    sequence = np.random.SeedSequence(seed, spawn_key=(SPLITS.index(planned.split), planned.index))
    random = np.random.default_rng(sequence)
    camera = draw_camera(spec, random)
    if planned.kind == "stereo":
        # Its depth is measured: only strong blur and a near focus defocus most of the scene.
        camera = camera._replace(scale=spec.coc_far[1], focus=spec.focus[0])
    scene = _scene(spec, planned, camera.focus, random)
    forward = bool(random.integers(2))
    source = f"1P0A{planned.first_number + (not forward):04d}"
    target = f"1P0A{planned.first_number + forward:04d}"
    return _Drawn(camera, scene, source, target)


def _make_scene(spec: Synthetic, seed: int, folder: Path, planned: _SceneSpec) -> list[Row]:
    """Make and write one scene; return its row of `scenes.csv`."""
    camera, scene, source, target = _draw(spec, seed, planned)
    views = camera.photograph(scene)
    images = {view: camera.finish(image) for view, image in views.items()}
    write_scene(folder, planned.split, source, target, images)
    made_from = planned.image or f"generated:{seed}-{planned.split}-{planned.index}"
    names = (f"{source}.png", f"{target}.png")
    return [(planned.split, *names, _group(planned), planned.category, planned.kind, made_from)]


def _scene(
    spec: Synthetic, planned: _SceneSpec, focus: float, random: np.random.Generator
) -> Scene:
    if planned.kind == "stereo":
        return stereo_scene(spec.size)
    if planned.kind == "photograph":
        return photograph_scene(planned.image, spec.size, planned.category, focus, random)
    return leaves_scene(spec.size, planned.category, focus, random)


def _group(planned: _SceneSpec) -> str:
    if planned.kind == "stereo":
        return "stereo"
    return "photographs" if planned.kind == "photograph" and planned.split == "test" else "main"
