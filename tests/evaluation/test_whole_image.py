"""Every network takes a whole image of the Canon set on an ordinary machine."""

from __future__ import annotations

import pytest

from benchmarks.forward_process import forward_in_process

GIGABYTES = {
    "dmtnet-h": 4,
    "dpdnet": 8,
    "rdpd-plus": 8,
    "ifan": 8,
    "kpac": 8,
    "uformer-b": 8,
    "restormer": 8,
    "mrnet": 16,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GIGABYTES)
def test_a_whole_image_fits(name: str) -> None:
    assert forward_in_process(name, (1120, 1680)).peak_mib * 2**20 < GIGABYTES[name] * 1e9
