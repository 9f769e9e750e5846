"""Fetching killed at random moments: what it ends with is the same, to the byte."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from support import servers
from support.archives import noise, tar_of, zip_of
from support.kills import kill_repeatedly
from support.paths import REPOSITORY
from support.servers import serving

KILLS = 10


def command(folder: Path, *sources: object) -> list[str]:
    options = ["--target", str(folder / "raw"), "--archives", str(folder / "archives")]
    for source in sources:
        options += ["--source", str(source)]
    return [sys.executable, "-m", "pipeline", "fetch", "canon", *options]


def cleaner(folder: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(folder)


def content(folder: Path) -> dict[str, bytes]:
    """Everything below `folder` but the locks, which stay by design."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock" and path.name != ".lock"
    }


def images(count: int, size: int) -> dict[str, bytes]:
    return {f"train_c/source/{number:04d}.png": noise(size, number) for number in range(count)}


def test_a_download_survives_kills(tmp_path: Path) -> None:
    files = images(30, 100_000)
    archive = zip_of(files)
    folder = tmp_path / "data"
    with serving() as site:
        site.files["/set.zip"] = archive
        site.usual["/set.zip"] = servers.throttled(2_000_000)
        job = command(folder, site.address("/set.zip"))
        hits = kill_repeatedly(job, kills=KILLS, reset=cleaner(folder), cwd=REPOSITORY)
        assert hits == KILLS
        # Kills that hit nothing prove nothing.
        resumed = [headers for _, headers in site.requests if "Range" in headers]
        assert len(resumed) >= KILLS // 3
    found = content(folder)
    assert {
        name.removeprefix("raw/"): data for name, data in found.items()
    }.items() >= files.items()
    downloads = {name.split("/")[-1] for name in found if name.startswith("archives/")}
    assert downloads == {"set.zip", "set.zip.sha256"}
    assert len(found) == len(files) + 3
    assert archive in found.values()


def test_unpacking_survives_kills(tmp_path: Path) -> None:
    many, large = images(1500, 2000), {"test_c/source/large.png": noise(6_000_000)}
    (tmp_path / "many.zip").write_bytes(zip_of(many))
    (tmp_path / "large.tar.bz2").write_bytes(tar_of(large, "bz2"))
    folder = tmp_path / "data"
    job = command(folder, tmp_path / "many.zip", tmp_path / "large.tar.bz2")
    hits = kill_repeatedly(job, kills=KILLS, reset=cleaner(folder), cwd=REPOSITORY)
    assert hits == KILLS
    found = content(folder)
    assert found.pop("raw/fetched.json").startswith(b"{")
    assert found == {f"raw/{name}": data for name, data in {**many, **large}.items()}
