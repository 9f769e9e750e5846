"""Values of other scorers on stored image pairs, and the block of docs/protocol.md that shows them.

    python -m benchmarks.calibration            # prints the block from the stored values
    python -m benchmarks.calibration --measure  # measures again, stores, and writes the page

The pairs are parts of scenes by the synthetic camera of `config/demo.yaml`, as 16-bit PNG files in
`tests/goldens/calibration/`. The prediction is unsharp masking of the input, so that it overshoots.
`--measure` makes all its scenes anew for the line about them. It takes torchmetrics and piq if they
are installed (they are no dependencies) and else keeps their stored values, with the versions that
made them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration_calls import CALLS, GAUSSIAN, METRICS, PACKAGES, Pair, ours, similarity
from benchmarks.pages import with_block
from pipeline.config.blocks import SplitScenes, Synthetic
from pipeline.config.experiment import load_experiment
from pipeline.data.bit_depth import unit_range
from pipeline.data.png import read_png, write_png16
from pipeline.data.synthetic.dataset import synthesize
from pipeline.files import write_text
from pipeline.reporting.published import read_published_table1

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / "tests" / "goldens" / "calibration"
VALUES = FOLDER / "values.json"
PAGE = REPOSITORY / "docs" / "protocol.md"
BEGIN, END = "<!-- calibration: python -m benchmarks.calibration --measure -->", "<!-- end -->"

TEST = SplitScenes(leaves=8, photographs=("chelsea",), stereo=True)
# Positions in the sorted test split: two mosaics of leaves, and the photograph.
PARTS = {"indoor": 0, "outdoor": 1, "photograph": 8}
SIZE = (48, 64)
_FIELDS = ("source", "target")
_DIGITS = {"psnr": 4, "ssim": 5, "mae": 6}


def stored_pairs() -> dict[str, Pair]:
    """The stored pairs by name."""
    return {
        name: Pair(*(read_png(FOLDER / f"{name}_{part}.png").pixels for part in _FIELDS))
        for name in PARTS
    }


def synthetic_pairs() -> list[Pair]:
    """The scenes of `TEST` as the demo's camera renders them, made anew."""
    experiment = load_experiment(REPOSITORY / "config" / "demo.yaml")
    assert isinstance(experiment.dataset, Synthetic)
    rendered = experiment.dataset.model_copy(update={"test": TEST})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "raw")
        synthesize(rendered, experiment.seed, root, 1, False)
        sides = [sorted((root / "test_c" / part).glob("*.png")) for part in _FIELDS]
        images = ([read_png(path).pixels for path in paths] for paths in sides)
        return [Pair(*pair) for pair in zip(*images, strict=True)]


