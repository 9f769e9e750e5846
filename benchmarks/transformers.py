"""Speed of Restormer and Uformer-B compared with literal transcriptions and a convolution.

    python -m benchmarks.transformers --size 256 --passes 5 --threads 1

The references (`benchmarks.literal_restormer`, `benchmarks.literal_uformer`) transcribe the
publications into eager operations, with the same weights. Passes alternate with each other and with
a 3x3 convolution from 64 to 64 channels, whose best rate represents the machine's speed. Wall time
is the result; the CPU time next to it shows how much other work on the machine disturbed the run.
`--full` runs each network once at 1120 x 1680 in its own process and prints its time and peak
memory.
"""

from __future__ import annotations

import argparse
import json
from statistics import median
from typing import Any

import torch
from torch import nn

from baselines import restormer, uformer
from benchmarks.forward_process import forward_in_process
from benchmarks.literal_restormer import literal_restormer
from benchmarks.literal_uformer import literal_uformer
from benchmarks.timing import timed
from pipeline.data.canon import CANON_SIZE
from pipeline.gpu_check.rates import CONVOLUTION_MACS, convolution

METHODS = {
    "restormer": (restormer, literal_restormer),
    "uformer-b": (uformer, literal_uformer),
}
# Multiply-accumulates at 256 x 256 by fvcore, verified by the tests.
MACS_256 = {"restormer": 155_268_956_160, "uformer-b": 86_947_397_632}
RATIOS, TOLERANCE = {"restormer": 1.3, "uformer-b": 1.6}, 1e-4


def draw(network: nn.Module) -> None:
    """Draw weights in place so that every branch matters and outputs are of order one."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() >= 2 and not name.endswith(("temperature", "table", "modulator")):
                value.copy_(noise / value[0].numel() ** 0.5)
            else:
                around_one = name.endswith(("temperature", "weight"))
                value.copy_(0.1 * noise + (1 if around_one else 0))


def compare(name: str, size: int, passes: int) -> dict[str, Any]:
    """Time our network and the literal transcription alternately."""
    module, literal = METHODS[name]
    network = module.build().eval()
    draw(network)
    state = {module.official_name(key): value for key, value in network.state_dict().items()}
    x = torch.rand(1, 6, size, size, generator=torch.Generator().manual_seed(1))
    runs = {
        "ours": lambda: network(x),
        "literal": lambda: literal(state, x),
        "convolution": convolution(),
    }
    times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in runs}
    with torch.inference_mode():
        outputs = [runs[kind]() for kind in ("ours", "literal")]
        for _ in range(passes):
            for kind, run in runs.items():
                repeats = 3 if kind == "convolution" else 1
                times[kind] += [timed(run) for _ in range(repeats)]
    walls = {kind: median(wall for wall, _ in values) for kind, values in times.items()}
    cpus = {kind: median(cpu for _, cpu in values) for kind, values in times.items()}
    best = CONVOLUTION_MACS / min(wall for wall, _ in times["convolution"])
    macs = MACS_256[name] * size**2 / 256**2
    return {
        "method": name,
        "ours_s": walls["ours"],
        "literal_s": walls["literal"],
        "ratio": walls["literal"] / walls["ours"],
        "ours_cpu_s": cpus["ours"],
        "literal_cpu_s": cpus["literal"],
        "ratio_cpu": cpus["literal"] / cpus["ours"],
        "gflop_per_s": 2 * macs / walls["ours"] / 1e9,
        "convolution_gflop_per_s": 2 * best / 1e9,
        "share_of_convolution": macs / walls["ours"] / best,
        "difference": float((outputs[0] - outputs[1]).abs().max()),
        "output_spread": float(outputs[0].std()),
        "times": times,
    }


def whole_image(name: str, threads: int) -> dict[str, float | str]:
    """Time and peak memory of a whole image, measured in its own process."""
    forward = forward_in_process(name, CANON_SIZE, threads=threads)
    return {"method": name, "seconds": forward.seconds[0], "peak_gib": forward.peak_mib / 1024}


def show(result: dict[str, Any]) -> None:
    print(
        f"{result['method']}: {result['ours_s']:.2f} s, literal {result['literal_s']:.2f} s, "
        f"{result['ratio']:.2f} times as fast (target: {RATIOS[result['method']]}); CPU time "
        f"{result['ours_cpu_s']:.2f} and {result['literal_cpu_s']:.2f} s, {result['ratio_cpu']:.2f}"
    )
    print(
        f"  {result['gflop_per_s']:.1f} GFLOP/s, {result['share_of_convolution']:.0%} of the best "
        f"3x3 convolution ({result['convolution_gflop_per_s']:.1f}); outputs differ by "
        f"{result['difference']:.1e} (at most {TOLERANCE:.0e}) at a spread of "
        f"{result['output_spread']:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--size", type=int, default=256, help="side; a multiple of 128")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--full", action="store_true", help="also run whole images")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = [compare(n, options.size, options.passes) for n in options.methods]
    whole = [whole_image(n, options.threads) for n in options.methods] if options.full else []
    if options.json:
        print(json.dumps({"options": vars(options), "results": results, "whole": whole}))
        return
    print(f"size {options.size}, {options.threads} threads, medians of {options.passes} passes")
    for result in results:
        show(result)
    for entry in whole:
        height, width = CANON_SIZE
        print(
            f"{entry['method']} at {height}x{width}: {entry['seconds']:.0f} s, "
            f"peak {entry['peak_gib']:.2f} GiB"
        )


if __name__ == "__main__":
    main()
