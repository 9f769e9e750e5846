"""Forward passes of one method in a process of its own, where peak memory is its own too."""

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

from benchmarks.convolution import convolution, timed
from pipeline.config.experiment import load_experiment
from pipeline.methods import get_method
from pipeline.provenance import peak_memory_mib

REPOSITORY = Path(__file__).resolve().parents[1]
SEED = 0
MIB = 2**20


@dataclass(frozen=True)
class Forward:
    """What was found.

    `seconds`: wall time of each pass; before the first, nothing was warm. `cpu_seconds`: time
    of all CPUs in each.
    `convolutions`: seconds of the convolutions that ran between the further passes.
    `before_mib`: resident memory with the network and the image there, before the first pass;
    `peak_mib`: the most during it.
    """

    seconds: list[float]
    cpu_seconds: list[float]
    convolutions: list[float]
    before_mib: float
    peak_mib: float


class ForwardError(Exception):
    """The process did not come to its end."""


def forward_in_process(
    name: str, size: tuple[int, int], passes: int = 0, threads: int = 2, config: Path | None = None
) -> Forward:
    """Run a method's full network, with random weights, on one random image.

    Args:
        name: a method of the method list, or of `config`.
        size: height and width of the image, in pixels.
        passes: further passes after the first, each followed by three convolutions.
        threads: of torch.
        config: an experiment file.

    Raises:
        ForwardError: it ran out of memory, or its output is not a finite image.
    """
    command = [sys.executable, "-m", "benchmarks.forward_process", name, *map(str, size)]
    command += ["--passes", str(passes), "--threads", str(threads)]
    command += [] if config is None else ["--config", str(config.resolve())]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["killed: not enough memory?"])[-1]
        where = "x".join(map(str, size))
        raise ForwardError(f"{name} at {where}: ended with status {done.returncode} ({reason})")
    return Forward(**json.loads(done.stdout))


def _measure(name: str, size: tuple[int, int], passes: int, config: Path | None) -> Forward:
    torch.manual_seed(SEED)
    method = get_method(name, None if config is None else load_experiment(config))
    network = method.build().eval()
    image = torch.rand(1, 3 * len(method.views), *size)
    with torch.inference_mode():
        before = forget_peak()
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
    return Forward(wall, cpu_s, convolutions, before, peak)


def forget_peak() -> float:
    """Let peak memory start again from what is resident now, in MiB."""
    # Linux only; elsewhere the peak may be one of building the network.
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
    found = _measure(options.method, tuple(options.size), options.passes, options.config)
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
