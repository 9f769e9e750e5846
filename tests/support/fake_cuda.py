"""A CUDA device without a GPU: what lies on it has a type, a shape and strides, but no values.

Tensors on the CPU are real. Fakes of PyTorch's `FakeTensorMode` stand for those on the device, and
for a batch that is about to go there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

CUDA = torch.device("cuda")
STAGED = 2**16
"""Bytes up to which a copy of pageable memory to a device does not wait for it (CUDA's manual)."""

_PRODUCTS = (
    "convolution",
    "mm",
    "addmm",
    "bmm",
    "baddbmm",
    "_scaled_dot_product_efficient_attention",
)


_ATTENTION = "scaled_dot_product_attention"


class Waits(Exception):
    """The program would wait for the device."""


class NotFused(Exception):
    """PyTorch would write out attention in elementary operations."""


class _Watch(TorchDispatchMode):
    """Computes on the CPU for real, and refuses copies that wait for the device."""

    def __init__(self, fakes: FakeTensorMode) -> None:
        super().__init__()
        self.fakes = fakes
        self.products: set[torch.dtype] = set()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        given = [*_leaves((*args, *kwargs.values()))]
        tensors = [leaf for leaf in given if isinstance(leaf, Tensor)]
        fakes = [tensor for tensor in tensors if isinstance(tensor, FakeTensor)]
        if not fakes and not any(isinstance(x, torch.device) and x.type == "cuda" for x in given):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        if len(fakes) < len(tensors):
            args, kwargs = tree_map(self._faked, (args, kwargs))
        found = func(*args, **kwargs)
        self._check(func, tensors, [x for x in _leaves((found,)) if isinstance(x, Tensor)])
        return found

    def _faked(self, leaf: Any) -> Any:
        real = isinstance(leaf, Tensor) and not isinstance(leaf, FakeTensor)
        return self.fakes.from_tensor(leaf) if real else leaf

    def _check(self, func: Any, given: list[Tensor], found: list[Tensor]) -> None:
        if any(x.device.type == "cuda" for x in given):
            if any(x.device.type == "cpu" for x in found):
                raise Waits(f"{func}: copies from the device")
        elif any(x.device.type == "cuda" for x in found):
            size = sum(x.nbytes for x in given if not isinstance(x, FakeTensor))
            if size > STAGED:
                raise Waits(f"{func}: copies {size} bytes that were computed on the CPU")
        if func.overloadpacket.__name__ in _PRODUCTS:
            self.products.add(given[0].dtype)


def _leaves(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value


def _efficient(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
) -> Tensor:
    """PyTorch's memory-efficient kernel, which it does not choose without a GPU."""
    refused = refusals(query, key, value, attn_mask)
    if refused:
        raise NotFused("; ".join(refused))
    if attn_mask is not None:
        attn_mask = attn_mask.expand(*query.shape[:3], key.shape[2])
    fused = torch.ops.aten._scaled_dot_product_efficient_attention.default
    mixed: Tensor = fused(query, key, value, attn_mask, torch.is_grad_enabled())[0]
    return mixed


def refusals(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> list[str]:
    """Why PyTorch's memory-efficient attention would refuse these tensors on any GPU since 2020.

    After ATen/native/transformers/sdp_utils_cpp.h, messages of libtorch_cuda and the checks in
    ATen/native/transformers/cuda/mem_eff_attention; PyTorch itself asks for a GPU before all else.
    """
    inputs = {"query": query, "key": key, "value": value}
    step = 16 // query.element_size()
    found = [f"{name}: 4 dimensions" for name, x in inputs.items() if x.dim() != 4]
    for name, x in inputs.items():
        if x.dtype != query.dtype:
            found.append(f"{name}: type {x.dtype}, not that of the query, {query.dtype}")
        if x.stride(-1) != 1:
            found.append(f"{name}: last stride {x.stride(-1)}, not 1")
        if any(size % step for size in (x.shape[-1], x.stride(-2), x.storage_offset())):
            found.append(f"{name}: rows are not aligned to 16 bytes")
    if mask is None:
        return found
    full = (*query.shape[:3], key.shape[2])
    if mask.dtype != query.dtype:
        found.append(f"mask: type {mask.dtype}, not that of the query, {query.dtype}")
    if mask.stride(-1) != 1:
        found.append(f"mask: strides {mask.stride()}, the last is not 1")
    if mask.dim() != 4 or any(a not in (1, b) for a, b in zip(mask.shape, full, strict=True)):
        found.append(f"mask: shape {tuple(mask.shape)} for {full}")
    return found


class FakeGpu:
    """A device on which networks of fakes compute."""

    def __init__(self) -> None:
        self.fakes = FakeTensorMode(allow_non_fake_inputs=False)

    def network(self, build: Callable[[], nn.Module], layout: torch.memory_format) -> nn.Module:
        """A network on the device, as `nn.Module.to` would bring it there."""
        with torch.device("meta"):
            network = build()
        with self.fakes, torch.no_grad():
            for module in network.modules():
                for name, value in module.named_parameters(recurse=False):
                    trained = nn.Parameter(self._moved(value, layout), value.requires_grad)
                    module.register_parameter(name, trained)
                for name, value in [*module.named_buffers(recurse=False)]:
                    module._buffers[name] = self._moved(value, layout)
        return network

    @staticmethod
    def _moved(value: Tensor, layout: torch.memory_format) -> Tensor:
        plain = torch.empty(value.shape, dtype=value.dtype, device=CUDA)
        return plain.to(memory_format=layout) if value.dim() == 4 else plain

    def batch(self, *shape: int) -> Tensor:
        """Float32 values on the CPU that may go to the device."""
        with self.fakes:
            return torch.empty(*shape)

    @contextmanager
    def running(self) -> Iterator[_Watch]:
        """Within, operations run on the device; says in which types products were computed."""
        common, watch = torch.cuda.amp.common, _Watch(self.fakes)
        with ExitStack() as stack:
            # Without a GPU, autocast turns itself off, and cuDNN is asked for its driver.
            stack.enter_context(mock.patch.object(common, "amp_definitely_not_available", bool))
            stack.enter_context(
                mock.patch.object(torch.cuda, "is_bf16_supported", return_value=True)
            )
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            stack.enter_context(mock.patch.object(functional, _ATTENTION, _efficient))
            stack.enter_context(self.fakes)
            stack.enter_context(watch)
            yield watch
