"""What the deblurring of photographs prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.data.photographs.photograph import JPEG_QUALITY

VISIBLE_SEAM = 1e-3
"""A difference between tiles that is worth a warning: a quarter of a step of 8 bits."""


def made_lines(target: Path, made: Any) -> list[str]:
    """Lines about one result, a `stages.deblur.Deblurred`; the last one names the file."""
    lines = []
    if made.mean_for_combined:
        lines.append(
            "combined view: the mean of left and right; give --combined for the camera's own"
        )
    if made.plan.tiling is not None:
        tiling = made.plan.tiling
        lines.append(
            f"tiles of {tiling.size} pixels, overlap {tiling.overlap}; neighbors differ by at most "
            f"{made.seam:.1e} of the full range where they meet"
        )
    if made.seam > VISIBLE_SEAM:
        lines.append(
            "warning: this network looks farther than the overlap; take a larger --tile-overlap, "
            "or the whole image with more --max-memory"
        )
    lines += [f"warning: {note}" for note in made.notes]
    for index, alphas in enumerate(made.alphas or [], 1):
        shown = ", ".join(f"{alpha:.3f}" for alpha in alphas)
        lines.append(f"selection weights of DMSSRM {index}, finest scale first: {shown}")
    settings = f", published settings: {made.settings}" if made.settings else ""
    label = f", {made.label}" if made.label else ""
    lossy = f", 8-bit JPEG of quality {JPEG_QUALITY}" if made.container == "jpeg" else ""
    return [*lines, f"{target}: {made.method}{settings}{label}{lossy}"]


def made_data(target: Path, made: Any) -> dict[str, Any]:
    """The same as JSON-like data; memory in bytes, `seam` in parts of the full range."""
    tiling = made.plan.tiling
    return {
        "output": str(target),
        "state": "deblurred",
        "method": made.method,
        "settings": made.settings,
        "label": made.label,
        "height": made.size[0],
        "width": made.size[1],
        "bits": made.bits,
        "container": made.container,
        "mean_for_combined": made.mean_for_combined,
        "tile": None if tiling is None else tiling.size,
        "tile_overlap": None if tiling is None else tiling.overlap,
        "seam": made.seam,
        "predicted_bytes": made.plan.bytes,
        "selection_weights": made.alphas,
        "weights_map": None if made.maps is None else str(made.maps),
        "notes": list(made.notes),
    }


def made_json(target: Path, made: Any) -> str:
    """One JSON object on one line."""
    return json.dumps(made_data(target, made))


def outcome_lines(outcome: Any) -> list[str]:
    """Lines about one shot of a folder, a `stages.deblur_folder.Outcome`; none for a failure."""
    if outcome.made is not None:
        return made_lines(outcome.target, outcome.made)
    return [f"{outcome.target}: is current"] if outcome.state == "current" else []


def outcome_json(outcome: Any) -> str:
    """One JSON object on one line."""
    if outcome.made is not None:
        return made_json(outcome.target, outcome.made)
    data = {"output": str(outcome.target), "state": outcome.state}
    return json.dumps({**data, "problem": outcome.problem} if outcome.problem else data)
