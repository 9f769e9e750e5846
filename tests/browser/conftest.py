"""The browser of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.browser import CHROMIUM, browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium: one for all tests, since Playwright runs once in a process."""
    if not CHROMIUM:
        pytest.skip("needs Chromium (Debian's package `chromium`)")
    with browser() as made:
        yield made
