"""Export stage: a method's network and its weights, in one file that runs without this project."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from pipeline.errors import ConfigError, DataError
from pipeline.evaluation.loading import check_origin, load_method
from pipeline.files import atomic_file, need_writable
from pipeline.run import Run, WeightsOrigin

SUFFIX = ".pt2"
DESCRIPTION = "dmtbench.json"
"""Name within the file of what its input and output are."""

MULTIPLE = 16
SMALLEST = 48
"""Sides in pixels: multiples of 16 from 48. One row of windows alone would have another layout."""

_TRACED = (80, 112)
_CHECKED = ((144, 96), (48, 208))
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Exported:
    """A network as a program, and its largest difference from the network where both were run."""

    program: ExportedProgram
    difference: float


def export_method(run: Run, *, origin: WeightsOrigin, target: Path, force: bool = False) -> float:
    """Export a method's network in float32 for images of any size.

    The file holds the method's name, views and sizes as `dmtbench.json` (`torch.export.load` with
    `extra_files`). Input: `[1, 3 * views, H, W]`, RGB in [0, 1]; output `[1, 3, H, W]`.

    Args:
        run: the method, and the size of its network.
        origin: where its weights are.
        target: the `.pt2` file; it appears complete or not at all.
        force: whether it may be replaced.

    Returns:
        The largest difference of the program's output from the network's, at two other sizes.

    Raises:
        ConfigError: the method is not a network or cannot be exported; weights are missing or
            superfluous.
        DataError: the file exists or cannot be written.
        WeightsError: the weights are damaged or of another architecture.
    """
    method = run.method
    if target.suffix != SUFFIX:
        raise DataError(f"{target}: name a file that ends in {SUFFIX}")
    if target.exists() and not force:
        raise DataError(f"{target}: exists; name another output, or replace it with --force")
    need_writable(target.parent)
    if method.entry.kind != "end-to-end":
        raise ConfigError(
            f"method {method.name!r} cannot be exported: it is not a network ({method.entry.kind})"
        )
    check_origin(method, origin)
    loaded = load_method(run, origin)
    channels = 3 * len(method.views)
    try:
        exported = export_network(loaded.network, channels)
    except ConfigError as error:
        raise ConfigError(f"method {method.name!r} cannot be exported: {error}") from error
    description = {
        "method": method.name,
        "label": loaded.label,
        "views": list(method.views),
        "input_bits": method.input_bits,
        "multiple": MULTIPLE,
        "smallest": SMALLEST,
    }
    with atomic_file(target) as temporary:
        torch.export.save(
            exported.program, temporary, extra_files={DESCRIPTION: json.dumps(description)}
        )
    return exported.difference


def export_network(network: nn.Module, channels: int) -> Exported:
    """Export a network, and run both at two sizes that it was not traced at.

    Args:
        network: on the CPU; switched to evaluation mode.
        channels: of its input.

    Raises:
        ConfigError: PyTorch cannot export it for images of any size, or the program computes
            something else.
    """
    network.eval()
    rows, columns = (Dim(name, min=SMALLEST // MULTIPLE) for name in ("rows", "columns"))
    shapes = ({2: MULTIPLE * rows, 3: MULTIPLE * columns},)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                network, (_image(channels, _TRACED),), dynamic_shapes=shapes, strict=False
            )
            found = _largest_difference(network, program.module(), channels)
    except Exception as error:
        # The exception's type depends on what PyTorch cannot trace.
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"torch.export: {reason}; export it for one size by hand") from error
    if found > _TOLERANCE:
        raise ConfigError(f"the program's output differs by {found:.2g} from the network's")
    return Exported(program, found)


def _image(channels: int, size: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, channels, *size, generator=generator)


def _largest_difference(network: nn.Module, program: Any, channels: int) -> float:
    """Over the sizes of `_CHECKED`, relative to values above 1."""
    found = []
    for size in _CHECKED:
        x = _image(channels, size)
        expected, y = network(x), program(x)
        scale = expected.abs().max().clamp(min=1)
        found.append(float((y - expected).abs().max() / scale))
    return max(found)
