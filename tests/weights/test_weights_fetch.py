"""From a registry entry, an address or a downloaded file to `weights/<method>/`, and the check."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support import servers
from support.fixture_types import Tiny
from support.servers import Site, serving
from torch import nn

from baselines import dpdnet
from pipeline.cli import app, main
from pipeline.config.methods import MethodEntry
from pipeline.errors import ConfigError, DataError, WeightsError
from pipeline.fetch.download import Patience
from pipeline.fetch.sources import Archive
from pipeline.methods import Method, get_method
from pipeline.records import ResultRecord, read_record
from pipeline.run import Run, WeightsOrigin
from pipeline.stages.evaluate import evaluate_method
from pipeline.stages.weights import check_weights
from pipeline.weights import registry
from pipeline.weights.fetch import WeightsFetch
from pipeline.weights.registry import PublishedWeights, WeightsSource, published_weights

Fetcher = Callable[..., WeightsFetch]
NARROW = MethodEntry(module="baselines.dpdnet", row="DPDNet", kwargs={"width": 2})


def saved(network: nn.Module) -> bytes:
    stream = io.BytesIO()
    torch.save({"params": network.state_dict()}, stream)
    return stream.getvalue()


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"checkpoints/{name}.pytorch", content)
    return stream.getvalue()


CONTENT = saved(dpdnet.build(width=2))


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.files["/net.pth"] = CONTENT
        site.files["/all.zip"] = zipped(one=b"x", dual=CONTENT)
        yield site


@pytest.fixture
def fetcher(site: Site, tmp_path: Path) -> Fetcher:
    """Fetches of a registry entry with these sources."""

    def make(*sources: WeightsSource) -> WeightsFetch:
        entry = PublishedWeights(title="Net", licence="MIT", sources=sources)
        patience = Patience(connect_s=2, read_s=2, tries=1, sleep=servers.void)
        return WeightsFetch("net", entry, tmp_path / "weights", patience=patience)

    return make


def source(address: str, name: str = "there", **fields: object) -> WeightsSource:
    transport = fields.pop("transport", "http")
    archive = Archive(
        name=address.rpartition("/")[2], address=address, sha256=fields.pop("sha256", None)
    )
    return WeightsSource.model_validate(
        {"name": name, "transport": transport, "layout": "", "archives": (archive,), **fields}
    )


def test_a_source_that_delivers(site: Site, fetcher: Fetcher) -> None:
    job = fetcher(source(site.address("/gone.pth")), source(site.address("/net.pth")))
    path = job.run(None)
    assert path == job.folder / "net.pth"
    assert path.read_bytes() == CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert (job.folder / "net.pth.sha256").read_text() == f"{digest}  net.pth\n"
    asked = len(site.requests)
    assert fetcher(source(site.address("/net.pth"))).run("there") == path
    assert len(site.requests) == asked


def test_a_member_of_an_archive(site: Site, fetcher: Fetcher) -> None:
    job = fetcher(source(site.address("/all.zip"), member="dual.pytorch"))
    path = job.run(None)
    assert path == job.folder / "dual.pytorch"
    assert path.read_bytes() == CONTENT
    assert (job.folder / "dual.pytorch.sha256").exists()
    assert job.run(site.address("/all.zip")) == path


def test_your_own_address(site: Site, fetcher: Fetcher) -> None:
    path = fetcher(source("https://example.org/x.pth", transport="browser")).run(
        site.address("/net.pth")
    )
    assert path.read_bytes() == CONTENT


def test_what_needs_a_browser_says_how(fetcher: Fetcher, tmp_path: Path) -> None:
    job = fetcher(source("https://example.org/x.pth", transport="browser"))
    for text in (None, "there"):
        with pytest.raises(DataError) as caught:
            job.run(text)
        assert str(caught.value).endswith(
            "by hand: open https://example.org/x.pth in a browser, download x.pth, "
            "then: dmtbench weights fetch net --source x.pth"
        )
        assert "\n" not in str(caught.value)
    (tmp_path / "x.pth").write_bytes(CONTENT)
    path = job.run(str(tmp_path / "x.pth"))
    assert path == job.folder / "x.pth"
    assert path.read_bytes() == CONTENT
    assert job.run(str(path)) == path


def test_pages_and_other_files_are_no_weights(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    site.usual["/net.pth"] = servers.page("text/html")
    with pytest.raises(DataError, match="is a web page"):
        fetcher(source(site.address("/net.pth"))).run("there")
    site.files["/text.pth"] = b"Not found, dear user, whatever you may have been told"
    with pytest.raises(DataError, match="is neither of PyTorch"):
        fetcher(source(site.address("/text.pth"))).run("there")
    assert not list((tmp_path / "weights").glob("*.pth"))
    (tmp_path / "page.pth").write_bytes(servers.PAGE)
    with pytest.raises(WeightsError, match="is a web page"):
        fetcher(source(site.address("/net.pth"))).run(str(tmp_path / "page.pth"))


def test_another_file_than_the_known_one(site: Site, fetcher: Fetcher, tmp_path: Path) -> None:
    job = fetcher(source(site.address("/net.pth"), sha256="0" * 64))
    with pytest.raises(DataError, match="another file than the known one"):
        job.run("there")
    (tmp_path / "net.pth").write_bytes(CONTENT)
    with pytest.raises(WeightsError, match=r"net\.pth: is not the known file .* again: open"):
        job.run(str(tmp_path / "net.pth"))


def test_damaged_archives(site: Site, fetcher: Fetcher) -> None:
    good = bytearray(site.files["/all.zip"])
    good[good.index(CONTENT) + 100] ^= 255
    site.files["/all.zip"] = bytes(good)
    job = fetcher(source(site.address("/all.zip"), member="dual.pytorch"))
    with pytest.raises(WeightsError, match=r"all\.zip: is damaged"):
        job.run(None)
    assert not (job.folder / "dual.pytorch").exists()


def test_unknown_sources_and_methods(fetcher: Fetcher) -> None:
    with pytest.raises(ConfigError, match="unknown source 'x'; known: there"):
        fetcher(source("https://example.org/x.pth")).run("x")
    with pytest.raises(ConfigError, match="no published weights of 'dmtnet-b' are known; of: dpd"):
        published_weights("dmtnet-b")
    with pytest.raises(WeightsError, match="uformer-b: its authors published weights for deno"):
        published_weights("uformer-b")


def test_the_registry_is_complete() -> None:
    entries = registry.all_weights()
    assert set(entries) == {
        *("dpdnet", "dpdnet-plus", "rdpd-plus", "ifan", "kpac", "restormer", "uformer-b", "mrnet"),
        *("dmenet", "lpips-alex"),
    }
    for method, entry in entries.items():
        assert entry.licence
        assert bool(entry.sources) != bool(entry.none)
        for place in entry.sources:
            assert place.transport in ("http", "browser")
            assert [archive.address.startswith("https://") for archive in place.archives] == [True]
        if entry.sources:
            assert f"weights fetch {method} --source" in entry.manual(method)


def test_check_loads_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(CONTENT)
    params, digest = check_weights(Method("dpdnet", NARROW), path)
    assert params == sum(value.numel() for value in dpdnet.build(width=2).parameters())
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(WeightsError) as caught:
        check_weights(get_method("dpdnet"), path)
    message = str(caught.value)
    assert message.startswith(f"{path}: method 'dpdnet': 'conv1_1.weight' has shape (2, 6, 3, 3)")
    assert "\n" not in message


def test_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.registered_groups
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pth").write_bytes(CONTENT)

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["dmtbench", "weights", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return end.value.code, out, err

    code, out, _ = run("list")
    assert not code
    assert "restormer: Restormer: Zamir" in out
    assert "none: neither its code" in out
    code, out, _ = run("fetch", "dpdnet", "--source", "net.pth")
    assert not code
    assert "check it with: dmtbench weights check dpdnet weights/dpdnet/net.pth" in out
    assert (tmp_path / "weights/dpdnet/net.pth").exists()
    code, _, err = run("fetch", "dpdnet")
    assert code == 1
    assert err.startswith(
        "error: dpdnet: no source works without a browser; by hand: open https://ln2"
    )
    assert err.count("\n") == 1


def test_evaluating_with_published_weights(tiny: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(CONTENT)
    experiment = tiny.experiment.model_copy(
        update={"methods": {**tiny.experiment.methods, "dpdnet": NARROW}}
    )
    target = tmp_path / "result"
    images: dict[str, Any] = {"root": tiny.raw, "manifest": tiny.manifest, "target": target}
    this = Run.of(experiment, "dpdnet")
    evaluate_method(this, origin=WeightsOrigin(official=path), command="test", **images)
    record = read_record(target / "record.json", ResultRecord)
    assert record.label == "given weights"
    assert record.provenance.weights_sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert json.loads((target / "record.json").read_text())["protocol"]["views"] == [
        "left",
        "right",
    ]
    with pytest.raises(ConfigError, match="takes a run or published weights"):
        evaluate_method(this, origin=WeightsOrigin(target, path), command="x", **images)
