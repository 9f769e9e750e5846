"""This machine: its cores and GPUs, and the options of Snakemake that use all of them."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.compute.threads import cores_here
from pipeline.compute.visible_gpus import visible_devices


@dataclass(frozen=True)
class Machine:
    """Cores and GPUs of this machine that this process may use."""

    cores: int
    gpus: int

    @classmethod
    def here(cls) -> Machine:
        """The machine of this process."""
        return cls(cores_here(), len(visible_devices()))

    @property
    def threads_per_gpu(self) -> int:
        """Every GPU's share of the cores; without a GPU all of them."""
        return max(1, self.cores // max(1, self.gpus))

    def options(self, cores: str | None = None) -> list[str]:
        """Options of Snakemake with which jobs fill the machine, and no job waits for a GPU.

        Args:
            cores: in place of the number of cores.
        """
        gpus = ["--resources", f"gpu={self.gpus}"] if self.gpus else []
        return ["--cores", cores or str(self.cores), *gpus]

    def chosen(self, cores: str | None = None) -> str:
        """These options in words, for the user."""
        here = f"{self.cores} cores, {self.gpus or 'no'} GPU{'s' * (self.gpus > 1)}"
        return f"This machine has {here}; Snakemake gets {' '.join(self.options(cores))}"
