"""The rehearsal's pieces, and (slow) the rehearsal itself on a few small scenes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
import typer
import yaml
from support.paths import REPOSITORY

from benchmarks.measure import disk_bytes, measure
from benchmarks.pack import pack
from benchmarks.rehearsal import (
    CONFIG,
    Row,
    Stage,
    markdown,
    prepare,
    rehearse,
    stages,
    table1_row,
    work_folder,
)
from benchmarks.server import served
from pipeline.cli import app

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "standin.zip"
    path.write_bytes(CONTENT)
    return path


def get(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, answer.read(), dict(answer.headers)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=100-", slice(100, None)),
        ("bytes=10-19", slice(10, 20)),
        ("bytes=5000-99999999", slice(5000, None)),
        ("bytes=-7", slice(-7, None)),
    ],
)
def test_parts_of_a_file_are_served(archive: Path, asked: str, part: slice) -> None:
    with served(archive) as url:
        status, body, headers = get(url, Range=asked)
        start = part.indices(len(CONTENT))[0]
        assert (status, body) == (206, CONTENT[part])
        where = f"bytes {start}-{start + len(body) - 1}/{len(CONTENT)}"
        assert headers["Content-Range"] == where


def test_a_whole_file_is_served(archive: Path) -> None:
    with served(archive) as url:
        assert url.endswith("/standin.zip")
        status, body, headers = get(url)
        assert (status, body) == (200, CONTENT)
        assert headers["Accept-Ranges"] == "bytes"
        # A download of another version begins anew.
        assert get(url, **{"Range": "bytes=5-", "If-Range": '"old"'})[:2] == (200, CONTENT)
        again = get(url, **{"Range": "bytes=5-", "If-Range": headers["ETag"]})
        assert again[:2] == (206, CONTENT[5:])


def test_nothing_else_is_served(archive: Path) -> None:
    (archive.parent / "secret").write_text("mine")
    with served(archive) as url:
        for other, code in ((url.replace("standin.zip", "secret"), 404), (url + "/../secret", 404)):
            with pytest.raises(urllib.error.HTTPError) as caught:
                get(other)
            assert caught.value.code == code
        for asked in (f"bytes={len(CONTENT)}-", "bytes=9-3", "bytes=-0", "bytes=-"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                get(url, Range=asked)
            assert caught.value.code == 416
            assert caught.value.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_the_server_ends_with_its_block_and_by_itself(archive: Path) -> None:
    with served(archive) as url:
        get(url)
    with pytest.raises(urllib.error.URLError):
        get(url)
    with served(archive, most_s=0.2) as url:
        time.sleep(0.5)
        request = urllib.request.Request(url)
        with pytest.raises(OSError, match=r"timed out|refused"):
            urllib.request.urlopen(request, timeout=0.5)


CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
LARGE = "x = bytearray(300_000_000); import time; time.sleep(0.7)"


def test_memory_of_children_counts(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD.format(code=LARGE)]
    found = measure(command, tmp_path, {}, tmp_path / "log")
    assert found.status == 0
    assert 300e6 < found.peak_bytes < 450e6
    assert 0.7 < found.seconds < 20


def test_a_failure_is_measured_and_its_messages_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('so far'); raise SystemExit(3)"]
    found = measure(command, tmp_path, {}, tmp_path / "log")
    assert found.status == 3
    assert (tmp_path / "log").read_text() == "so far\n"


def test_disk_counts_hard_links_once(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(1_000_000))
    alone = disk_bytes(tmp_path)
    assert 1_000_000 <= alone < 1_100_000
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert disk_bytes(tmp_path) == alone


def test_packing_stores_and_removes(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "train_c").mkdir(parents=True)
    (folder / "train_c" / "one.png").write_bytes(bytes(10_000))
    (folder / "scenes.csv").write_text("split\n")
    pack(folder, tmp_path / "set.zip")
    assert not folder.exists()
    with zipfile.ZipFile(tmp_path / "set.zip") as packed:
        assert packed.namelist() == ["set/scenes.csv", "set/train_c/one.png"]
        assert {member.compress_type for member in packed.infolist()} == {zipfile.ZIP_STORED}
        assert packed.read("set/train_c/one.png") == bytes(10_000)


def run_python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


MAKE = "open('made', 'wb').write(bytes(2_000_000))"
FETCH = """
import sys, urllib.request
open('got', 'wb').write(urllib.request.urlopen('{url}').read())
"""


def test_stages_are_run_in_order_and_measured(tmp_path: Path, archive: Path) -> None:
    steps = [
        # Long enough to be sampled after its start.
        Stage("make", run_python(f"{MAKE}; import time; time.sleep(0.5)")),
        Stage("fetch", run_python(FETCH)),
        Stage("remove", run_python("import os; os.remove('made')")),
    ]
    rows = rehearse(steps, tmp_path)
    assert [row.stage for row in rows] == ["make", "fetch", "remove"]
    assert (tmp_path / "got").read_bytes() == CONTENT
    assert not archive.exists()
    assert 1.9e6 < rows[0].added_bytes < 2.2e6
    assert rows[2].added_bytes < -1.9e6
    assert rows[0].seconds > 0.5
    assert rows[0].peak_bytes > 1e6


def test_a_failed_stage_ends_it_and_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [
        Stage("good", run_python("pass")),
        Stage("bad", run_python("raise SystemExit('no space')")),
        Stage("never", run_python("open('never', 'w')")),
    ]
    with pytest.raises(SystemExit, match=f"bad failed; its files remain in {tmp_path}"):
        rehearse(steps, tmp_path)
    assert "no space" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()


def test_the_table_of_stages() -> None:
    rows = [
        Row("fetch", "x", 61.25, 250_000_000, 4_000_000_000, 4_000_000_000),
        Row("store", "x", 10.0, 1_500_000_000, 3_000_000_000, -1_000_000_000),
    ]
    lines = markdown(rows).splitlines()
    assert lines[2] == "| fetch | 61.2 s | 0.25 GB | +4.00 GB | 4.00 GB |"
    assert lines[3] == "| store | 10.0 s | 1.50 GB | -1.00 GB | 3.00 GB |"
    assert lines[4] == "| all | 71.2 s | 1.50 GB | | 4.00 GB |"
    assert len({line.count("|") for line in lines}) == 1


def test_a_full_disk_or_a_taken_folder_is_noticed_first(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"free some space .* or use fewer --scenes"):
        work_folder(tmp_path / "new", 10**15)
    with pytest.raises(SystemExit, match="exists; name another"):
        work_folder(tmp_path, 1)
    assert not list(tmp_path.iterdir())
    assert work_folder(tmp_path / "new", 1).is_dir()


def test_windows_fit_small_images(tmp_path: Path) -> None:
    config = REPOSITORY / "config" / "rehearsal.yaml"
    prepare(tmp_path, config, (256, 384))
    changed, given = (yaml.safe_load(p.read_text()) for p in (tmp_path / CONFIG, config))
    assert changed["patches"].pop("size") == 256
    assert given["patches"].pop("size") == 512
    assert changed == given


@pytest.mark.parametrize(
    ("label", "outdoor", "good"),
    [("demo", "21.0", True), ("reproduced", "21.0", False), ("demo", "", False)],
)
def test_table_1_must_be_whole_and_honest(
    tmp_path: Path, label: str, outdoor: str, good: bool
) -> None:
    table = tmp_path / "reports" / "table1.csv"
    table.parent.mkdir()
    table.write_text(
        "method,label,indoor_psnr,outdoor_psnr,combined_psnr\n"
        f"DMTNet-T,{label},22.0,{outdoor},21.5\nDMTNet-S,published,1,2,3\n"
    )
    if good:
        assert table1_row(tmp_path)["outdoor_psnr"] == "21.0"
    else:
        with pytest.raises(SystemExit, match="no complete row"):
            table1_row(tmp_path)


COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
NARROW = {"embed_dim": 24, "channels": 24, "num_blocks": 2, "num_rbm": 1, "num_rm": 1}


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.skipif(
    not {"fetch", "doctor", "patches"} <= set(COMMANDS), reason="a command is not there yet"
)
def test_the_rehearsal(tmp_path: Path) -> None:
    config = yaml.safe_load((REPOSITORY / "config" / "rehearsal.yaml").read_text())
    config["trained_size"] = {"dmtnet": NARROW}
    (tmp_path / "narrow.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "benchmarks.rehearsal", "--scenes", "8", "--workers", "2"]
    command += ["--size", "256", "384", "--config", str(tmp_path / "narrow.yaml")]
    command += ["--folder", str(tmp_path / "work"), "--json", str(tmp_path / "found.json")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    names = [step.name for step in stages(8, (256, 384), 0, 2)]
    assert [stage["stage"] for stage in found["stages"]] == names
    assert found["table1"]["label"] == "demo"
    assert not (tmp_path / "work").exists()
