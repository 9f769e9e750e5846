"""Pages in Debian's Chromium, through Playwright: without the network, errors are collected."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = os.environ.get("DMTBENCH_CHROMIUM") or shutil.which("chromium") or ""
"""The browser; empty if there is none."""
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_PATIENCE_MS = 180_000
"""For one step: machines that run tests may be busy."""


@dataclass
class Opened:
    """A page and what went wrong in it: messages of the console, requests for other files."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield made
        finally:
            made.close()


@contextmanager
def opened(
    made: Any, file: Path, width: int = 1440, height: int = 900, **options: Any
) -> Iterator[Opened]:
    """A file in a window of its own."""
    with opened_at(made, file.resolve().as_uri(), width, height, **options) as found:
        yield found


@contextmanager
def opened_at(
    made: Any, address: str, width: int = 1440, height: int = 900, **options: Any
) -> Iterator[Opened]:
    """The page at an address in a window of its own."""
    context = made.new_context(viewport={"width": width, "height": height}, **options)
    try:
        page = context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        found = Opened(page)
        page.on("console", lambda message: _noted(found, message))
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("request", lambda request: found.requests.append(request.url))
        page.goto(address)
        yield found
    finally:
        context.close()


def barriers(page: Any) -> set[tuple[str, str]]:
    """What axe finds serious or critical: its name and the start of the element."""
    from axe_playwright_python.sync_playwright import Axe

    return {
        (one["id"], node["html"][:120])
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    }


def _noted(found: Opened, message: Any) -> None:
    if message.type in ("error", "warning"):
        found.complaints.append(message.text)


def screenshot(address: str, target: Path, width: int, height: int) -> None:
    """Save what a reader sees of a file in a window of this size.

    Args:
        address: path of the file, and after `#` the anchor to start from.
        target: PNG to write.
        width: of the window, in pixels.
        height: of the window, in pixels.
    """
    file, _, anchor = address.partition("#")
    with browser() as made, opened(made, Path(file), width, height) as found:
        if anchor:
            found.page.evaluate(f"document.getElementById({anchor!r}).scrollIntoView()")
            found.page.wait_for_timeout(1000)  # it scrolls smoothly
        found.page.screenshot(path=target)


if __name__ == "__main__":
    screenshot(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
