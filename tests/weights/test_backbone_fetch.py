"""`dmtbench weights fetch lpips-alex`, from a server on this machine, a mirror or a file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.backbones import FILE, NAME, declare, save_backbone
from support.fixture_types import Run
from support.servers import Site, serving

from pipeline.evaluation.metrics import lpips
from pipeline.weights.registry import published_weights


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture
def site(backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server that has the file; the current folder is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    with serving() as site:
        site.files[f"/{FILE}"] = backbone.read_bytes()
        declare(monkeypatch, backbone, site.address(f"/{FILE}"))
        yield site


def test_the_known_file() -> None:
    (source,) = published_weights(NAME).sources
    (archive,) = source.archives
    assert archive.name == archive.address.rpartition("/")[2] == FILE
    # The name carries the first digits of the checksum.
    assert str(archive.sha256)[:8] == FILE.partition(".")[0].rpartition("-")[2]
    assert published_weights(NAME).metric == "lpips"


def test_it_is_listed_and_fetched_to_where_the_metric_looks(site: Site, run: Run) -> None:
    assert lpips.lacks() != ""
    listed = "\n".join(run("weights", "list").out)
    (source,) = published_weights(NAME).sources
    assert f"{NAME}: AlexNet" in listed
    assert f"sha256 {source.archives[0].sha256}" in listed
    done = run("weights", "fetch", NAME)
    assert done.code == 0, done.err
    assert done.out[-1] == "the next `dmtbench run` scores again what lacks lpips"
    assert lpips.lacks() == ""
    asked = len(site.requests)
    assert run("weights", "fetch", NAME).code == 0
    assert len(site.requests) == asked


def test_another_file_from_the_server_is_refused(site: Site, run: Run) -> None:
    content = bytearray(site.files[f"/{FILE}"])
    content[-1000] ^= 1
    site.files[f"/{FILE}"] = bytes(content)
    done = run("weights", "fetch", NAME, "--source", "pytorch")
    assert done.code == 1
    assert "sent another file than the known one" in done.err[0]
    assert len(done.err) == 1
    assert not Path("weights", NAME, FILE).exists()
    assert lpips.lacks() != ""


def test_a_mirror_under_another_name(site: Site, run: Run) -> None:
    site.files["/alexnet.pth"] = site.files.pop(f"/{FILE}")
    done = run("weights", "fetch", NAME, "--source", site.address("/alexnet.pth"))
    assert done.code == 0, done.err
    assert lpips.lacks() == ""


def test_a_file_downloaded_by_hand(site: Site, run: Run, backbone: Path) -> None:
    site.files.clear()
    shutil.copy(backbone, "mine.pth")
    done = run("weights", "fetch", NAME, "--source", "mine.pth")
    assert done.code == 0, done.err
    assert Path("weights", NAME, FILE).exists()
    assert lpips.lacks() == ""


def test_another_file_by_hand_is_refused_under_any_name(
    site: Site, run: Run, backbone: Path
) -> None:
    for name in (FILE, "mine.pth"):
        Path(name).write_bytes(backbone.read_bytes() + b"more")
        done = run("weights", "fetch", NAME, "--source", name)
        assert done.code == 1
        assert done.err[0].startswith(f"error: {name}: is not the known file (sha256 ")
        assert len(done.err) == 1
    assert not Path("weights").exists()
