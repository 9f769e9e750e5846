"""`dmtbench ui`: what it refuses, what it prints, and that nothing is left when it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from support.fixture_types import Run
from support.paths import REPOSITORY
from support.tracking_lab import filled

from pipeline.tracking.server import FIRST_PORT, HOST, choose_port

FOREIGN: list[tuple[dict[str, str], bytes | None]] = [
    # A name of somebody else's that leads to this machine (DNS rebinding), and another page.
    ({"Host": "attacker.example"}, None),
    ({"Origin": "http://attacker.example", "Content-Type": "application/json"}, b'{"name": "x"}'),
]
"""Requests that pages of strangers can make a browser send."""


@pytest.fixture(autouse=True)
def _no_store_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_mistakes_are_explained(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "import results with `dmtbench track`" in run("ui").err[0]
    Path("mlflow.db").touch()
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("ui", "--port", port)
    assert (done.code, len(done.err)) == (1, 1)
    assert f"port {port}: in use" in done.err[0]
    nobody = f"http://{HOST}:{choose_port(None)}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", nobody)
    assert f"{nobody}: no tracking server answers" in run("ui").err[0]
    assert "leave out --port" in run("ui", "--port", port).err[0]


def test_the_next_port_is_taken_if_none_was_named() -> None:
    first = choose_port(None)
    assert first >= FIRST_PORT
    with socket.socket() as taken:
        taken.bind((HOST, first))
        taken.listen()
        assert choose_port(None) > first


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_this_machine_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    lab = filled(tmp_path, "mine")
    lab.ingest()
    started = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "ui"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert started.stdout is not None
    title, address = started.stdout.readline(), started.stdout.readline().strip()
    assert title == "mine: Runs, best first\n"
    assert address.startswith(f"http://{HOST}:")
    assert address.endswith("workflowType=machine_learning")
    family = psutil.Process(started.pid).children(recursive=True)
    sockets = [one for child in family for one in child.net_connections("tcp")]
    assert {one.laddr.ip for one in sockets if one.status == "LISTEN"} == {HOST}
    for headers, data in FOREIGN:
        page = address.split("#")[0] + ("api/2.0/mlflow/experiments/create" if data else "")
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(page, data, headers))
        assert refused.value.code == 403
    started.send_signal(number)
    assert started.wait(60) == 0
    assert not [child for child in family if child.is_running() and child.status() != "zombie"]
