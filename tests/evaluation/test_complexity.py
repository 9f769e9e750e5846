"""FLOP counters against counts by hand and against the published columns of Table 1."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.config.methods import MethodEntry
from pipeline.errors import ConfigError
from pipeline.evaluation import complexity
from pipeline.evaluation.complexity import complexity_key, count_complexity
from pipeline.evaluation.flops_fvcore import flops_fvcore
from pipeline.evaluation.flops_hooks import flops_paper
from pipeline.methods import Method, get_method

SIZE = (1120, 1680)
PARAMS = {
    "dmtnet-t": 1_233_395,
    "dmtnet-s": 12_567_256,
    "dmtnet-b": 24_458_353,
    "dmtnet-l": 36_349_450,
    "dmtnet-h": 48_240_547,
    "dmtnet-b-no-transformer": 23_975_844,
    "dmtnet-b-fixed": 24_457_963,
}
PAPER_G = {
    "dmtnet-t": 147.3677,
    "dmtnet-s": 688.3537,
    "dmtnet-b": 1294.4067,
    "dmtnet-l": 1900.4597,
    "dmtnet-h": 2506.5127,
    "dmtnet-b-no-transformer": 1240.1005,
    "dmtnet-b-fixed": 1294.3916,
}
FVCORE_G = {
    "dmtnet-t": 162.590,
    "dmtnet-s": 695.530,
    "dmtnet-b": 1301.082,
    "dmtnet-l": 1906.633,
    "dmtnet-h": 2512.185,
    "dmtnet-b-no-transformer": 1239.041,
    "dmtnet-b-fixed": 1301.067,
}
# Table 1 as printed.
PRINTED = {
    "dmtnet-t": ("1.23", "147.37"),
    "dmtnet-s": ("12.57", "688.35"),
    "dmtnet-b": ("24.46", "1294.41"),
    "dmtnet-l": ("36.35", "1900.46"),
    "dmtnet-h": ("48.24", "2506.51"),
}


class Net(nn.Module):
    """A net small enough to count by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.grouped = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
        self.act = nn.PReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(4, 5)
        self.gelu = nn.GELU()
        self.up = nn.ConvTranspose2d(4, 3, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.grouped(self.conv(x)))
        bias = self.gelu(self.linear(self.pool(x).flatten(1))).sum()
        return functional.relu(self.up(x) + bias)


class Attention(nn.Module):
    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        query = x.view(batch, 2, channels // 2, height * width).transpose(2, 3)
        key, value = query[:, :, ::2], query[:, :, 1::2]
        if self.fused:
            return functional.scaled_dot_product_attention(query, key, value)
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        return scores.softmax(dim=-1) @ value


class Padded(nn.Module):
    """Cost depends on pixels and on pixels rounded up to 24 x 24: two monomials and a constant."""

    def __init__(self, terms: int = 3) -> None:
        super().__init__()
        self.terms = terms
        self.plain = nn.Conv2d(6, 2, 3, padding=1)
        self.padded = nn.Conv2d(2, 2, 1)
        self.single = nn.Conv2d(2, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = self.plain(x)
        wide = self.padded(functional.pad(x, (0, -width % 24, 0, -height % 24)))
        return self.single(x.mean((2, 3), keepdim=True)) + wide[:, :1, :height, :width]

    def cost_basis(self, height: int, width: int) -> tuple[int, ...]:
        padded = (height + -height % 24) * (width + -width % 24)
        return (height * width, padded, 1)[: self.terms]


def on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        return get_method(name).build()


def test_paper_rule_by_hand() -> None:
    with torch.device("meta"):
        net = Net()
    conv = 4 * 4 * 6 * (27 + 1)
    grouped = 4 * 4 * 6 * 18
    prelu = pool = 4 * 4 * 6
    linear, gelu = 4 * 5, 5
    up = 4 * 4 * 6 * (3 * 2 * 2) + 3 * 8 * 12
    expected = conv + grouped + prelu + pool + linear + gelu + up
    assert flops_paper(net, 3, 8, 12) == expected
    # The hooks are gone afterwards, so that a second count is the same.
    assert flops_paper(net, 3, 8, 12) == expected


def test_paper_rule_counts_a_shared_module_at_each_call_and_nothing_functional() -> None:
    with torch.device("meta"):
        shared = nn.Conv2d(3, 3, 1, bias=False)
        net = nn.Sequential(shared, nn.Softmax(dim=1), shared, nn.PixelUnshuffle(2))
        assert flops_paper(net, 3, 4, 4) == 2 * 16 * 9
        assert flops_paper(Attention(fused=False), 8, 4, 4) == 0


def test_fvcore_counts_multiply_accumulates_by_operator() -> None:
    count = flops_fvcore(Net(), 3, 8, 12)
    assert count.by_operator["conv"] == 24 * 4 * 27 + 24 * 4 * 18 + 24 * 4 * 3 * 4
    assert count.by_operator["linear"] == 20
    assert count.total == sum(count.by_operator.values())
    assert count.uncounted["aten::prelu"] == 1
    assert count.counted_at == ((8, 12),)


def test_fused_and_plain_attention_cost_the_same() -> None:
    plain, fused = (flops_fvcore(Attention(kind), 8, 6, 6) for kind in (False, True))
    assert plain.total == fused.total == 2 * (36 * 18 * 4) * 2
    assert list(fused.by_operator) == ["scaled_dot_product_attention"]


@pytest.mark.parametrize("size", [(100, 52), (16, 16), (250, 500)])
def test_fitted_count_equals_the_full_run(size: tuple[int, int]) -> None:
    net = Padded()
    fitted, full = (flops_fvcore(net, 6, *size, fit=fit) for fit in (True, False))
    assert fitted.by_operator == full.by_operator
    assert full.counted_at == (size,)
    assert all(max(small) <= 64 for small in fitted.counted_at)
    assert len(fitted.counted_at) == 4


def test_a_cost_basis_that_misses_a_term_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"Padded\.cost_basis does not describe"):
        flops_fvcore(Padded(terms=2), 6, 100, 52)


def test_a_degenerate_cost_basis_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Padded, "cost_basis", lambda *_: (1, 1))
    with pytest.raises(ConfigError, match="linearly dependent"):
        flops_fvcore(Padded(), 6, 100, 52)


