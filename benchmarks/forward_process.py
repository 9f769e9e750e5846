"""Forward passes of one method in its own process, so that peak memory is the method's alone."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import torch

from benchmarks.timing import timed
from pipeline.config.experiment import load_experiment
from pipeline.gpu_check.rates import convolution
from pipeline.methods import get_method
from pipeline.provenance import peak_memory_mib

REPOSITORY = Path(__file__).resolve().parents[1]
SEED = 0
MIB = 2**20


@dataclass(frozen=True)
class Forward:
    """Times and memory of the passes.

    `seconds`: wall time of each pass; the first is cold. `cpu_seconds`: time of all CPUs in each.
    `convolutions`: seconds of the convolutions between the further passes. `before_mib`: resident
    memory before the first pass, network and image included; `peak_mib`: the peak during it.
    """

    seconds: list[float]
    cpu_seconds: list[float]
    convolutions: list[float]
    before_mib: float
    peak_mib: float


class ForwardError(Exception):
    """The process failed."""


def forward_in_process(
    name: str, size: tuple[int, int], passes: int = 0, threads: int = 2, config: Path | None = None
) -> Forward:
    """Run a method's full network, with random weights, on one random image.

    Args:
        name: a method of the method list, or of `config`.
        size: height and width of the image, in pixels.
        passes: further passes after the first, each followed by three convolutions.
        threads: number of torch's threads.
        config: an experiment file; without it, the method list is used.

    Raises:
        ForwardError: it ran out of memory, or its output is not a finite image.
    """
    command = [sys.executable, "-m", "benchmarks.forward_process", name, *map(str, size)]
    command += ["--passes", str(passes), "--threads", str(threads)]
    command += [] if config is None else ["--config", str(config.resolve())]
    completed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if completed.returncode:
        reason = (completed.stderr.strip().splitlines() or ["killed: not enough memory?"])[-1]
        where = "x".join(map(str, size))
        raise ForwardError(
            f"{name} at {where}: ended with status {completed.returncode} ({reason})"
        )
    return Forward(**json.loads(completed.stdout))


def _measure(name: str, size: tuple[int, int], passes: int, config: Path | None) -> Forward:
    torch.manual_seed(SEED)
    method = get_method(name, None if config is None else load_experiment(config))
    network = method.build().eval()
    image = torch.rand(1, 3 * len(method.views), size[0], size[1])
    with torch.inference_mode():
        before = reset_peak()
        output = torch.empty(0)

        def forward() -> torch.Tensor:
            nonlocal output
            output = network(image)
            return output

        passed, peak, convolutions = [timed(forward)], peak_memory_mib(), []
        assert output.shape == (1, 3, *size), output.shape
        assert output.isfinite().all(), "not finite"
        convolve = convolution()
        for _ in range(passes):
            passed.append(timed(forward))
            convolutions += [timed(convolve)[0] for _ in range(3)]
    wall, cpu_s = (list(times) for times in zip(*passed, strict=True))
    return Forward(
        seconds=wall,
        cpu_seconds=cpu_s,
        convolutions=convolutions,
        before_mib=before,
        peak_mib=peak,
    )


def reset_peak() -> float:
    """Reset the peak memory to the resident memory; returns the latter in MiB."""
    # Linux only; elsewhere the peak may stem from building the network.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return psutil.Process().memory_info().rss / MIB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method")
    parser.add_argument("size", type=int, nargs=2)
    parser.add_argument("--passes", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--config", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    height, width = options.size
    forward = _measure(options.method, (height, width), options.passes, options.config)
    print(json.dumps(asdict(forward)))


if __name__ == "__main__":
    main()
