"""MLflow's pages of a store: the server, and the addresses that are worth opening."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline.errors import ConfigError, DataError
from pipeline.tracking.pages import Page, pages_of
from pipeline.tracking.server import choose_port, serving
from pipeline.tracking.store import database_of, is_server, need_server


def show_store(uri: str, port: int | None, show: Callable[[list[Page]], None]) -> None:
    """Serve a store until Ctrl-C or SIGTERM, and show its pages once they can be opened.

    Args:
        uri: of the store. Of a tracking server only the pages are shown.
        port: of the server on this machine; `None` for the first free one from 5000.
        show: called with the pages, at least one.

    Raises:
        ConfigError: the port is taken, or a tracking server has one of its own.
        DataError: there is no such store, nothing was imported, or the server ended.
    """
    if is_server(uri):
        if port is not None:
            raise ConfigError(f"{uri}: runs already, at its own port; leave out --port")
        need_server(uri)
        show(_pages(uri, uri))
        return
    database = database_of(uri)
    if database is not None and not database.is_file():
        raise DataError(f"{database}: no such file; import results with `dmtbench track`")
    with _stopped_by_signals(), serving(uri, choose_port(port)) as (base, server):
        show(_pages(base, uri))
        status = server.wait()
        raise DataError(f"MLflow's server ended by itself with status {status}; start it again")


def _pages(base: str, uri: str) -> list[Page]:
    found = pages_of(base)
    if not found:
        raise DataError(f"{uri}: has no views of an experiment; import one with `dmtbench track`")
    return found


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """End quietly at Ctrl-C, SIGTERM and a closed terminal."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, stop) for number in numbers} if main else {}
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
