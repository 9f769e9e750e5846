"""Sizes and entries of DPDNet and RDPD, against the paper and the registry."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch

from baselines import dpdnet, rdpd
from pipeline.evaluation.flops_fvcore import flops_fvcore
from pipeline.evaluation.flops_hooks import flops_paper
from pipeline.methods import get_method

SIZE = (1120, 1680)


# Module, variant, parameters, fvcore's convolutions and total (with the enlargements).
COUNTS = [
    (dpdnet, "official", 31_035_151, 1_574_298_969_600, 1_574_750_553_600),
    (dpdnet, "table1", 34_516_751, 1_882_580_313_600, 1_883_031_897_600),
    (rdpd, "official", 24_278_703, 517_953_676_800, 518_179_468_800),
    (rdpd, "table1", 27_508_623, 611_822_937_600, 612_048_729_600),
]


@pytest.mark.parametrize(("module", "variant", "params", "convolutions", "total"), COUNTS)
def test_parameters_and_operations(
    module: Any, variant: str, params: int, convolutions: int, total: int
) -> None:
    with torch.device("meta"):
        outline = module.build(variant=variant)
    assert sum(value.numel() for value in outline.parameters()) == params
    counted = flops_fvcore(module.build(variant=variant), 6, *SIZE)
    assert counted.by_operator["conv"] == convolutions
    assert counted.total == total
    biases = [
        (int(name[len("conv")]) if name.startswith("conv") else int(name[len("up")]), value.numel())
        for name, value in outline.named_parameters()
        if name.endswith("bias") and not name.startswith(("convlstm", "conv10"))
    ]
    # Levels 1 to 5 down, 6 to 9 up; one addition per output value, and conv10's three per pixel.
    pixels = SIZE[0] * SIZE[1]
    added = sum(count * pixels // 4 ** min(row - 1, abs(9 - row)) for row, count in biases)
    assert flops_paper(outline, 6, *SIZE) == convolutions + added + 3 * pixels


def test_what_table_1_prints() -> None:
    with torch.device("meta"):
        one, other = dpdnet.build(variant="table1"), rdpd.build(variant="table1")
    assert f"{flops_paper(one, 6, *SIZE) / 1e9:.2f}" == "1883.74"
    # This row of the paper counts the enlargements and no bias additions: fvcore's total.
    assert f"{COUNTS[3][-1] / 1e9:.2f}" == "612.05"
    sizes = [sum(value.numel() for value in net.parameters()) for net in (one, other)]
    assert [f"{size / 1e6:.2f}" for size in sizes] == ["34.52", "27.51"]


@pytest.mark.parametrize(
    ("method", "module", "bits"),
    [("dpdnet", dpdnet, 16), ("dpdnet-plus", dpdnet, 16), ("rdpd-plus", rdpd, 8)],
)
def test_the_registry_has_them(method: str, module: ModuleType, bits: int) -> None:
    entry = get_method(method)
    assert entry.declaration.build is module.build
    assert entry.views == ("left", "right")
    assert entry.input_bits == bits
    citation = entry.declaration.citation
    assert "ECCV 2020" in citation or "ICCV 2021" in citation
