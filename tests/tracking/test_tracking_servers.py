"""A tracking server in the place of a file, and many that write to a store at the same time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.factories import run
from support.tracking_lab import Lab, filled

from pipeline.errors import ConfigError, DataError
from pipeline.tracking.ingest import Summary
from pipeline.tracking.names import PARENT
from pipeline.tracking.pages import pages_of
from pipeline.tracking.server import choose_port, serving
from pipeline.tracking.store import opened

WRITERS, EPOCHS = 8, 1000
STEPS = range(1, EPOCHS + 1)
CURVE = "epoch,loss,psnr\n" + "".join(f"{n},{1 / n},{20 + n / EPOCHS}\n" for n in STEPS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real server with a store of its own."""
    folder = tmp_path_factory.mktemp("server")
    with opened(f"sqlite:///{folder / 'mlflow.db'}"):
        pass
    with serving(f"sqlite:///{folder / 'mlflow.db'}", choose_port(None)) as (address, _):
        yield address


@pytest.mark.slow
def test_a_server_takes_the_place_of_a_file(server: str, tmp_path: Path) -> None:
    lab = filled(tmp_path, "remote")
    lab.uri = server
    assert lab.ingest() == Summary(added=3, unchanged=0, superseded=0, removed=0)
    assert lab.ingest() == Summary(added=0, unchanged=3, superseded=0, removed=0)
    best = lab.found("remote", "metrics.`test/combined_psnr` DESC")[0]
    assert best.data.metrics["test/combined_psnr"] == 22.0
    (parent,) = lab.parents("remote")
    assert best.data.tags[PARENT] == parent.info.run_id
    stored = lab.client().download_artifacts(best.info.run_id, "images/a.png", str(tmp_path))
    assert Path(stored).read_bytes() == b"not looked into"
    # The server keeps them: nothing is written here.
    assert not (tmp_path / "artifacts").exists()
    assert [page.title[:4] for page in pages_of(server) if page.experiment == "remote"] == [
        *("Runs", "Char", "Meth")
    ]


def write(folder: Path, uri: str, number: int) -> None:
    """One of several writers, in a process of its own."""
    lab = Lab(folder / str(number))
    lab.uri = uri
    lab.add_run(run(f"method-{number}", dataset=folder.name), CURVE)
    lab.ingest()


@pytest.mark.slow
@pytest.mark.parametrize("store", ["file", "server"])
def test_none_of_many_points_is_lost(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    lab = Lab(tmp_path / "read")
    if store == "server":
        lab.uri = request.getfixturevalue("server")
    else:
        lab.uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    # Imported before the fork: it takes longer than what is tested.
    import mlflow.tracking  # noqa: F401

    processes = multiprocessing.get_context("fork")
    writers = [
        processes.Process(target=write, args=(tmp_path / f"many-{store}", lab.uri, number))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(600)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    found = lab.found(f"many-{store}")
    assert sorted(one.info.run_name for one in found) == [
        f"method-{number}-seed0" for number in range(WRITERS)
    ]
    client = lab.client()
    for one in found:
        for name, first in (("train/loss", 1.0), ("val/psnr", 20.001)):
            points = client.get_metric_history(one.info.run_id, name)
            assert sorted(point.step for point in points) == list(STEPS)
            assert min(points, key=lambda point: point.step).value == first


def test_no_server_answers_in_one_line(tmp_path: Path) -> None:
    lab = filled(tmp_path, "nobody")
    lab.uri = f"http://127.0.0.1:{choose_port(None)}"
    with pytest.raises(DataError, match="no tracking server answers there"):
        lab.ingest()
    lab.uri = "http://127.0.0.1:99999"
    with pytest.raises(ConfigError, match="not the address of a server"):
        lab.ingest()
