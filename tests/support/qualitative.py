"""Made-up files of Figures 4 and 5."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.qualitative_files import QualitativeMethod, QualitativeScene, Selection

SIDE, HEIGHT, WIDTH = 8, 24, 36
ROWS = ("Input (no deblurring)", "DMTNet-B", "A method with $x_1$ & a <long> name")


def qualitative_scene(name: str = "1P0A0001", rows: tuple[str, ...] = ROWS) -> QualitativeScene:
    """A scene of noise; the PSNR of method n is 20 + n."""
    rng = np.random.default_rng(len(name))
    count = len(rows)

    def noise(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return rng.integers(0, 256, (*shape, 3), dtype=np.uint8)

    return QualitativeScene(
        scene=name,
        category="indoor",
        why="largest gain over the input: 1.00 dB",
        height=HEIGHT,
        width=WIDTH,
        side=SIDE,
        yellow_top=3,
        yellow_left=4,
        blue_top=16,
        blue_left=28,
        methods=tuple(
            QualitativeMethod(f"m{n}", row, "demo", 0, 20.0 + n, 10.0 + n, 15.0 + n)
            for n, row in enumerate(rows)
        ),
        images=noise(count + 1, HEIGHT, WIDTH),
        errors=rng.random((count, HEIGHT, WIDTH)).astype(np.float16) / np.float16(5),
        yellow=noise(count + 1, SIDE, SIDE),
        blue=noise(count + 1, SIDE, SIDE),
    )


def selection(modules: int = 2, least: float = 0.2) -> Selection:
    """A network whose third scale has the weight `least` everywhere."""
    rows = [
        [scene, "indoor", dmssrm, scale, alpha]
        for scene in ("a", "b", "c")
        for dmssrm in range(1, modules + 1)
        for scale, alpha in enumerate((0.5, 0.5 - least, least), 1)
    ]
    rng = np.random.default_rng(1)
    return Selection(
        method="dmtnet-b",
        row="DMTNet-B",
        label="demo",
        repetition=0,
        scene="b",
        weights=pd.DataFrame(rows, columns=["scene", "category", "dmssrm", "scale", "alpha"]),
        image=rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        features=tuple(rng.random((3, 6, 9)).astype(np.float16) for _ in range(modules)),
    )
