"""The setting that every part of the check runs in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gpu_parts import narrow_setting

from pipeline.gpu_check.setting import Setting


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    yield from narrow_setting(tmp_path, monkeypatch)
