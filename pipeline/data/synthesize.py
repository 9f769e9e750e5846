"""Writes the synthetic dual-pixel set, in the folder layout and naming of the Canon set."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress

from pipeline.config import SplitScenes, Synthetic
from pipeline.data.image_io import MAX_PIXELS, write_png16
from pipeline.data.parallel import for_each
from pipeline.data.scenes import (
    PHOTOGRAPHS,
    STEREO,
    Category,
    Scene,
    leaves_scene,
    photograph_scene,
    stereo_scene,
)
from pipeline.data.synthetic_dp import (
    BOKEHS,
    CAMERAS,
    FAR_DEPTH,
    MAX_RADIUS,
    coc_radius,
    radial_distortion,
    render,
)
from pipeline.errors import ConfigError, DataError
from pipeline.files import atomic_folder, write_text

Split = Literal["train", "val", "test"]
Kind = Literal["leaves", "photograph", "stereo"]

SCENE_COLUMNS = ("split", "source", "target", "group", "category", "kind", "sources")
"""Columns of `scenes.csv`."""

MIN_SIDE = 16
"""Smallest height or width of a scene in pixels."""

MAX_SCENES = 4999
"""Two capture numbers each, of the four-digit ones from 0002 on."""

_SPLITS: tuple[Split, ...] = ("train", "val", "test")
_CATEGORIES: tuple[Category, ...] = ("indoor", "outdoor")


@dataclass(frozen=True)
class _Plan:
    """One scene of the set before it is made."""

    split: Split
    index: int
    kind: Kind
    category: Category
    picture: str
    first_number: int


def synthesize(spec: Synthetic, seed: int, root: Path, workers: int, progress: bool) -> None:
    """Make the synthetic set: dual-pixel views and sharp targets of every scene of `spec`.

    The folder appears at once when all is done and then holds
    `{train,val,test}_{c,l,r}/source/1P0Axxxx[_L|_R].png`, `*_c/target/1P0Ayyyy.png` (16-bit RGB)
    and `scenes.csv`. As in the Canon set, a target's number differs from its source's by one and
    sorted sources and targets pair up. The bytes depend on `spec` and `seed` alone, not on
    `workers`.

    Args:
        spec: what the set consists of.
        seed: main seed; each scene derives its own from it, its split and its index.
        root: the folder to write; an earlier synthetic set there is replaced.
        workers: number of processes.
        progress: show a progress bar even if standard error is not a terminal.

    Raises:
        ConfigError: no scenes or too many, an unknown photograph, a picture in two splits, or an
            impossible size, blur or focus.
        DataError: `root` holds something else, cannot be written, or a worker process died.
    """
    _check_camera(spec)
    plans = _plan(spec)
    _check_replaceable(root)
    with atomic_folder(root) as folder:
        rows = _make_all(spec, seed, folder, plans, workers, progress)
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(SCENE_COLUMNS)
        writer.writerows(rows[plan] for plan in plans)
        write_text(folder / "scenes.csv", table.getvalue())


def _check_replaceable(root: Path) -> None:
    """Refuse to replace what is not ours: a mistyped folder must not cost anybody's files."""
    if root.is_dir() and ((root / "scenes.csv").is_file() or not any(root.iterdir())):
        return
    if root.exists():
        raise DataError(f"{root}: holds something else than a synthetic set; choose another folder")


def _check_camera(spec: Synthetic) -> None:
    ranges = {"coc_far": (spec.coc_far, MAX_RADIUS), "focus": (spec.focus, FAR_DEPTH)}
    for name, ((low, high), limit) in ranges.items():
        if not 0 < low <= high <= limit:
            raise ConfigError(
                f"dataset: {name}: {low}..{high} is no range within 0..{limit:g}; mend its ends"
            )
    if min(spec.size) < MIN_SIDE or spec.size[0] * spec.size[1] > MAX_PIXELS:
        raise ConfigError(
            f"dataset: size: {spec.size[0]}x{spec.size[1]} cannot be made; use sides from "
            f"{MIN_SIDE} and at most {MAX_PIXELS} pixels"
        )


def _plan(spec: Synthetic) -> list[_Plan]:
    plans: list[_Plan] = []
    owner: dict[str, str] = {}
    for split in _SPLITS:
        scenes: SplitScenes = getattr(spec, split)
        _check_pictures(split, scenes, owner)
        kinds: list[tuple[Kind, str]] = [("leaves", "")] * scenes.leaves
        kinds += [("photograph", name) for name in scenes.photographs]
        kinds += [("stereo", STEREO)] * scenes.stereo
        counts = {"leaves": 0, "photograph": 0, "stereo": 0}
        for index, (kind, picture) in enumerate(kinds):
            # Alternating within a kind keeps both categories balanced in every reported group;
            # the stereo pair was taken indoors.
            category = _CATEGORIES[counts[kind] % 2]
            counts[kind] += 1
            plans.append(_Plan(split, index, kind, category, picture, 2 * len(plans) + 2))
    if not 0 < len(plans) <= MAX_SCENES:
        raise ConfigError(
            f"dataset {spec.name!r} asks for {len(plans)} scenes; 1 to {MAX_SCENES} are possible"
        )
    return plans


