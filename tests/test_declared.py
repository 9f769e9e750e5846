"""Constants read from source are those that an import would give."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.declared import Unreadable, _tree, declared_choices, declared_text
from pipeline.methods import get_method


@pytest.mark.parametrize("name", ["ebdb", "jnb", "dmenet"])
def test_choices_are_those_that_the_method_declares(name: str) -> None:
    method = get_method(name)
    found = [(one.what, one.chosen, one.known) for one in declared_choices(method.entry.module)]
    assert found == [(one.what, one.chosen, one.known) for one in method.declaration.choices]
    assert len(found) > 9


def test_a_surrogate_says_why() -> None:
    assert declared_text("baselines.mrnet", "SURROGATE") == get_method("mrnet").surrogate
    assert declared_text("dmtnet", "SURROGATE") == ""
    assert declared_choices("dmtnet") == []


@pytest.mark.parametrize(
    "source",
    ["CHOICES = make()", "CHOICES = (choice(*all),)", "CHOICES = ('a',)", "CHOICES = (", "\0"],
)
def test_what_is_not_plain_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    name = f"plain{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(Unreadable):
        declared_choices(name)
    with pytest.raises(Unreadable):
        declared_choices("no.such.module")


@pytest.mark.parametrize(
    "line",
    ["from .network import CITATION", "from .network import TEXT as CITATION",
     "from cited_method.network import CITATION"],
)  # fmt: skip
def test_a_text_may_come_from_another_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    package = tmp_path / "cited_method"
    package.mkdir()
    (package / "__init__.py").write_text(line)
    (package / "network.py").write_text("TEXT = 'Some' ' text'\nCITATION = ('Some' ' text')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    _tree.cache_clear()
    assert declared_text("cited_method", "CITATION") == "Some text"
    assert declared_text("cited_method", "OTHER") == ""


@pytest.mark.parametrize("line", ["from .nowhere import TEXT", "from ...above import TEXT"])
def test_a_text_from_nowhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    (tmp_path / "lost_method.py").write_text(line)
    monkeypatch.syspath_prepend(str(tmp_path))
    _tree.cache_clear()
    with pytest.raises(Unreadable):
        declared_text("lost_method", "TEXT")
