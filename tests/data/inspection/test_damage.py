"""What can be wrong with a set: each cause is told by name, alone, and nothing is changed.

Ids are `group-cause`. Each case spoils a sound set and names the files that the report must
complain about, with the words that it must use; complaints about any other file are errors.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.image_sets import SCENES, random_image, write_image, write_set

from pipeline.data.inspection.survey import survey
from pipeline.data.manifest import build_manifest
from pipeline.errors import DataError

Complaint = tuple[str, str]
Spoil = Callable[[Path], list[Complaint]]
LEFT = "test_l/source/1P0A0917_L.png"
SOURCE, TARGET = "test_c/source/1P0A0917.png", "test_c/target/1P0A0916.png"
CASES: dict[str, Spoil] = {}


def case(name: str) -> Callable[[Spoil], Spoil]:
    def add(spoil: Spoil) -> Spoil:
        CASES[name] = spoil
        return spoil

    return add


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    blocks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)


def head(width: int, height: int, depth: int = 16, color: int = 2, *rest: int) -> bytes:
    return struct.pack(">IIBBBBB", width, height, depth, color, *(rest or (0, 0, 0)))


def encoded(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


RAW = zlib.compress(bytes(6 * (1 + 8 * 6)))
END = (b"IEND", b"")
CONTENTS: dict[str, tuple[bytes, str]] = {
    "header-empty file": (b"", "not a PNG"),
    "header-zeroed file": (bytes(900), "not a PNG"),
    "header-another format": (
        cv2.imencode(".jpg", np.zeros((6, 8, 3), np.uint8))[1].tobytes(),
        "not a PNG",
    ),
    "header-login page": (b"<!DOCTYPE html><title>Sign in</title>", "not a PNG"),
    "header-ends early": (png((b"IHDR", head(8, 6)))[:20], "ends within its header"),
    "header-first chunk is another": (png((b"gAMA", bytes(13)), END), "header is not valid"),
    "header-wrong checksum": (png((b"IHDR", head(8, 6)))[:-1] + b"!", "header is not valid"),
    "header-no width": (png((b"IHDR", head(0, 6)), END), "size of 0x6"),
    "header-unknown depth": (png((b"IHDR", head(8, 6, 7)), END), "does not define"),
    "header-unknown color type": (png((b"IHDR", head(8, 6, 16, 5)), END), "does not define"),
    "header-unknown interlace": (png((b"IHDR", head(8, 6, 16, 2, 0, 0, 2)), END), "not define"),
    "header-unknown compression": (png((b"IHDR", head(8, 6, 16, 2, 1, 0, 0)), END), "not define"),
    "header-absurd size": (png((b"IHDR", head(60000, 60000)), END), "claims 60000x60000"),
    "header-gray": (encoded(np.zeros((6, 8), np.uint16)), "16-bit gray"),
    "header-8-bit gray": (encoded(np.zeros((6, 8), np.uint8)), "8-bit gray"),
    "header-transparency": (encoded(np.zeros((6, 8, 4), np.uint16)), "with alpha"),
    "header-palette": (png((b"IHDR", head(8, 6, 8, 3)), END), "8-bit palette"),
    "header-transparent color": (
        png((b"IHDR", head(8, 6)), (b"tRNS", bytes(6)), (b"IDAT", RAW), END),
        "without transparency",
    ),
    "pixels-none": (png((b"IHDR", head(8, 6)), END), "cannot hold"),
    "pixels-fewer than claimed": (
        png((b"IHDR", head(800, 600)), (b"IDAT", RAW), END),
        "cannot hold",
    ),
    "pixels-too few rows": (
        png((b"IHDR", head(8, 9)), (b"IDAT", RAW), END),
        "cannot be decoded",
    ),
    "pixels-no end": (png((b"IHDR", head(8, 6)), (b"IDAT", RAW)), "truncated"),
    "pixels-broken stream": (
        png((b"IHDR", head(8, 6)), (b"IDAT", RAW[:4] + b"????" + RAW[8:]), END),
        "cannot be decoded",
    ),
}


def replaced(content: bytes, word: str) -> Spoil:
    def spoil(root: Path) -> list[Complaint]:
        (root / LEFT).write_bytes(content)
        return [(LEFT, word)]

    return spoil


CASES |= {name: replaced(*what) for name, what in CONTENTS.items()}


@case("pixels-truncated")
def _(root: Path) -> list[Complaint]:
    content = (root / LEFT).read_bytes()
    (root / LEFT).write_bytes(content[:-30])
    return [(LEFT, "truncated")]


@case("pixels-flipped bit")
def _(root: Path) -> list[Complaint]:
    content = bytearray((root / LEFT).read_bytes())
    content[len(content) // 2] ^= 4
    (root / LEFT).write_bytes(content)
    return [(LEFT, "checksum of a chunk")]


@case("pixels-another size")
def _(root: Path) -> list[Complaint]:
    write_image(root / LEFT, random_image(917, "left", (8, 6)))
    return [(LEFT, "is 6x8, its combined view 8x6")]


@case("pixels-fewer bits than the others")
def _(root: Path) -> list[Complaint]:
    write_image(root / LEFT, random_image(917, "left"), 8)
    return [(LEFT, "has 8 bits per channel, 19 others have 16")]


@case("pixels-several at once")
def _(root: Path) -> list[Complaint]:
    for name in (LEFT, TARGET, "val_r/source/1P0A2027_R.png"):
        (root / name).write_bytes(b"rubbish")
    return [(name, "not a PNG") for name in (LEFT, TARGET, "val_r/source/1P0A2027_R.png")]


@case("names-copy of a file manager")
def _(root: Path) -> list[Complaint]:
    copy = "test_c/source/1P0A0917 (1).png"
    write_image(root / copy, random_image(1, "left"))
    return [(copy, "characters other than")]


@case("names-twice, in small letters and capitals")
def _(root: Path) -> list[Complaint]:
    write_image(root / "test_c/source/1P0A0917.PNG", random_image(1, "left"))
    return [(SOURCE, "same name as 1P0A0917.PNG")]


@case("names-no capture number")
def _(root: Path) -> list[Complaint]:
    (root / TARGET).rename(root / "test_c/target/1P0A.png")
    return [("test_c/target/1P0A.png", "no capture number")]


@case("names-view without a combined one")
def _(root: Path) -> list[Complaint]:
    surplus = "test_l/source/1P0A5555_L.png"
    write_image(root / surplus, random_image(1, "left"))
    return [(surplus, "has no combined view")]


@case("names-right views in the folder of left ones")
def _(root: Path) -> list[Complaint]:
    wrong = "test_l/source/1P0A0917_R.png"
    (root / LEFT).rename(root / wrong)
    return [(LEFT, "is missing"), (wrong, "has no combined view")]


@case("names-not in the published list")
def _(root: Path) -> list[Complaint]:
    write_set(root, [("test", 9001, 9002)])
    return [("", "1P0A9001.png is not one of the published test scenes")]


@case("pairing-view missing")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    return [(LEFT, "is missing")]


@case("pairing-folder of views missing")
def _(root: Path) -> list[Complaint]:
    shutil.rmtree(root / "test_l")
    return [("test_l/source", "is missing")]


@case("pairing-target missing")
def _(root: Path) -> list[Complaint]:
    (root / TARGET).unlink()
    return [("test_c", "2 sources and 1 targets")]


@case("pairing-targets missing")
def _(root: Path) -> list[Complaint]:
    shutil.rmtree(root / "test_c/target")
    return [("test_c", "2 sources and 0 targets")]


@case("pairing-source missing")
def _(root: Path) -> list[Complaint]:
    (root / SOURCE).unlink()
    right = "test_r/source/1P0A0917_R.png"
    return [("test_c", "1 sources and 2 targets"), (LEFT, "no combined"), (right, "no combined")]


@case("pairing-numbers too far apart")
def _(root: Path) -> list[Complaint]:
    (root / TARGET).rename(root / "test_c/target/1P0A0913.png")
    return [(SOURCE, "does not belong to target 1P0A0913.png")]


@case("pairing-scene in two splits")
def _(root: Path) -> list[Complaint]:
    write_set(root, [("val", 890, 891)])
    for path in (root / "val_c").rglob("1P0A089*.png"):
        write_image(path, random_image(7, path.parent.name.replace("source", "combined")))
    for letter, view in (("l", "left"), ("r", "right")):
        path = root / f"val_{letter}/source/1P0A0890_{letter.upper()}.png"
        write_image(path, random_image(7, view))
    return [("val_c/source/1P0A0890.png", "is in both train and val")]


@case("pairing-left is right")
def _(root: Path) -> list[Complaint]:
    right = "test_r/source/1P0A0917_R.png"
    shutil.copy(root / LEFT, root / right)
    return [(right, f"same image as {root / LEFT}")]


@case("pairing-target is source")
def _(root: Path) -> list[Complaint]:
    shutil.copy(root / SOURCE, root / TARGET)
    return [(TARGET, f"same image as {root / SOURCE}")]


@case("pairing-image of another scene, too")
def _(root: Path) -> list[Complaint]:
    other = "test_l/source/1P0A1434_L.png"
    shutil.copy(root / LEFT, root / other)
    return [(other, f"same image as {root / LEFT}")]


def own_labels(root: Path, *rows: str) -> None:
    lines = [f"{split},1P0A{number:04d}.png,main," for split, number, _ in SCENES]
    text = "\n".join(["split,source,group,category", *lines[: len(lines) - len(rows)], *rows])
    (root / "scenes.csv").write_text(text + "\n")


@case("metadata-scene without its row")
def _(root: Path) -> list[Complaint]:
    own_labels(root)
    lines = (root / "scenes.csv").read_text().splitlines()
    (root / "scenes.csv").write_text("\n".join(lines[:-1]) + "\n")
    return [("scenes.csv", "no row for 1P0A1434.png")]


@case("metadata-row without its scene")
def _(root: Path) -> list[Complaint]:
    own_labels(root)
    with (root / "scenes.csv").open("a") as stream:
        stream.write("test,1P0A7777.png,main,indoor\n")
    return [("scenes.csv", "1P0A7777.png of test has no images")]


@case("metadata-unknown category")
def _(root: Path) -> list[Complaint]:
    own_labels(root, "test,1P0A1434.png,main,garden")
    return [("scenes.csv:6", "category 'garden'")]


@case("metadata-unusable group")
def _(root: Path) -> list[Complaint]:
    own_labels(root, "test,1P0A1434.png,../up,indoor")
    return [("scenes.csv:6", "group '../up'")]


@case("metadata-row twice")
def _(root: Path) -> list[Complaint]:
    own_labels(root)
    with (root / "scenes.csv").open("a") as stream:
        stream.write("test,1P0A1434.png,main,indoor\n")
    return [("scenes.csv:7", "has two rows")]


@case("metadata-no text")
def _(root: Path) -> list[Complaint]:
    (root / "scenes.csv").write_bytes(b"\xff\xfe\0\0")
    return [("scenes.csv", "is not a text file")]


@case("metadata-other columns")
def _(root: Path) -> list[Complaint]:
    (root / "scenes.csv").write_text("name,label\n")
    return [("scenes.csv:1", "columns must be")]


@case("metadata-too few values")
def _(root: Path) -> list[Complaint]:
    own_labels(root, "test,1P0A1434.png")
    return [("scenes.csv:6", "needs 4 values")]


def arrays(root: Path, indoor: object, outdoor: object) -> None:
    np.save(root / "indoor_labels.npy", np.asarray(indoor))
    np.save(root / "outdoor_labels.npy", np.asarray(outdoor))


@case("metadata-one label array")
def _(root: Path) -> list[Complaint]:
    np.save(root / "indoor_labels.npy", [1, 2])
    return [("outdoor_labels.npy", "is missing next to the other")]


@case("metadata-pickled label array")
def _(root: Path) -> list[Complaint]:
    arrays(root, np.array([print], object), [1, 2])
    return [("indoor_labels.npy", "is not a NumPy array")]


@case("metadata-label array claims more than it holds")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], [2])
    content = (root / "indoor_labels.npy").read_bytes()
    (root / "indoor_labels.npy").write_bytes(content.replace(b"(1,), }    ", b"(10000,), }"))
    return [("indoor_labels.npy", "is not a NumPy array")]


@case("metadata-label array of fractions")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1.5], [2])
    return [("indoor_labels.npy", "holds float64")]


@case("metadata-label beyond the test images")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], [2, 3])
    return [("outdoor_labels.npy", "3 is not a position among 2")]


@case("metadata-scene both indoor and outdoor")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], [2, 1])
    return [("outdoor_labels.npy", "which is already indoor")]


@case("metadata-scene neither indoor nor outdoor")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], np.empty(0, int))
    return [("", "lack 1 of 2 test scenes")]


@case("metadata-two pairs of label arrays")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], [2])
    arrays(root / "test_c", [2], [1])
    return [("", "remove the wrong ones")]


@case("permissions-unreadable image")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).chmod(0)
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    return [(LEFT, "cannot be read (Permission denied)")]


@case("permissions-link to nowhere")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    (root / LEFT).symlink_to(root / "gone.png")
    return [(LEFT, "cannot be read (No such file")]


@case("permissions-link to itself")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    (root / LEFT).symlink_to(root / LEFT)
    return [(LEFT, "cannot be read (Too many levels")]


@case("permissions-folder in place of an image")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    (root / LEFT).mkdir()
    return [(LEFT, "not a file")]


@case("permissions-pipe in place of an image")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    os.mkfifo(root / LEFT)
    return [(LEFT, "not a file")]


@case("permissions-device in place of an image")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    (root / LEFT).symlink_to("/dev/zero")
    return [(LEFT, "not a file")]


def contents(root: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", CASES)
def test_each_cause_is_told_and_nothing_is_lost(tmp_path: Path, name: str) -> None:
    root = write_set(tmp_path / "set")
    assert survey(root).problems == []
    expected = CASES[name](root)
    before = contents(root)
    found = survey(root)
    problems = list(found.problems)
    for file, words in expected:
        path = str(root / file) if file else str(root)
        told = [line for line in problems if line.startswith(f"{path}:") and words in line]
        assert told, f"{words!r} about {path} in {problems}"
        problems.remove(told[0])
    assert problems == []
    assert all("\n" not in line and ";" in line for line in found.problems)
    # Images that nobody complained about were examined all the same.
    about = {line.split(":")[0] for line in found.problems}
    sound = {str(root / file) for file, _, _ in found.images()}
    images = {str(path) for path in root.rglob("*.png") if str(path) not in about}
    assert images <= sound
    assert contents(root) == before


@pytest.mark.parametrize("name", [b"1P0A\n0917.png", b"1P0A\xff0917.png", "1P0A0917é.png".encode()])
def test_any_file_name_can_be_told_on_one_line(tmp_path: Path, name: bytes) -> None:
    root = write_set(tmp_path / "set")
    strange = os.fsdecode(os.fsencode(root / "test_l" / "source") + b"/" + name)
    Path(strange).write_bytes((root / LEFT).read_bytes())
    names, same = survey(root).problems
    for line in (names, same):
        assert line.isprintable()
        assert line.encode()
    assert "characters other than letters" in names
    assert "same image as" in same


def test_folders_that_a_manifest_cannot_name_are_refused(tmp_path: Path) -> None:
    write_set(tmp_path / "new\nline")
    with pytest.raises(DataError, match="rename its files or folders"):
        build_manifest(tmp_path)


@pytest.mark.parametrize("folder", ["", "test_l", "test_l/source"])
def test_folders_that_may_not_be_listed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    phone = folder == "test_l"
    layout, scenes = ("flat", SCENES[3:]) if phone else ("official", SCENES)
    root = write_set(tmp_path / "set", scenes, layout, truth=not phone)
    plain = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path == root / folder:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(DataError) as caught:
        survey(root)
    expected = f"{root / folder}: cannot be read (Permission denied); check its permissions"
    assert str(caught.value) == expected


def test_there_are_many_causes() -> None:
    groups = {name.split("-")[0] for name in CASES}
    assert groups == {"header", "pixels", "names", "pairing", "metadata", "permissions"}
    assert len(CASES) >= 60