def _check_pictures(split: str, scenes: SplitScenes, owner: dict[str, str]) -> None:
    if scenes.stereo and split != "test":
        raise ConfigError(f"dataset: the stereo pair belongs to `test` only; remove it: {split}")
    for name in scenes.photographs:
        if name not in PHOTOGRAPHS:
            known = ", ".join(sorted(PHOTOGRAPHS))
            raise ConfigError(f"dataset: {split}: unknown photograph {name!r}; known: {known}")
        if owner.setdefault(name, split) != split:
            raise ConfigError(
                f"dataset: photograph {name!r} is in `{owner[name]}` and in `{split}`; "
                "remove it from one of them"
            )


def _make_all(
    spec: Synthetic, seed: int, folder: Path, plans: list[_Plan], workers: int, progress: bool
) -> dict[_Plan, tuple[str, ...]]:
    console = Console(stderr=True)
    shown = progress or sys.stderr.isatty()
    rows: dict[_Plan, tuple[str, ...]] = {}
    with Progress(console=console, disable=not shown) as bar:
        task = bar.add_task("synthesizing scenes", total=len(plans))
        make = partial(_make_scene, spec, seed, folder)
        for plan, row in for_each(make, plans, min(workers, len(plans)), folder.parent):
            rows[plan] = row
            bar.advance(task)
    return rows


def _make_scene(spec: Synthetic, seed: int, folder: Path, plan: _Plan) -> tuple[str, ...]:
    """Make and write one scene; its row of `scenes.csv`."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_SPLITS.index(plan.split), plan.index))
    random = np.random.default_rng(sequence)
    pictures = _photograph(spec, plan, random)
    forward = bool(random.integers(2))
    source = f"1P0A{plan.first_number + (not forward):04d}"
    target = f"1P0A{plan.first_number + forward:04d}"
    for view, suffix in (("c", ""), ("l", "_L"), ("r", "_R")):
        path = folder / f"{plan.split}_{view}" / "source" / f"{source}{suffix}.png"
        write_png16(path, pictures[view])
    write_png16(folder / f"{plan.split}_c" / "target" / f"{target}.png", pictures["target"])
    made_from = plan.picture or f"generated:{seed}-{plan.split}-{plan.index}"
    names = (f"{source}.png", f"{target}.png")
    return (plan.split, *names, _group(plan), plan.category, plan.kind, made_from)


def _photograph(
    spec: Synthetic, plan: _Plan, random: np.random.Generator
) -> dict[str, npt.NDArray[np.uint16]]:
    """Draw a camera, put the scene before it, and take its views and its sharp picture."""
    scale, focus = random.uniform(*spec.coc_far), random.uniform(*spec.focus)
    bokeh = BOKEHS[random.integers(len(BOKEHS))]
    coefficients = CAMERAS[random.integers(len(CAMERAS))].distortion
    if plan.kind == "stereo":
        # Its depth is what was measured: only strong blur and a near focus defocus most of it.
        scale, focus = spec.coc_far[1], spec.focus[0]
    scene = _scene(spec, plan, focus, random)
    views = render(scene.sharp, coc_radius(scene.depth, scale, focus), bokeh)
    finish: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] = (
        (lambda picture: radial_distortion(picture, coefficients))
        if spec.distortion
        else (lambda picture: picture)
    )
    pictures = {"c": views.combined, "l": views.left, "r": views.right, "target": scene.sharp}
    return {
        name: np.rint(np.clip(finish(picture), 0, 1) * 65535).astype(np.uint16)
        for name, picture in pictures.items()
    }


def _scene(spec: Synthetic, plan: _Plan, focus: float, random: np.random.Generator) -> Scene:
    if plan.kind == "stereo":
        return stereo_scene(spec.size)
    if plan.kind == "photograph":
        return photograph_scene(plan.picture, spec.size, plan.category, focus, random)
    return leaves_scene(spec.size, plan.category, focus, random)


def _group(plan: _Plan) -> str:
    if plan.kind == "stereo":
        return "stereo"
    return "photographs" if plan.kind == "photograph" and plan.split == "test" else "main"
