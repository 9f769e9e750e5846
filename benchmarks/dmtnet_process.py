"""A forward pass or a training step of DMTNet and of the plain network, in its own process."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import Tensor

from benchmarks.forward_process import REPOSITORY, ForwardError, reset_peak
from benchmarks.plain_dmtnet import plain_dmtnet, plain_state
from benchmarks.timing import timed
from dmtnet import build
from pipeline.gpu_check.rates import convolution
from pipeline.provenance import peak_memory_mib
from pipeline.training.loss import charbonnier

Task = Literal["forward", "training"]
Precision = Literal["float32", "bfloat16"]
TASKS: tuple[Task, ...] = ("forward", "training")
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
SEED, EPS = 0, 1e-3


@dataclass(frozen=True)
class Job:
    """What to run.

    `shape`: of the input, `[B, 6, H, W]`. `passes`: timed passes per network, after a first one.
    """

    variant: str
    task: Task
    precision: Precision
    shape: tuple[int, ...]
    passes: int
    threads: int


@dataclass(frozen=True)
class Times:
    """Seconds of each warm pass, and the results of the first.

    `cpu_s`: time of all CPUs in our passes. `convolution`: seconds of the fastest 3x3 convolution
    from 64 to 64 channels, 256 x 256 pixels, in the job's precision and either memory layout.
    `peak_mib`: peak memory of our first pass above the memory before it. `difference`: the largest
    difference between the outputs, or between the gradients, of the two networks.
    """

    ours: list[float]
    plain: list[float]
    cpu_s: list[float]
    convolution: float
    peak_mib: float
    difference: float


def has_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; without them it is several times as slow."""
    found = torch.cpu.get_capabilities()
    return any(found.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def in_process(job: Job) -> Times:
    """Run a job in a new process.

    Raises:
        ForwardError: the process failed.
    """
    command = [sys.executable, "-m", "benchmarks.dmtnet_process", json.dumps(asdict(job))]
    completed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if completed.returncode:
        reason = (completed.stderr.strip().splitlines() or ["killed: not enough memory?"])[-1]
        raise ForwardError(f"{job}: ended with status {completed.returncode} ({reason})")
    return Times(**json.loads(completed.stdout))


def measure(job: Job) -> Times:
    """Run a job in this process; the networks and the convolution alternate."""
    torch.manual_seed(SEED)
    ours, plain = _networks(job)
    convolutions = _convolutions(job.precision)
    before = reset_peak()
    first = ours()
    peak = peak_memory_mib() - before
    difference = max(
        float((own.float() - other.float()).abs().max())
        for own, other in zip(first, plain(), strict=True)
    )
    del first
    ours_s, plain_s, convolution_s = [], [], []
    for _ in range(job.passes):
        ours_s.append(timed(ours))
        plain_s.append(timed(plain)[0])
        convolution_s += [timed(run)[0] for run in 3 * convolutions]
    walls, cpu_s = (list(times) for times in zip(*ours_s, strict=True))
    return Times(
        ours=walls,
        plain=plain_s,
        cpu_s=cpu_s,
        convolution=min(convolution_s),
        peak_mib=peak,
        difference=difference,
    )


def _networks(job: Job) -> tuple[Callable[[], list[Tensor]], Callable[[], list[Tensor]]]:
    """The timed functions, ours and the plain one: outputs, or gradients of all parameters."""
    network = build(job.variant).eval()
    state = plain_state(network.state_dict())
    x = torch.rand(job.shape)
    if job.task == "forward":

        def forward(run: Callable[[], Tensor]) -> list[Tensor]:
            with torch.inference_mode(), _autocast(job.precision):
                return [run()]

        return lambda: forward(lambda: network(x)), lambda: forward(lambda: plain_dmtnet(state, x))
    target = torch.rand(job.shape[0], 3, *job.shape[2:])
    leaves = {name: value.clone().requires_grad_() for name, value in state.items()}

    def step(run: Callable[[], Tensor], parameters: Mapping[str, Tensor]) -> list[Tensor]:
        with _autocast(job.precision):
            prediction = run()
        loss = charbonnier(prediction.float(), target, EPS)
        return list(torch.autograd.grad(loss, list(parameters.values())))

    own = dict(network.named_parameters())
    return (
        lambda: step(lambda: network(x), own),
        lambda: step(lambda: plain_dmtnet(leaves, x), {name: leaves[name] for name in own}),
    )


def _autocast(precision: Precision) -> AbstractContextManager[object]:
    return nullcontext() if precision == "float32" else torch.autocast("cpu", torch.bfloat16)


def _convolutions(precision: Precision) -> list[Callable[[], object]]:
    """One per memory layout: which layout is faster depends on the machine."""
    dtype = getattr(torch, precision)
    layouts = (torch.contiguous_format, torch.channels_last)
    return [torch.inference_mode()(convolution(dtype=dtype, layout=each)) for each in layouts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=json.loads)
    job = Job(**parser.parse_args().job)
    torch.set_num_threads(job.threads)
    print(json.dumps(asdict(measure(job))))


if __name__ == "__main__":
    main()
