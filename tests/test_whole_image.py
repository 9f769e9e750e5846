"""Every network takes a whole picture of the Canon set on an ordinary machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
PREDICT = """
import sys
import torch
from pipeline.methods import get_method
from pipeline.provenance import peak_memory_mib

method = get_method(sys.argv[1])
network = method.build().eval()
with torch.inference_mode():
    output = network(torch.rand(1, 3 * len(method.views), 1120, 1680))
assert output.shape == (1, 3, 1120, 1680), output.shape
assert torch.isfinite(output).all()
print(peak_memory_mib())
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", GIGABYTES)
def test_a_whole_image_fits(name: str) -> None:
    # A process of its own: peak memory never falls again.
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, name], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) * 2**20 < GIGABYTES[name] * 1e9
