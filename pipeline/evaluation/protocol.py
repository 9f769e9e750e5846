"""How images are scored: the protocol of a record, and which data a protocol may be used on."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.experiment import Experiment
from pipeline.errors import ConfigError, DataError
from pipeline.methods import Method
from pipeline.records import Protocol

SMALLEST_TILE = 16
DEFAULT_OVERLAP = 64
_BITS = {"dpdd-16": 16, "dpdd-8": 8}


@dataclass(frozen=True)
class Tiling:
    """Square tiles of `size` pixels; neighbors share `overlap` pixels, the last ones more.

    Raises:
        ConfigError: a tile is smaller than 16 pixels or not larger than the overlap.
    """

    size: int
    overlap: int

    def __post_init__(self) -> None:
        if self.size < SMALLEST_TILE:
            raise ConfigError(
                f"--tile {self.size}: must be at least {SMALLEST_TILE} pixels; give a larger --tile"
            )
        if not 0 <= self.overlap < self.size:
            raise ConfigError(
                f"--tile-overlap {self.overlap}: must be at least 0 and less than the tile's "
                f"{self.size} pixels; give another --tile-overlap or --tile"
            )

    @property
    def margin(self) -> int:
        """Pixels at an inner edge of a tile that are computed and not used."""
        return self.overlap // 4

    def describe(self) -> str:
        """Text for the protocol of a record."""
        return (
            f"tiles of {self.size} x {self.size} pixels, overlap {self.overlap}, outer "
            f"{self.margin} not used, linear ramp between"
        )


def tiling_from(tile: int | None, overlap: int | None) -> Tiling | None:
    """The tiling that the options `--tile` and `--tile-overlap` ask for; `None`: whole images.

    Raises:
        ConfigError: the sizes do not fit, or there is an overlap without tiles.
    """
    if tile is None:
        if overlap is not None:
            raise ConfigError("--tile-overlap needs --tile, e.g. --tile 512; give both or neither")
        return None
    return Tiling(tile, DEFAULT_OVERLAP if overlap is None else overlap)


def protocol_for(experiment: Experiment, method: Method, tiling: Tiling | None = None) -> Protocol:
    """How this experiment scores this method.

    `dpdd-16` takes 16 bits of input and ground truth (the input of a method that was made for 8
    bits keeps its high byte only); `dpdd-8` takes the high byte of both.
    With a `tiling` the protocol has another name, such as `dpdd-16-tiled-512-64`.
    """
    bits = _BITS[experiment.protocol]
    return Protocol(
        id=experiment.protocol + (f"-tiled-{tiling.size}-{tiling.overlap}" if tiling else ""),
        input_bits=min(bits, method.input_bits),
        ground_truth_bits=bits,
        clamp=True,
        quantization="none",
        ssim="scikit-image: 7x7 uniform window, sample covariance, per channel, data range 1",
        tiling=tiling.describe() if tiling else "none: whole image",
        views=method.views,
    )


def check_bit_depth(experiment: Experiment, bit_depth: int, where: str) -> None:
    """Make sure that the images have the bits that the protocol needs.

    Args:
        experiment: names the protocol.
        bit_depth: bits per channel of the images.
        where: what the message names, the root or the manifest of the set.

    Raises:
        DataError: they have fewer.
    """
    if bit_depth < _BITS[experiment.protocol]:
        raise DataError(
            f"{where}: the images have {bit_depth} bits per channel, protocol "
            f"{experiment.protocol} needs {_BITS[experiment.protocol]}; get the 16-bit set, or set "
            f"`protocol: dpdd-{bit_depth}` in a copy of the experiment file"
        )
