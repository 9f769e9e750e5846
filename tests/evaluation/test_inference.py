"""Whole-image inference, the protocol, the per-image table and its means."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.paths import CONFIG
from torch import Tensor, nn

from pipeline.config.blocks import Compute
from pipeline.config.experiment import Experiment, load_experiment, load_methods
from pipeline.config.methods import MetricEntry
from pipeline.data.manifest import ManifestRow
from pipeline.errors import DataError
from pipeline.evaluation.inference import (
    Evaluation,
    evaluate,
    ground_truth,
    model_input,
    predict,
)
from pipeline.evaluation.loading import LoadedMethod, Prepared
from pipeline.evaluation.metrics import load_metrics
from pipeline.evaluation.protocol import check_bit_depth, protocol_for
from pipeline.evaluation.scores import ImageScores, aggregate, write_per_image
from pipeline.methods import Method, get_method
from pipeline.run import Run

DEMO = CONFIG / "demo.yaml"
DPDD_16 = load_experiment(DEMO)
DPDD_8 = DPDD_16.model_copy(update={"protocol": "dpdd-8"})
SIZE = (20, 28)
CPU = torch.device("cpu")
COMPUTE = Compute(
    device="cpu",
    torch_threads=1,
    loader_workers=0,
    prefetch=2,
    precision="float32",
    channels_last=False,
)


class Affine(nn.Module):
    """Scales and shifts the first view; `bad` puts a NaN in."""

    def __init__(self, scale: float = 1.0, shift: float = 0.0, bad: bool = False) -> None:
        super().__init__()
        self.scale, self.shift, self.bad = scale, shift, bad

    def forward(self, x: Tensor) -> Tensor:
        out = x[:, :3] * self.scale + self.shift
        if self.bad:
            out[0, 0, 0, 0] = torch.nan
        return out


def row(name: str, group: str = "main", category: str = "indoor") -> ManifestRow:
    views = ("combined", "left", "right", "target")
    cells: dict[str, Any] = {f"sha256_{view}": "0" * 64 for view in views}
    cells |= {f"file_{view}": f"{view}/{name}.png" for view in views}
    return ManifestRow(
        split="test",
        group=group,
        category=category,  # type: ignore[arg-type]
        source=f"{name}.png",
        target=f"{name}.png",
        width=SIZE[1],
        height=SIZE[0],
        bit_depth=16,
        **cells,
    )


def scene(seed: int = 0) -> dict[str, NDArray[np.uint16]]:
    generator = np.random.default_rng(seed)
    views = ("combined", "left", "right", "target")
    return {v: generator.integers(0, 65536, (*SIZE, 3), dtype=np.uint16) for v in views}


def read(item: ManifestRow) -> dict[str, NDArray[np.uint16]]:
    return scene(int(item.source.removesuffix(".png")[1:]))


def run(network: nn.Module, rows: list[ManifestRow], folder: Path, **changes: Any) -> Evaluation:
    metrics = load_metrics({k: v for k, v in load_methods().metrics.items() if k != "lpips"})
    settings = {"compute": COMPUTE, "sample_images": changes.get("sample_images", 0)}
    this = Run.of(DPDD_16.model_copy(update=settings), "input")
    ready = Prepared(
        LoadedMethod(this, network, kwargs={}, label="demo", weights=None),
        protocol=changes.get("protocol", protocol_for(DPDD_16, this.method)),
        tiling=None,
        device=CPU,
        rows=rows,
    )
    return evaluate(ready, read=read, metrics=changes.get("metrics", metrics), folder=folder)


def predicted(
    network: nn.Module, images: dict[str, NDArray[np.uint16]], *views: str, **changes: Any
) -> NDArray[np.float64]:
    compute = COMPUTE.model_copy(update=changes)
    return predict(network, images, views=views, input_bits=16, compute=compute, device=CPU)


def test_input_is_the_views_in_the_method_s_order_over_65535() -> None:
    images = scene()
    x = model_input(images, ("right", "left"), 16)
    assert x.dtype == torch.float32
    assert x.shape == (1, 6, *SIZE)
    assert x.is_contiguous()
    right, left = images["right"][3, 5], images["left"][3, 5]
    expected = np.concatenate([right, left]).astype(np.float32) / np.float32(65535)
    assert np.array_equal(x[0, :, 3, 5].numpy(), expected)


def test_eight_bit_methods_get_the_high_byte() -> None:
    # OpenCV's 8-bit reading of a 16-bit PNG maps these so.
    values = np.array([0x00FF, 0x01FF, 0x7FFF], dtype=np.uint16).reshape(1, 1, 3)
    x = model_input({"combined": values}, ("combined",), 8)
    assert (x.flatten() * 255).tolist() == pytest.approx([0, 1, 127])


def test_prediction_is_clamped_float_and_not_quantized() -> None:
    images = scene()
    found = predicted(Affine(1.5, -0.2), images, "left")
    plain = images["left"].astype(np.float64) / 65535 * 1.5 - 0.2
    assert found.dtype == np.float64
    assert found.shape == (*SIZE, 3)
    assert (found.min(), found.max()) == (0, 1)
    assert np.allclose(found, plain.clip(0, 1), atol=1e-6)
    assert np.abs(found * 65535 - np.rint(found * 65535)).max() > 0.4


def test_the_network_is_put_into_evaluation_mode() -> None:
    network = nn.Sequential(Affine(), nn.Dropout(0.9)).train()
    found = predicted(network, scene(), "target")
    assert np.allclose(found, ground_truth(scene()), atol=1e-6)


@pytest.mark.parametrize("changes", [{"precision": "bfloat16"}, {"channels_last": True}])
def test_precision_and_layout_keep_the_meaning(changes: dict[str, Any]) -> None:
    network = nn.Conv2d(9, 3, 3, padding=1)
    views = ("left", "right", "combined")
    reference = predicted(network, scene(), *views)
    found = predicted(network, scene(), *views, **changes)
    assert np.abs(found - reference).max() < 0.03
    assert ("precision" in changes) == (np.abs(found - reference).max() > 1e-5)


def test_a_prediction_of_another_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected"):
        predicted(nn.MaxPool2d(2), scene(), "left")


def test_a_prediction_that_is_not_finite_names_method_and_scene(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"input on s7\.png: 1 of 1680 .* not finite"):
        run(Affine(bad=True), [row("s7")], tmp_path)
    assert not (tmp_path / "per_image.csv").exists()


def test_no_scenes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no scenes"):
        run(Affine(), [], tmp_path)


def test_evaluation_writes_the_table_and_its_means(tmp_path: Path) -> None:
    rows = [row("s1"), row("s2", category="outdoor"), row("s3"), row("s4", "stereo", "")]
    found = run(Affine(), rows, tmp_path)
    with (tmp_path / "per_image.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert list(table[0]) == ["scene", "group", "category", "psnr", "ssim", "mae"]
    keys = [(r["scene"], r["group"], r["category"]) for r in table]
    assert keys == [(i.source.removesuffix(".png"), i.group, i.category) for i in rows]
    psnr = [float(r["psnr"]) for r in table]
    left, target = (scene(1)[view] / 65535 for view in ("left", "target"))
    # The network sees the first three channels of `input`: the left view.
    assert psnr[0] == pytest.approx(-10 * np.log10(np.mean((left - target) ** 2)), abs=1e-5)
    means = {name: scores.mean["psnr"] for name, scores in found.scores.items()}
    assert means["indoor"] == pytest.approx((psnr[0] + psnr[2]) / 2)
    assert means["outdoor"] == psnr[1]
    assert means["combined"] == pytest.approx(sum(psnr[:3]) / 3)
    assert {name: scores.n for name, scores in found.groups.items()} == {"stereo": 1}
    assert found.metric_status == dict.fromkeys(("psnr", "ssim", "mae"), "computed")


def test_samples_are_input_prediction_and_target_of_main_scenes(tmp_path: Path) -> None:
    rows = [row("s1", "stereo", ""), row("s2"), row("s3"), row("s4")]
    found = run(Affine(0.5), rows, tmp_path, sample_images=2)
    assert found.images == ("images/s2.png", "images/s3.png")
    loaded = cv2.imread(str(tmp_path / found.images[0]), cv2.IMREAD_UNCHANGED)
    assert loaded is not None
    image = loaded[..., ::-1]
    images = scene(2)
    parts = (images["combined"] / 65535, images["left"] / 65535 / 2, images["target"] / 65535)
    expected = np.concatenate(parts, axis=1) * 255
    assert image.dtype == np.uint8
    assert np.abs(image - expected).max() <= 0.5001
    assert sorted(p.name for p in (tmp_path / "images").iterdir()) == ["s2.png", "s3.png"]


def test_a_metric_that_was_not_computed_is_empty_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "absent_metric.py").write_text(
        "UNIT = ''\nHIGHER_IS_BETTER = True\ndef score(p, t): return None\n"
        "def status(): return 'not computed: no weights'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    metrics = load_metrics({"absent": MetricEntry(module="absent_metric")})
    found = run(Affine(), [row("s1")], tmp_path, metrics=metrics)
    assert (tmp_path / "per_image.csv").read_text().splitlines()[1] == "s1,main,indoor,"
    assert found.scores["combined"].mean == {"absent": None}
    assert found.metric_status == {"absent": "not computed: no weights"}


def test_floats_read_back_to_the_same_bits(tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1 / 3, 1e-17, float(np.nextafter(1, 2))]
    table = [ImageScores(f"s{k}", "main", "", {"m": np.float64(v)}) for k, v in enumerate(values)]
    write_per_image(tmp_path / "t.csv", table, ["m"])
    lines = (tmp_path / "t.csv").read_text().splitlines()[1:]
    assert [float(line.split(",")[3]) for line in lines] == values


def test_means_weigh_images_not_categories_and_miss_nothing() -> None:
    def image(name: str, group: str, category: str, value: float | None) -> ImageScores:
        return ImageScores(name, group, category, {"m": value})

    table = [image(f"i{k}", "main", "indoor", 1.0) for k in range(3)]
    table += [image("g", "extra", "indoor", 9.0)]
    scores, groups = aggregate([*table, image("u", "main", "", 5.0)])
    assert (scores["combined"].n, scores["combined"].mean["m"]) == (4, 2.0)
    assert (scores["outdoor"].n, scores["outdoor"].mean) == (0, {"m": None})
    assert groups["extra"].mean == {"m": 9.0}
    incomplete, _ = aggregate([*table, image("n", "main", "outdoor", None)])
    assert incomplete["combined"].mean["m"] is None
    assert incomplete["indoor"].mean["m"] == 1.0


def test_protocol_of_a_method() -> None:
    protocol = protocol_for(DPDD_16, get_method("dmtnet-t"))
    assert (protocol.id, protocol.input_bits, protocol.ground_truth_bits) == ("dpdd-16", 16, 16)
    assert (protocol.clamp, protocol.quantization) == (True, "none")
    assert protocol.views == ("right", "left")


class EightBits(Method):
    """A method that was made for 8-bit images."""

    input_bits = 8
    views = ("left",)


@pytest.mark.parametrize(
    ("experiment", "bits", "method", "found"),
    [(DPDD_16, 16, 8, (8, 16)), (DPDD_8, 8, 8, (8, 8)), (DPDD_8, 8, 16, (8, 8))],
)
def test_no_more_bits_than_method_and_protocol_have(
    experiment: Experiment, bits: int, method: int, found: tuple[int, int]
) -> None:
    plain = get_method("dmtnet-t")
    protocol = protocol_for(experiment, EightBits("e", plain.entry) if method == 8 else plain)
    assert protocol.id == f"dpdd-{bits}"
    assert (protocol.input_bits, protocol.ground_truth_bits) == found


def test_eight_bit_scoring_sees_the_high_bytes_of_both(tmp_path: Path) -> None:
    protocol = protocol_for(DPDD_8, get_method("input")).model_copy(update={"views": ("left",)})
    found = run(Affine(), [row("s1")], tmp_path, protocol=protocol)
    left, target = ((scene(1)[view] >> 8) / 255 for view in ("left", "target"))
    expected = -10 * np.log10(np.mean((left - target) ** 2))
    assert found.scores["combined"].mean["psnr"] == pytest.approx(expected, abs=1e-5)
    values = np.array([0x00FF, 0x01FF, 0x7FFF], dtype=np.uint16).reshape(1, 1, 3)
    assert (ground_truth({"target": values}, 8) * 255).ravel().tolist() == [0, 1, 127]


def test_the_protocol_must_suit_the_images() -> None:
    check_bit_depth(DPDD_16, 16, "m.csv")
    for depth in (8, 16):
        check_bit_depth(DPDD_8, depth, "m.csv")
    with pytest.raises(DataError, match=r"^m\.csv: .* 8 bits .*`protocol: dpdd-8` in a copy"):
        check_bit_depth(DPDD_16, 8, "m.csv")


def test_scenes_without_ground_truth_are_not_scored(tmp_path: Path) -> None:
    empty = dict.fromkeys(("target", "file_target", "sha256_target"), "")
    rows = [row("s1"), row("s2").model_copy(update=empty)]
    with pytest.raises(DataError, match=r"s2\.png: no ground truth.*dmtbench predict"):
        run(Affine(), rows, tmp_path)
    assert not list(tmp_path.iterdir())
