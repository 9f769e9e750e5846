"""The folder of a study: its record and tables, checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.errors import RecordError
from pipeline.files import atomic_file, sha256_of
from pipeline.records import StudyRecord, read_record

STUDY = "study.json"
SCORES_FILE, CURVES_FILE, DIFFERENCES_FILE = "scores.csv", "curves.csv", "differences.csv"
NETWORKS_FILE, SELECTION_FILE = "networks.csv", "selection_weights.csv"
PAIRS_FILE, CLAIMS_FILE, SCALING_FILE = "ablation.csv", "claims.csv", "scaling.csv"
TABLES = (
    *(SCORES_FILE, CURVES_FILE, DIFFERENCES_FILE, NETWORKS_FILE, SELECTION_FILE),
    *(PAIRS_FILE, CLAIMS_FILE, SCALING_FILE),
)
_TEXTS = {
    PAIRS_FILE: ("claim", "question"),
    CLAIMS_FILE: ("claim", "statement", "published", "verdict", "reason"),
}
_COUNTS = {
    PAIRS_FILE: {"seeds_needed": "Int64", "seeds_for_margin": "Int64"},
    NETWORKS_FILE: {"num_dmssrm": "Int64"},
}
_AGAIN = "make the study again with `dmtbench ablation`"


@dataclass(frozen=True)
class StudyFolder:
    """Record and tables of a study, by name of the file."""

    record: StudyRecord
    tables: Mapping[str, pd.DataFrame]

    @property
    def rows(self) -> dict[str, str]:
        """Labels of the methods, by name."""
        return {name: method.row for name, method in self.record.methods.items()}

    @property
    def scores(self) -> pd.DataFrame:
        """As `pipeline.study.collecting.scores_frame` returns them."""
        return self.tables[SCORES_FILE]

    @property
    def curves(self) -> pd.DataFrame:
        """As `pipeline.study.collecting.curves_frame` returns them."""
        return self.tables[CURVES_FILE]

    @property
    def differences(self) -> pd.DataFrame:
        """As `pipeline.study.comparing.differences_frame` returns them."""
        return self.tables[DIFFERENCES_FILE]

    @property
    def networks(self) -> pd.DataFrame:
        """Trained sizes: `method`, `row`, `num_dmssrm`, `params`, `flops`, `samples`."""
        return self.tables[NETWORKS_FILE]

    @property
    def selection(self) -> pd.DataFrame:
        """Selection weights of every test image."""
        return self.tables[SELECTION_FILE]

    @property
    def pairs(self) -> pd.DataFrame:
        """As `pipeline.study.comparing.compared` returns them."""
        return self.tables[PAIRS_FILE]

    @property
    def claims(self) -> pd.DataFrame:
        """As `pipeline.study.verdicts.claim_frame` returns them."""
        return self.tables[CLAIMS_FILE]

    @property
    def scaling(self) -> pd.DataFrame:
        """Fits of PSNR against compute."""
        return self.tables[SCALING_FILE]


def read_study(folder: Path) -> StudyFolder:
    """Read a study, for example a copy under `docs/`.

    Raises:
        RecordError: the record or a table is missing or cannot be read, or a table is not the one
            that the record names.
    """
    record = read_record(folder / STUDY, StudyRecord)
    for name in TABLES:
        if not (folder / name).is_file():
            raise RecordError(f"{folder / name}: missing; {_AGAIN}")
        if record.files.get(name) != sha256_of(folder / name):
            raise RecordError(f"{folder / name}: is not the table of {STUDY}; {_AGAIN}")
    return StudyFolder(record, {name: read_frame(folder / name) for name in TABLES})


def read_frame(path: Path) -> pd.DataFrame:
    """Read one of the tables, to the same bits; an empty text stays one.

    Raises:
        RecordError: it cannot be read.
    """
    texts = _TEXTS.get(path.name, ())
    kinds = {**dict.fromkeys(texts, "object"), **_COUNTS.get(path.name, {})}
    try:
        frame = pd.read_csv(path, dtype=kinds)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: not a table ({error}); {_AGAIN}") from error
    return frame.fillna(dict.fromkeys(texts, ""))


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write one of the tables, in full precision.

    Raises:
        DataError: the folder is read-only or full.
    """
    with atomic_file(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")
