"""DMTNet on a GPU: the same function as on the CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from support.miniatures import image, narrow
from torch.nn.attention import SDPBackend, sdpa_kernel

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture(autouse=True)
def _full_float32() -> Iterator[None]:
    # TF32 rounds to 10 bits; the comparison is about the function, not about rounding.
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shift", ["none", "alternate"])
def test_equals_the_cpu(shift: str, layout: torch.memory_format) -> None:
    network, x = narrow(shift=shift), image(44, 60, batch=2)
    with torch.inference_mode():
        expected = network(x)
        found = network.to("cuda", memory_format=layout)(x.to("cuda", memory_format=layout))
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-3)


def test_bfloat16_is_close() -> None:
    network, x = narrow(shift="alternate").cuda(), image(44, 60).cuda()
    with torch.inference_mode():
        expected = network(x)
        with torch.autocast("cuda", torch.bfloat16):
            found = network(x).float()
    assert torch.isfinite(found).all()
    assert (found - expected).abs().mean() < 0.05 * expected.abs().mean() + 0.01


def test_gradients_in_bfloat16_are_finite() -> None:
    network, x = narrow(shift="alternate").cuda(), image(44, 60, batch=2).cuda()
    with torch.autocast("cuda", torch.bfloat16):
        prediction = network(x)
    prediction.float().square().mean().backward()
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shift", ["none", "alternate"])
def test_attention_has_a_fused_kernel(shift: str, precision: torch.dtype) -> None:
    if precision == torch.bfloat16 and torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("fused kernels for bfloat16 need compute capability 8.0")
    # Heads of 8 channels: fused kernels need rows of 16 bytes.
    network, x = narrow(shift=shift, embed_dim=24).cuda(), image(44, 60, batch=2).cuda()
    half = torch.autocast("cuda", precision, enabled=precision != torch.float32)
    fused = [
        SDPBackend.FLASH_ATTENTION,
        SDPBackend.EFFICIENT_ATTENTION,
        SDPBackend.CUDNN_ATTENTION,
    ]
    # Without the plain kernel in the list, PyTorch raises an error where no other fits.
    with sdpa_kernel(fused), half:
        trained = network(x)
        trained.float().square().mean().backward()
        with torch.inference_mode():
            inferred = network(x)
    torch.testing.assert_close(inferred, trained, rtol=0, atol=0.05)
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name