def store_parts(scenes: Sequence[Pair]) -> None:
    """Write the central parts of three scenes."""
    for name, number in PARTS.items():
        for part, image in vars(scenes[number]).items():
            top, left = ((have - want) // 2 for have, want in zip(image.shape, SIZE, strict=False))
            crop = image[top : top + SIZE[0], left : left + SIZE[1]]
            write_png16(FOLDER / f"{name}_{part}.png", np.ascontiguousarray(crop))


def measure(scenes: Sequence[Pair], known: Mapping[str, Any]) -> dict[str, Any]:
    """All values on the stored pairs; those of absent packages are taken from `known`."""
    pairs = stored_pairs()
    values = {"ours": {name: dict(ours(*pair.images)) for name, pair in pairs.items()}}
    versions = {"scikit-image": version("scikit-image")}
    for call in CALLS:
        if call.package and _version(call.package) is None:
            values[call.name] = known["values"][call.name]
            versions[call.package] = known["versions"][call.package]
            continue
        if call.package:
            versions[call.package] = version(call.package)
        values[call.name] = {name: dict(call.score(pair)) for name, pair in pairs.items()}
    return {"versions": versions, "values": values, "demo": _gaussian_gaps(scenes)}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gaussian_gaps(scenes: Sequence[Pair]) -> dict[str, list[float]]:
    """SSIM with a Gaussian window minus ours: of inputs and of sharpened inputs."""
    gaps: dict[str, list[float]] = {"input": [], "sharpened": []}
    for pair in scenes:
        sharpened, target = pair.images
        images = {"input": unit_range(pair.source, np.float64), "sharpened": sharpened}
        for name, image in images.items():
            gap = similarity(image, target, **GAUSSIAN)["ssim"] - ours(image, target)["ssim"]
            gaps[name].append(gap)
    return gaps


def block(stored: Mapping[str, Any]) -> str:
    """The block of the page: a table of differences from ours, and the gaps on synthetic scenes."""
    values, lines = stored["values"], list[str]()
    count = len(values["ours"])
    lines += [
        f"Ours on {count} stored pairs of {SIZE[0]} × {SIZE[1]} pixels, and how far other ways to "
        "score lie above (+) or below; smallest and largest of the pairs:",
        "",
        "| Scored by | As in | PSNR (dB) | SSIM | MAE | Why |",
        "|---|---|--:|--:|--:|---|",
        f"| **ours** | | {' | '.join(_range(_column(values['ours'], m), m) for m in METRICS)} | |",
    ]
    for call in CALLS:
        cells = " | ".join(_difference(values, call.name, metric) for metric in METRICS)
        lines.append(f"| {call.name} | {call.who} | {cells} | {call.reason} |")
    versions = ", ".join(f"{name} {number}" for name, number in stored["versions"].items())
    inputs, sharpened = stored["demo"]["input"], stored["demo"]["sharpened"]
    return "\n".join(
        [
            *lines,
            "",
            f"Measured with {versions}.",
            "",
            f"On the inputs of {len(inputs)} synthetic test scenes, the Gaussian window moves "
            f"SSIM by {_range(inputs, 'ssim', '+')}, {sum(inputs) / len(inputs):+.5f} in the mean; "
            f"on the same images sharpened, by {_range(sharpened, 'ssim', '+')}. "
            f"{_against_table1(sum(inputs) / len(inputs))}",
        ]
    )


def _against_table1(shift: float) -> str:
    """How many gaps between neighbors in the paper's ranking by SSIM are smaller than a shift."""
    table = read_published_table1(REPOSITORY / "reports" / "published" / "table1.csv")
    gaps = np.diff(np.sort(table["combined_ssim"].to_numpy(float)))
    smaller = int(np.count_nonzero(gaps < abs(shift)))
    return (
        f"Of the {len(gaps)} gaps between neighbors in the paper's combined SSIM, {smaller} are "
        "smaller than that mean."
    )


def _column(scores: Mapping[str, Mapping[str, float]], metric: str) -> list[float]:
    return [score[metric] for score in scores.values() if metric in score]


def _range(found: Sequence[float], metric: str, sign: str = "") -> str:
    texts = [f"{pick(found):{sign}z.{_DIGITS[metric]}f}" for pick in (min, max)]
    return " to ".join(dict.fromkeys(texts))


def _difference(values: Mapping[str, Any], name: str, metric: str) -> str:
    here, there = (_column(values[key], metric) for key in (name, "ours"))
    if not here:
        return "–"
    differences = [a - b for a, b in zip(here, there, strict=True)]
    if max(map(abs, differences)) < 1e-9:
        return "0"
    if max(map(abs, differences)) < 0.5 * 10 ** -_DIGITS[metric]:
        return f"< 1e{-_DIGITS[metric]}"
    return _range(differences, metric, "+")


def written(page: str, text: str) -> str:
    """The page with this block between its marks."""
    return with_block(page, BEGIN, END, text)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibration",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--measure", action="store_true", help="measure, store, write the page")
    options = parser.parse_args(arguments)
    known = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
    if options.measure:
        absent = [name for name in PACKAGES if _version(name) is None]
        if absent and not known:
            parser.error(f"no stored values: install {', '.join(absent)}")
        scenes = synthetic_pairs()
        store_parts(scenes)
        known = measure(scenes, known)
        write_text(VALUES, json.dumps(known, indent=1) + "\n")
        write_text(PAGE, written(PAGE.read_text(encoding="utf-8"), block(known)))
    print(block(known))
    return 0


if __name__ == "__main__":
    sys.exit(main())
