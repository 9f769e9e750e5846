"""Causes in the labels of scenes: `scenes.csv` and label arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from support.damage import Cases, Complaint
from support.image_sets import SCENES

CASES = Cases()


def own_labels(root: Path, *rows: str) -> None:
    lines = [f"{split},1P0A{number:04d}.png,main," for split, number, _ in SCENES]
    text = "\n".join(["split,source,group,category", *lines[: len(lines) - len(rows)], *rows])
    (root / "scenes.csv").write_text(text + "\n")


@CASES.add("metadata-scene without its row")
def _(root: Path) -> list[Complaint]:
    own_labels(root)
    lines = (root / "scenes.csv").read_text().splitlines()
    (root / "scenes.csv").write_text("\n".join(lines[:-1]) + "\n")
    return [("scenes.csv", "no row for 1P0A1434.png")]


@CASES.add("metadata-row without its scene")
def _(root: Path) -> list[Complaint]:
    own_labels(root)
    with (root / "scenes.csv").open("a") as stream:
        stream.write("test,1P0A7777.png,main,indoor\n")
    return [("scenes.csv", "1P0A7777.png of test has no images")]


@CASES.add("metadata-unknown category")
def _(root: Path) -> list[Complaint]:
    own_labels(root, "test,1P0A1434.png,main,garden")
    return [("scenes.csv:6", "category 'garden'")]


@CASES.add("metadata-unusable group")
def _(root: Path) -> list[Complaint]:
    own_labels(root, "test,1P0A1434.png,../up,indoor")
    return [("scenes.csv:6", "group '../up'")]


@CASES.add("metadata-row twice")
def _(root: Path) -> list[Complaint]:
    own_labels(root)
    with (root / "scenes.csv").open("a") as stream:
        stream.write("test,1P0A1434.png,main,indoor\n")
    return [("scenes.csv:7", "has two rows")]


@CASES.add("metadata-no text")
def _(root: Path) -> list[Complaint]:
    (root / "scenes.csv").write_bytes(b"\xff\xfe\0\0")
    return [("scenes.csv", "is not a text file")]


@CASES.add("metadata-other columns")
def _(root: Path) -> list[Complaint]:
    (root / "scenes.csv").write_text("name,label\n")
    return [("scenes.csv:1", "columns must be")]


@CASES.add("metadata-too few values")
def _(root: Path) -> list[Complaint]:
    own_labels(root, "test,1P0A1434.png")
    return [("scenes.csv:6", "needs 4 values")]


def arrays(root: Path, indoor: object, outdoor: object) -> None:
    np.save(root / "indoor_labels.npy", np.asarray(indoor))
    np.save(root / "outdoor_labels.npy", np.asarray(outdoor))


@CASES.add("metadata-one label array")
def _(root: Path) -> list[Complaint]:
    np.save(root / "indoor_labels.npy", [1, 2])
    return [("outdoor_labels.npy", "is missing next to the other")]


@CASES.add("metadata-pickled label array")
def _(root: Path) -> list[Complaint]:
    arrays(root, np.array([print], object), [1, 2])
    return [("indoor_labels.npy", "is not a NumPy array")]


@CASES.add("metadata-label array claims more than it holds")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], [2])
    content = (root / "indoor_labels.npy").read_bytes()
    (root / "indoor_labels.npy").write_bytes(content.replace(b"(1,), }    ", b"(10000,), }"))
    return [("indoor_labels.npy", "is not a NumPy array")]


@CASES.add("metadata-label array of fractions")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1.5], [2])
    return [("indoor_labels.npy", "holds float64")]


@CASES.add("metadata-label beyond the test images")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], [2, 3])
    return [("outdoor_labels.npy", "3 is not a position among 2")]


@CASES.add("metadata-scene both indoor and outdoor")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], [2, 1])
    return [("outdoor_labels.npy", "which is already indoor")]


@CASES.add("metadata-scene neither indoor nor outdoor")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], np.empty(0, int))
    return [("", "lack 1 of 2 test scenes")]


@CASES.add("metadata-two pairs of label arrays")
def _(root: Path) -> list[Complaint]:
    arrays(root, [1], [2])
    arrays(root / "test_c", [2], [1])
    return [("", "remove the wrong ones")]
