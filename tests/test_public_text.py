"""Texts that are published name no user, host or absolute path."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.public_text import public_command, public_path, public_text, public_values

USER, HOST = "marker-anna", "marker-host"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a space in its name, and in it the current folder."""
    home = tmp_path / f"{USER} lee"
    current = home / "my work"
    current.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", USER)
    monkeypatch.setattr(socket, "gethostname", lambda: HOST)
    monkeypatch.chdir(current)
    return current


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{cwd}/data/raw", "data/raw"),
        ("{cwd}", "."),
        ("{cwd}/a/../../x", ".../x"),
        ("data/raw", "data/raw"),
        ("../data", ".../data"),
        ("~/sets/dpdd", ".../dpdd"),
        ("~", "..."),
        ("{home}", "..."),
        ("/", "..."),
        (f"/mnt/{USER}", "..."),
        (f"/mnt/{HOST}", "..."),
        ("/mnt/a b/set", ".../set"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("DMTNet-B", "DMTNet-B"),
        ("", ""),
    ],
)
def test_paths(place: Path, given: str, expected: str) -> None:
    path = given.format(cwd=place, home=place.parent)
    assert public_path(path) == expected
    assert public_values({"a": [path], "b": 3, "c": None}) == {"a": [expected], "b": 3, "c": None}


def test_a_link_to_the_project(place: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place)
    assert public_path(str(tmp_path / "link" / "data")) == "data"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{home}/.cache/a.pth is missing", "~/.cache/a.pth is missing"),
        (
            "[Errno 13] Permission denied: '{cwd}/a/b.pth'",
            "[Errno 13] Permission denied: './a/b.pth'",
        ),
        ("(/srv/anna/x.pth: damaged); see /etc/a.", "(.../x.pth: damaged); see .../a."),
        ("see https://example.org/a/b and s3://c/d", "see https://example.org/a/b and s3://c/d"),
        ("indoor and/or outdoor, 1/2, a / b", "indoor and/or outdoor, 1/2, a / b"),
    ],
)
def test_messages(place: Path, given: str, expected: str) -> None:
    assert public_text(given.format(cwd=place, home=place.parent)) == expected


def test_commands(place: Path) -> None:
    given = ["dmtbench", "train", "x", "--store", f"{place}/data", f"--output={place.parent}/r s"]
    assert public_command(given) == "dmtbench train x --store data '--output=.../r s'"


def test_a_user_without_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", classmethod(unknown))
    assert public_path("/srv/set") == ".../set"
    assert public_text("/srv/set: damaged") == ".../set: damaged"
    assert public_path("~no-such-user/set") == "~no-such-user/set"


@given(st.lists(st.text("ab./~ -=", max_size=12), max_size=4))
def test_no_home_folder_in_any_argument(parts: list[str]) -> None:
    home, current = Path.home(), Path.cwd()
    for prefix in (home, current, home / "other"):
        arguments = [f"{prefix}/{part}" for part in parts]
        assert USER not in public_command(arguments)
        assert USER not in str(public_values(arguments))
