"""Prediction stage: one method on the test scenes of any manifest, to images."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from pipeline.data.bit_depth import to_uint16
from pipeline.data.manifest import ManifestRow, read_scene
from pipeline.data.png import check_png16, write_png16
from pipeline.errors import DataError
from pipeline.evaluation.inference import predictions
from pipeline.evaluation.loading import Prepared, prepare
from pipeline.evaluation.protocol import Tiling
from pipeline.files import sha256_of, write_text
from pipeline.run import Run, WeightsOrigin

ORIGIN = "predictions.json"


def predict_method(
    run: Run,
    *,
    origin: WeightsOrigin,
    root: Path,
    manifest: Path,
    target: Path,
    tiling: Tiling | None = None,
) -> tuple[int, int]:
    """Deblur every test scene into `target`, one 16-bit PNG each, named after its source.

    Each image appears complete or not at all. `predictions.json` in the same folder records what
    made them; images of the same origin are kept, so that a killed run resumes.

    Args:
        run: the method, and which of its repetitions.
        origin: where its weights are; `predictions.json` bears the label for published ones.
        root: folder of the images.
        manifest: their manifest; ground truth is not needed.
        target: folder to fill.
        tiling: tiles to cut images into, by a protocol of another name; `None` keeps them whole.

    Returns:
        How many images there are, and how many of them were made now.

    Raises:
        ConfigError: weights are missing or superfluous.
        DataError: an image is not the one in the manifest or has too few bits for the protocol;
            `target` holds something else; no space left.
        WeightsError: the weights are damaged or of another architecture.
    """
    ready = prepare(run, origin=origin, manifest=manifest, tiling=tiling)
    _claim(target, _origin(ready, manifest))
    missing = [row for row in ready.rows if not _is_done(target / row.source, row)]
    # Nothing left to do is not an error, no scenes at all are.
    if missing or not ready.rows:
        for row, _, prediction in predictions(ready, missing, read=partial(read_scene, root)):
            write_png16(target / row.source, to_uint16(prediction))
    return len(ready.rows), len(missing)


def _origin(ready: Prepared, manifest: Path) -> str:
    """All that the images depend on."""
    loaded, run = ready.loaded, ready.loaded.run
    origin = {
        "method": run.method.name,
        "dataset": run.experiment.dataset.name,
        "label": loaded.label,
        "arguments": loaded.kwargs,
        "code": run.method.code_hash(),
        "manifest_sha256": sha256_of(manifest),
        "weights_sha256": loaded.weights and sha256_of(loaded.weights),
        "protocol": ready.protocol.model_dump(mode="json"),
        "device": str(ready.device),
        "compute": run.experiment.compute.model_dump(mode="json", exclude={"loader_workers"}),
    }
    return json.dumps(origin, indent=2) + "\n"


def _claim(target: Path, origin: str) -> None:
    """Make sure that `target` holds nothing but images of this origin."""
    note = target / ORIGIN
    if note.is_file() and note.read_bytes() == origin.encode():
        pass
    elif target.is_dir() and any(not path.name.startswith(".tmp-") for path in target.iterdir()):
        raise DataError(
            f"{target}: holds something else than predictions of this method, run and data; "
            "choose another folder"
        )
    else:
        write_text(note, origin)
    for torn in target.glob(".tmp-*"):
        torn.unlink()


def _is_done(path: Path, row: ManifestRow) -> bool:
    try:
        return check_png16(path)[:2] == (row.width, row.height)
    except DataError:
        return False
