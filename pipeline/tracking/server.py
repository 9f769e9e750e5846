"""MLflow's own server on this machine, for as long as somebody looks at it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

from pipeline.errors import ConfigError, DataError
from pipeline.tracking.store import database_of

HOST = "127.0.0.1"
FIRST_PORT = 5000
_PORTS_TRIED = 20
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Eight further processes, for jobs of agents.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
_START_S = 180.0
_STOP_S = 10.0
_POLL_S = 0.2


def choose_port(port: int | None) -> int:
    """A free port of this machine.

    Args:
        port: the wanted one; `None` for the first free one from 5000.

    Raises:
        ConfigError: the wanted one is taken, or all that were tried are.
    """
    if port is not None:
        if not _is_free(port):
            raise ConfigError(f"port {port}: in use or reserved; choose another with --port")
        return port
    for tried in range(FIRST_PORT, FIRST_PORT + _PORTS_TRIED):
        if _is_free(tried):
            return tried
    last = FIRST_PORT + _PORTS_TRIED - 1
    raise ConfigError(f"ports {FIRST_PORT} to {last}: all in use; choose another with --port")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as found:
        # As the server does: a port that was closed a moment ago is free.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((HOST, port))
        except OSError:
            return False
        return True


@contextmanager
def serving(uri: str, port: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run MLflow's server, reachable from this machine only; yield its address and its process.

    At the end, the server and every process that it started are gone.

    Args:
        uri: of the store. A SQLite file must exist.
        port: a free port.

    Raises:
        DataError: the server did not start; the message has the last line that it wrote.
    """
    database = database_of(uri)
    if database is not None:
        uri = f"sqlite:///{database.resolve()}"
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            _command(uri, port),
            # Locations of artifacts are relative to the folder of the database.
            cwd=database.resolve().parent if database is not None else None,
            env={**os.environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C reaches this process only, which then ends the whole group.
            start_new_session=True,
        )
        try:
            base = f"http://{HOST}:{port}"
            _wait_until_ready(base, server, log)
            yield base, server
        finally:
            _end(server)


def _command(uri: str, port: int) -> list[str]:
    store = ["--backend-store-uri", uri, "--host", HOST, "--port", str(port)]
    return [sys.executable, "-m", "mlflow", "server", *store, "--workers", "1"]


def _wait_until_ready(base: str, server: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DataError(
                f"MLflow's server ended at once ({_last_line(log)}); see `mlflow server`"
            )
        with suppress(OSError, URLError), urlopen(f"{base}/health", timeout=5):
            return
        time.sleep(_POLL_S)
    raise DataError(f"MLflow's server did not start in {_START_S:.0f} s; run `mlflow server`")


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the whole group, the stubborn by force."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        deadline = time.monotonic() + _STOP_S
        while time.monotonic() < deadline and _group_lives(server):
            time.sleep(_POLL_S / 2)
        if not _group_lives(server):
            return


def _group_lives(server: subprocess.Popen[bytes]) -> bool:
    # Polled first: a child that has ended still counts as a member until it is waited for.
    server.poll()
    try:
        os.killpg(server.pid, 0)
    except ProcessLookupError:
        return False
    return True
