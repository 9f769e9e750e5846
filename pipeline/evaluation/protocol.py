"""How pictures are scored: the protocol of a record, and which data a protocol may be used on."""

from __future__ import annotations

from pipeline.config import Experiment
from pipeline.errors import DataError
from pipeline.methods import Method
from pipeline.records import Protocol

_BITS = {"dpdd-16": 16, "dpdd-8": 8}


def protocol_for(experiment: Experiment, method: Method) -> Protocol:
    """How this experiment scores this method.

    `dpdd-16` takes 16 bits of input and ground truth (the input of a method that was made for 8
    bits keeps its high byte only); `dpdd-8` takes the high byte of both.
    """
    bits = _BITS[experiment.protocol]
    return Protocol(
        id=experiment.protocol,
        input_bits=min(bits, method.input_bits),
        ground_truth_bits=bits,
        clamp=True,
        quantization="none",
        ssim="scikit-image: 7x7 uniform window, sample covariance, per channel, data range 1",
        tiling="none: whole image",
        views=method.views,
    )


def check_bit_depth(experiment: Experiment, bit_depth: int, where: str) -> None:
    """Make sure that the pictures have the bits that the protocol speaks of.

    Args:
        experiment: names the protocol.
        bit_depth: bits per channel of the pictures.
        where: what the message names, the root or the manifest of the set.

    Raises:
        DataError: they have fewer.
    """
    if bit_depth < _BITS[experiment.protocol]:
        raise DataError(
            f"{where}: the pictures have {bit_depth} bits per channel, protocol "
            f"{experiment.protocol} needs {_BITS[experiment.protocol]}; get the 16-bit set, or set "
            f"`protocol: dpdd-{bit_depth}` in a copy of the experiment file"
        )
