"""Pages in the browser of the user."""

from __future__ import annotations

import os
import sys
import webbrowser


def show_page(address: str) -> None:
    """Open a page in a graphical browser, if there is one."""
    if sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        webbrowser.open(address)
