"""Decoders without their own complaints: libraries print several lines for one damaged file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_STANDARD_ERROR = 2


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Meanwhile, Python shows no warnings, and compiled code prints nothing on standard error."""
    try:
        kept = os.dup(_STANDARD_ERROR)
    except OSError:
        # There is no standard error.
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere, warnings.catch_warnings():  # noqa: PTH123
            warnings.simplefilter("ignore")
            os.dup2(nowhere.fileno(), _STANDARD_ERROR)
            yield
    finally:
        os.dup2(kept, _STANDARD_ERROR)
        os.close(kept)