@pytest.mark.parametrize("name", PARAMS)
def test_dmtnet_paper_columns(name: str) -> None:
    net = on_meta(name)
    params = sum(parameter.numel() for parameter in net.parameters())
    giga = flops_paper(net, 6, *SIZE) / 1e9
    assert params == PARAMS[name]
    assert giga == pytest.approx(PAPER_G[name], abs=5.1e-5)
    if name in PRINTED:
        assert (f"{params / 1e6:.2f}", f"{giga:.2f}") == PRINTED[name]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[] if n in ("dmtnet-t", "dmtnet-s") else pytest.mark.slow)
        for n in PARAMS
    ],
)
def test_dmtnet_fvcore_totals(name: str) -> None:
    record = count_complexity(get_method(name), SIZE)
    assert record.flops_fvcore / 1e9 == pytest.approx(FVCORE_G[name], abs=5.1e-4)
    assert record.flops_fvcore == sum(record.by_operator.values())
    assert record.params == PARAMS[name]


@pytest.mark.slow
def test_fitted_count_of_dmtnet_equals_one_real_full_size_run() -> None:
    net = get_method("dmtnet-t").build()
    fitted, full = (flops_fvcore(net, 6, *SIZE, fit=fit) for fit in (True, False))
    assert fitted.by_operator == full.by_operator
    assert fitted.uncounted == full.uncounted
    assert full.counted_at == (SIZE,)


def _forbidden(*_: object) -> None:
    raise AssertionError("counted again")


def test_an_up_to_date_record_is_returned_without_counting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = get_method("input")
    first = count_complexity(method, (32, 48), tmp_path)
    assert (tmp_path / "input.json").exists()
    assert (first.params, first.flops_fvcore, first.flops_paper) == (0, 0, 0.0)
    monkeypatch.setattr(complexity, "_count", _forbidden)
    assert count_complexity(method, (32, 48), tmp_path) == first
    with pytest.raises(AssertionError, match="counted again"):
        count_complexity(method, (32, 32), tmp_path)


def test_a_damaged_record_is_counted_again(tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text("{")
    record = count_complexity(get_method("input"), (32, 48), tmp_path)
    assert count_complexity(get_method("input"), (32, 48), tmp_path) == record


def test_the_key_follows_arguments_size_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = MethodEntry(module="dmtnet", row="X", kwargs={"variant": "t"})
    other = entry.model_copy(update={"kwargs": {"variant": "s"}})
    keys = {complexity_key(Method("x", e), size) for e in (entry, other) for size in (SIZE, (8, 8))}
    assert len(keys) == 4
    monkeypatch.setattr(Method, "code_hash", lambda _: "changed")
    assert complexity_key(Method("x", entry), SIZE) not in keys


def test_the_cached_path_does_not_import_torch(tmp_path: Path) -> None:
    count_complexity(get_method("input"), (32, 48), tmp_path)
    code = f"""
        import sys
        from pathlib import Path
        from pipeline.evaluation.complexity import count_complexity
        from pipeline.methods import get_method
        count_complexity(get_method("input"), (32, 48), Path({str(tmp_path)!r}))
        heavy = {{"torch", "fvcore", "lpips"}} & set(sys.modules)
        sys.exit(f"imported {{heavy}}" if heavy else 0)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_counting_leaves_the_random_numbers_alone() -> None:
    before = torch.random.get_rng_state()
    small = {"num_dmssrm": 1, "num_blocks": 1, "num_rbm": 1, "num_rm": 1}
    count_complexity(Method("x", MethodEntry(module="dmtnet", row="X", kwargs=small)), (64, 64))
    assert torch.equal(before, torch.random.get_rng_state())
