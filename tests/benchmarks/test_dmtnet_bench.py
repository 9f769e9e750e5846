"""The plain DMTNet is DMTNet, and the benchmark of both runs."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
import torch
from support.miniatures import image, narrow
from support.paths import REPOSITORY

from benchmarks import dmtnet, roofline
from benchmarks.dmtnet_process import Job, Precision, Task, Times
from benchmarks.forward import macs_of
from benchmarks.plain_dmtnet import plain_dmtnet, plain_state
from dmtnet import build
from pipeline.evaluation.flops_fvcore import flops_fvcore

SIZES = [(48, 64), (45, 61), (16, 83)]


@pytest.mark.parametrize("variant", ["t", "s", "h"])
@pytest.mark.parametrize("size", SIZES)
def test_the_plain_network_gives_the_same(variant: str, size: tuple[int, int]) -> None:
    network, x = narrow(variant=variant, num_rm=2), image(*size, batch=2)
    with torch.inference_mode():
        ours = network(x)
        plain = plain_dmtnet(plain_state(network.state_dict()), x)
    assert ours.std() > 0.01
    assert (ours - plain).abs().max() < 1e-5


def test_many_bands_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # 20 rows of tokens in bands of 8, 8 and 4, the last of windows with padding.
    monkeypatch.setattr("dmtnet.extraction.BAND_TOKENS", 1)
    network, x = narrow(), image(77, 61, batch=2)
    with torch.inference_mode():
        found = network(x)
        assert (found - plain_dmtnet(network.state_dict(), x)).abs().max() < 1e-5
    assert (found - network(x)).abs().max() < 1e-5


@pytest.mark.parametrize("variant", ["t", "b"])
def test_the_gradients_are_the_same(variant: str) -> None:
    network, x = narrow(variant=variant, num_rm=2), image(45, 61, batch=2)
    network(x).square().mean().backward()
    leaves = {
        name: value.detach().contiguous().clone().requires_grad_()
        for name, value in network.named_parameters()
    }
    plain_dmtnet(leaves, x).square().mean().backward()
    for name, value in network.named_parameters():
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name
        torch.testing.assert_close(value.grad, leaves[name].grad, rtol=1e-4, atol=1e-5, msg=name)


def test_in_bfloat16_both_are_near_float32() -> None:
    network, x = narrow(), image(45, 61)
    state = plain_state(network.state_dict())
    with torch.inference_mode():
        expected = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            found = [network(x), plain_dmtnet(state, x)]
    for output in found:
        difference = (output.float() - expected).abs().mean()
        assert 0 < difference < 0.05 * expected.abs().mean() + 0.01


def test_a_tiny_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "dmtnet.csv"
    sizes = ["--size", "32", "48", "--crop", "16", "--batch", "2"]
    options = ["--variants", "t", *sizes, "--passes", "1", "--threads", "1"]
    places = ["--cache", str(tmp_path / "sizes"), "--csv", str(table)]
    monkeypatch.setattr(sys, "argv", ["dmtnet", *options, *places])
    dmtnet.main()
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    measured = [(row["task"], row["precision"], row["size"]) for row in rows]
    assert measured == [
        (task, precision, size)
        for task, size in (("forward", "1x6x32x48"), ("training", "2x6x16x16"))
        for precision in ("float32", "bfloat16")
    ]
    for row in rows:
        bound = 1e-5 if row["precision"] == "float32" else 0.1
        assert float(row["difference"]) < bound
        assert float(row["share"]) > 0
    macs = [macs_of("dmtnet-t", size, None, tmp_path / "sizes") for size in ((32, 48), (16, 16))]
    expected = [2e-9 * macs[0], 3 * 2 * 2e-9 * macs[1]]
    assert [float(row["gflop"]) for row in rows[::2]] == pytest.approx(expected)
    assert "bfloat16 is" in capsys.readouterr().out


def test_shares_are_of_the_best_convolution_in_the_same_precision() -> None:
    def job(variant: str, task: Task, precision: Precision) -> Job:
        return Job(variant, task, precision, (1, 6, 16, 16), 3, 2)

    times = [
        (job("t", "forward", "float32"), Times([9, 1, 2], [4, 5, 6], [9, 1, 2], 0.5, 7, 0)),
        (job("t", "forward", "bfloat16"), Times([1, 1, 1], [1, 1, 1], [2, 2, 2], 0.1, 7, 0)),
        (job("b", "training", "float32"), Times([4, 4, 4], [2, 2, 2], [4, 4, 4], 0.25, 7, 0)),
    ]
    rows = dmtnet.rows_of([(each, 10**9, found) for each, found in times])
    convolution = 2e-9 * 64 * 64 * 9 * 256 * 256
    assert [row.ours_ms for row in rows] == [2000, 1000, 4000]
    assert [row.ratio for row in rows] == [2.5, 1, 0.5]
    assert [row.cores for row in rows] == [1, 2, 1]
    best = [convolution / 0.25, convolution / 0.1, convolution / 0.25]
    assert [row.convolution_gflop_per_s for row in rows] == pytest.approx(best)
    shares = [2 / 2 / best[0], 2 / 1 / best[1], 2 / 4 / best[2]]
    assert [row.share for row in rows] == pytest.approx(shares)
    assert "T, forward: bfloat16 is 2.00 times as fast" in dmtnet.as_text(rows)


def test_the_document_has_the_tables_of_the_roofline() -> None:
    text = (REPOSITORY / "docs/performance.md").read_text(encoding="utf-8")
    assert roofline.roofline_table() in text
    assert roofline.cost_table() in text


def test_the_roofline_counts_the_operations_of_fvcore() -> None:
    variant = "s"
    with torch.device("meta"):
        layers = roofline.layers_of(build(variant).eval(), (1, 6, 128, 128))
    counted = flops_fvcore(build(variant), 6, 128, 128).by_operator
    macs = sum(counted[name] for name in ("conv", "linear", "matmul") if name in counted)
    macs += counted.get("scaled_dot_product_attention", 0)
    assert sum(layer.flop for layer in layers) == 2 * macs


def test_a_layer_of_the_roofline() -> None:
    network = torch.nn.Conv2d(64, 64, 3, padding=1, bias=False, device="meta")
    (layer,) = roofline.layers_of(network, (1, 64, 100, 100))
    assert layer == roofline.Layer(2 * 64 * 64 * 9 * 10**4, 2 * 64 * 10**4 + 64 * 64 * 9)
    assert layer.seconds("bf16") == pytest.approx((7.3728e8 / 989e12, 2 * 1316864 / 3.35e12))
