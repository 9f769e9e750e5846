"""What a study does not show, as far as its record says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.data.canon import CANON_SIZE
from pipeline.study.folder import StudyFolder

_MILLION = 10**6
_WITH_MORE_BLOCKS = "DMTNet-T"


def limits(study: StudyFolder) -> list[str]:
    """One sentence or more per limit; every number is computed."""
    return [
        *_data(study),
        *_widths(study),
        *_sizes(study),
        *_lengths(study),
        *_recipes(study),
        *_seeds(study),
        *_tests(study),
    ]


def _data(study: StudyFolder) -> Iterator[str]:
    data = study.record.config["dataset"]
    scenes = study.scores.drop_duplicates("scene")["category"].value_counts()
    parts = ", ".join(f"{count} {category}" for category, count in sorted(scenes.items()))
    if data["kind"] != "synthetic":
        yield (
            f"Data: one set of images ({data['name']}), {len(study.scores['scene'].unique())} "
            "test scenes. Nothing here says how far differences carry over to others."
        )
        return
    height, width = data["size"]
    train = data["train"]["leaves"] + len(data["train"]["photographs"])
    yield (
        f"Data: a synthetic camera rendered every scene ({height} x {width} pixels instead of "
        f"{CANON_SIZE[0]} x {CANON_SIZE[1]}; {train} for training, {scenes.sum()} for the test: "
        f"{parts}). Test scenes come from the same generator as training scenes. There is no real "
        "sensor, no noise of one and no misalignment; nothing here says how far a difference "
        "carries over to photographs."
    )
    yield ("Indoor and outdoor are two ranges of depth of that generator, not places.")


def _widths(study: StudyFolder) -> Iterator[str]:
    for module, size in study.record.config["trained_size"].items():
        used = [one for one in study.record.methods.values() if one.module == module]
        if not used:
            continue
        changed = ", ".join(f"{name} {value}" for name, value in size.items())
        yield f"Widths: all networks of {module} are narrow ({changed})."
        if "num_blocks" in size and any(one.row == _WITH_MORE_BLOCKS for one in used):
            yield (
                f"All of them have num_blocks {size['num_blocks']}, {_WITH_MORE_BLOCKS} too, which "
                "has more blocks than the others in the full-size reconstruction."
            )


def _sizes(study: StudyFolder) -> Iterator[str]:
    params = study.networks.set_index("method")["params"]
    known = {
        method.row: (int(params[name]), method.published_params_m * _MILLION)
        for name, method in study.record.methods.items()
        if method.published_params_m and name in params.index
    }
    if len(known) < 2:
        return
    ratios = {row: paper / ours for row, (ours, paper) in known.items()}
    listed = ", ".join(f"{row} {ratio:.0f}" for row, ratio in ratios.items())
    yield (
        "Sizes: the paper's networks have this many times the parameters of those trained here: "
        f"{listed}. Where these factors differ, so do the proportions between the networks, and a "
        "comparison of two methods is not one at the paper's proportions."
    )


def _lengths(study: StudyFolder) -> Iterator[str]:
    samples = study.networks["samples"]
    recipes = _trained(study)
    steps = sorted({int(s) // r["batch_size"] for s, r in _with_samples(study, recipes)})
    yield (
        f"Length: {_range(steps)} optimizer steps per training, {_range(sorted(samples))} "
        "crops. Networks that learn faster early may be overtaken later; which "
        "is better after a full training is open."
    )
    dearest = study.networks["flops"].max() / study.networks["flops"].min()
    yield (
        "Compute: budgets are counted in crops, not in operations. For a crop, the most expensive "
        f"network takes {dearest:.1f} times the multiply-accumulates of the cheapest."
    )


def _with_samples(
    study: StudyFolder, recipes: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    samples = study.networks.set_index("method")["samples"]
    return ((int(samples[name]), recipe) for name, recipe in recipes.items() if name in samples)


def _trained(study: StudyFolder) -> dict[str, Mapping[str, Any]]:
    methods = study.record.methods
    return {name: one.recipe for name, one in methods.items() if one.recipe is not None}


def _recipes(study: StudyFolder) -> Iterator[str]:
    by_module: dict[str, list[Mapping[str, Any]]] = {}
    for name, recipe in _trained(study).items():
        by_module.setdefault(study.record.methods[name].module, []).append(recipe)
    for module, recipes in by_module.items():
        if len(recipes) < 2:
            continue
        differing = sorted({key for key in recipes[0] if len({str(r[key]) for r in recipes}) > 1})
        but = f", but for {', '.join(differing)}" if differing else ""
        yield (
            f"Recipe: all {len(recipes)} networks of {module} have one recipe{but}. It was chosen "
            "once for all of them, and a variant that needs another learning rate or loss is at a "
            "disadvantage."
        )


def _seeds(study: StudyFolder) -> Iterator[str]:
    seeds = study.scores["repetition"].nunique()
    yield (
        "Seeds: a seed sets the order of the windows, crops and flips, the same for all methods, "
        "and the initial weights, of each method its own. A spread over seeds belongs to neither "
        f"alone. With {seeds} seeds, the t-intervals rest on the assumption that differences are "
        "about normal, which so few cannot check."
    )


def _tests(study: StudyFolder) -> Iterator[str]:
    yield (
        "Tests: PSNR only, over indoor and outdoor scenes together; SSIM and MAE are in the "
        "tables, but were not tested. The weights that did best in validation were scored, not the "
        f"last ones. The margin of {study.record.study['margin']:g} dB is a choice of this project."
    )


def _range(values: list[int]) -> str:
    low, high = f"{values[0]:,}", f"{values[-1]:,}"
    return low if low == high else f"{low} to {high}"
