"""Causes that concern a set: names and pairing of its files."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.damage import LEFT, SOURCE, TARGET, Cases, Complaint
from support.image_sets import random_image, write_image, write_set

CASES = Cases()


@CASES.add("names-copy of a file manager")
def _(root: Path) -> list[Complaint]:
    copy = "test_c/source/1P0A0917 (1).png"
    write_image(root / copy, random_image(1, "left"))
    return [(copy, "characters other than")]


@CASES.add("names-twice, in small letters and capitals")
def _(root: Path) -> list[Complaint]:
    write_image(root / "test_c/source/1P0A0917.PNG", random_image(1, "left"))
    return [(SOURCE, "same name as 1P0A0917.PNG")]


@CASES.add("names-no capture number")
def _(root: Path) -> list[Complaint]:
    (root / TARGET).rename(root / "test_c/target/1P0A.png")
    return [("test_c/target/1P0A.png", "no capture number")]


@CASES.add("names-view without a combined one")
def _(root: Path) -> list[Complaint]:
    surplus = "test_l/source/1P0A5555_L.png"
    write_image(root / surplus, random_image(1, "left"))
    return [(surplus, "has no combined view")]


@CASES.add("names-right views in the folder of left ones")
def _(root: Path) -> list[Complaint]:
    wrong = "test_l/source/1P0A0917_R.png"
    (root / LEFT).rename(root / wrong)
    return [(LEFT, "is missing"), (wrong, "has no combined view")]


@CASES.add("names-not in the published list")
def _(root: Path) -> list[Complaint]:
    write_set(root, [("test", 9001, 9002)])
    return [("", "1P0A9001.png is not one of the published test scenes")]


@CASES.add("pairing-view missing")
def _(root: Path) -> list[Complaint]:
    (root / LEFT).unlink()
    return [(LEFT, "is missing")]


@CASES.add("pairing-folder of views missing")
def _(root: Path) -> list[Complaint]:
    shutil.rmtree(root / "test_l")
    return [("test_l/source", "is missing")]


@CASES.add("pairing-target missing")
def _(root: Path) -> list[Complaint]:
    (root / TARGET).unlink()
    return [("test_c", "2 sources and 1 targets")]


@CASES.add("pairing-targets missing")
def _(root: Path) -> list[Complaint]:
    shutil.rmtree(root / "test_c/target")
    return [("test_c", "2 sources and 0 targets")]


@CASES.add("pairing-source missing")
def _(root: Path) -> list[Complaint]:
    (root / SOURCE).unlink()
    right = "test_r/source/1P0A0917_R.png"
    return [("test_c", "1 sources and 2 targets"), (LEFT, "no combined"), (right, "no combined")]


@CASES.add("pairing-numbers too far apart")
def _(root: Path) -> list[Complaint]:
    (root / TARGET).rename(root / "test_c/target/1P0A0913.png")
    return [(SOURCE, "does not belong to target 1P0A0913.png")]


@CASES.add("pairing-scene in two splits")
def _(root: Path) -> list[Complaint]:
    write_set(root, [("val", 890, 891)])
    for path in (root / "val_c").rglob("1P0A089*.png"):
        write_image(path, random_image(7, path.parent.name.replace("source", "combined")))
    for letter, view in (("l", "left"), ("r", "right")):
        path = root / f"val_{letter}/source/1P0A0890_{letter.upper()}.png"
        write_image(path, random_image(7, view))
    return [("val_c/source/1P0A0890.png", "is in both train and val")]


@CASES.add("pairing-left is right")
def _(root: Path) -> list[Complaint]:
    right = "test_r/source/1P0A0917_R.png"
    shutil.copy(root / LEFT, root / right)
    return [(right, f"same image as {root / LEFT}")]


@CASES.add("pairing-target is source")
def _(root: Path) -> list[Complaint]:
    shutil.copy(root / SOURCE, root / TARGET)
    return [(TARGET, f"same image as {root / SOURCE}")]


@CASES.add("pairing-image of another scene, too")
def _(root: Path) -> list[Complaint]:
    other = "test_l/source/1P0A1434_L.png"
    shutil.copy(root / LEFT, root / other)
    return [(other, f"same image as {root / LEFT}")]
