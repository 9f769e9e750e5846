"""What several records hold: where a number comes from, how it was scored, what it is."""

from __future__ import annotations

from typing import Any

from pipeline.record_base import Record


class Provenance(Record):
    """Where a number comes from.

    `config`: the whole resolved experiment; `config_hash`: its SHA-256. `configuration_key` and
    `code`: the part of the configuration, and of the code, that the result depends on
    (`pipeline.keys.Keys`). `manifest_sha256`,
    `companion_sha256`, `weights_sha256`: SHA-256 of the data manifest, of the companion set's
    manifest if a training used one, and of the weights used or made. `git_dirty`: whether tracked
    files differed from `git_commit`. `results_versions`: `RESULTS_VERSION` of each package that
    makes numbers. `wall_s`: seconds. `peak_memory_mb`: MiB.
    """

    command: str
    config: dict[str, Any]
    config_hash: str
    configuration_key: str
    code: dict[str, str]
    manifest_sha256: str | None
    companion_sha256: str | None = None
    weights_sha256: str | None
    git_commit: str | None
    git_dirty: bool | None
    results_versions: dict[str, int]
    packages: dict[str, str]
    hardware: dict[str, str]
    seeds: dict[str, int]
    wall_s: float
    peak_memory_mb: float
    created: str


class Protocol(Record):
    """How images were scored; results of different protocols are never compared."""

    id: str
    input_bits: int
    ground_truth_bits: int
    clamp: bool
    quantization: str
    ssim: str
    tiling: str
    views: tuple[str, ...]


class Scores(Record):
    """Plain means over `n` images, by metric; `None` for a metric that was not computed."""

    n: int
    mean: dict[str, float | None]


class ControlScore(Record):
    """The score of a control: what it must be, and what the evaluation found."""

    expected: float
    found: float


class Floor(Record):
    """Mean PSNR in dB of a method and of the blurred input, on the first `scenes` test scenes."""

    scenes: int
    psnr: float
    input_psnr: float

    def warning(self) -> str:
        """One line where the method is worse than the blurred input; otherwise empty.

        >>> Floor(scenes=4, psnr=20.0, input_psnr=22.5).warning()
        '2.5 dB below the blurred input on the first 4 test scenes'
        """
        below = self.input_psnr - self.psnr
        return (
            f"{below:.1f} dB below the blurred input on the first {self.scenes} test scenes"
            if below > 0
            else ""
        )


class GivenFile(Record):
    """A file of weights that a method was scored with instead of being trained.

    `file`: its path, as others may see it. `key`: which of several state dicts in it. Its checksum
    is the `weights_sha256` of the provenance.
    """

    file: str
    key: str | None = None
