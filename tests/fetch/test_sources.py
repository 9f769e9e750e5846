"""The registry of sources: complete, honest about what is unknown, and readable."""

from __future__ import annotations

import datetime

import pytest
from pydantic import ValidationError

from pipeline.errors import ConfigError
from pipeline.fetch.listing import show_sources
from pipeline.fetch.registry import Published, published
from pipeline.fetch.sources import Archive, Source


@pytest.mark.parametrize("dataset", ["canon", "pixel"])
def test_every_source_can_be_tried_or_explained(dataset: str) -> None:
    known = published(dataset)
    assert len({source.name for source in known.sources}) == len(known.sources)
    for source in known.sources:
        for archive in source.archives:
            web = source.transport in ("http", "browser")
            assert archive.address.startswith("https://") == web
    assert known.licence
    assert known.automatic


def test_the_order_of_trying() -> None:
    names = [source.name for source in published("canon").automatic]
    # Those with all three splits first; the one without train and val never unasked.
    assert names == ["huggingface", "restormer", "ifan"]
    assert [source.name for source in published("pixel").automatic] == ["ifan", "drbnet"]


def test_the_copy_in_git_is_pinned() -> None:
    (source,) = [item for item in published("canon").sources if item.transport == "huggingface"]
    assert source.revision == "52e4035a045ea1763313b9ce2b27cf2e620cfc30"
    assert all(item.sha256 and item.bytes for item in source.checked)


def test_the_manual_way_names_page_file_and_command() -> None:
    line = published("canon").manual("canon")
    assert "https://ln2.sync.com/dl/c45358c50/" in line
    assert "dd_dp_dataset_canon.zip (15.8 GB)" in line
    assert line.endswith("dmtbench fetch canon --source dd_dp_dataset_canon.zip")


def test_an_unknown_data_set() -> None:
    with pytest.raises(ConfigError, match="unknown data set 'nikon'; known: canon, pixel"):
        published("nikon")


@pytest.mark.parametrize("name", ["../a.zip", "/a.zip", "", ".part", "a b"])
def test_names_stay_below_their_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        Archive(name=name)


def test_a_list_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    archive = Archive(name="a.zip", address="https://example.org/a.zip", bytes=12, sha256="0" * 64)
    alive = datetime.date(2026, 1, 2)
    sources = (
        Source(
            name="official",
            transport="browser",
            layout="folders",
            archives=(Archive(name="b.zip", address="https://example.org/b"),),
        ),
        Source(
            name="mirror", transport="http", layout="[c]", archives=(archive,), seen_alive=alive
        ),
    )
    show_sources("mine", Published(title="Mine", licence="free", sources=sources))
    shown = capsys.readouterr().out
    for text in ("12 bytes", "2026-01-02", "unknown", "[c]", "free", "https://example.org/a.zip"):
        assert text in shown
    assert "dmtbench fetch mine --source b.zip" in shown
