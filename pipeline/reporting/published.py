"""The paper's numbers: the only typed ones, read from CSV and validated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import DataError
from pipeline.records import CATEGORIES

PAPER_METRICS = ("psnr", "ssim", "mae")

_TABLE1_TEXT = ("method", "reference", "venue", "kind", "views", "train_data")
_TABLE1_QUALITY = tuple(f"{part}_{metric}" for part in CATEGORIES for metric in PAPER_METRICS)
_TABLE1_SIZE = ("params_m", "flops_g")
_TABLE2_SWITCHES = ("transformer", "dynamic")
_NOTES = ("method", "variant", "params", "flops")
_TABLE2 = ("method", *_TABLE2_SWITCHES, "psnr", "ssim", "n_dmssrm")


def read_published_table1(path: Path) -> pd.DataFrame:
    """The paper's Table 1, one row per method in the paper's order.

    Columns: `method`, `reference`, `venue`, `kind`, `views`, `train_data` (text);
    `{indoor,outdoor,combined}_{psnr,ssim,mae}` (PSNR in dB); `params_m` (10^6) and `flops_g`
    (10^9), empty where the paper prints none.

    Raises:
        DataError: the file is missing, has other columns, a repeated method or a bad number.
    """
    frame = _read(path, (*_TABLE1_TEXT, *_TABLE1_QUALITY, *_TABLE1_SIZE))
    for column in (*_TABLE1_QUALITY, *_TABLE1_SIZE):
        frame[column] = _numbers(path, frame, column, may_be_empty=column in _TABLE1_SIZE)
    return frame


def read_published_table2(path: Path) -> pd.DataFrame:
    """The paper's Table 2 (ablation of DMTNet-B), one row per variant.

    Columns: `method` (its number in the paper), `transformer` and `dynamic` (`yes` or `no`),
    `psnr` (combined, dB), `ssim` (combined), `n_dmssrm` (number of DMSSRM).

    Raises:
        DataError: the file is missing, has other columns, a repeated method or a bad value.
    """
    frame = _read(path, _TABLE2)
    for column in _TABLE2_SWITCHES:
        if not frame[column].isin(["yes", "no"]).all():
            raise DataError(f"{path}: column {column!r} must hold yes or no; fix it")
    for column in ("psnr", "ssim"):
        frame[column] = _numbers(path, frame, column)
    for column in ("method", "n_dmssrm"):
        numbers = _numbers(path, frame, column)
        if (numbers % 1 != 0).any():
            raise DataError(f"{path}: column {column!r} must hold whole numbers; fix it")
        frame[column] = numbers.astype("int64")
    return frame


def read_complexity_notes(path: Path) -> pd.DataFrame:
    """Why parameters and FLOPs counted here differ from those of the paper's Table 1.

    Columns (text): `method`; `variant`, the name of a variant of the network that meets the
    printed digits where the published one does not; `params` and `flops`, the reasons, empty
    where there is nothing to explain.

    Raises:
        DataError: the file is missing, has other columns or a repeated method.
    """
    return _read(path, _NOTES)


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a CSV table ({reason}); restore it") from error
    if tuple(frame.columns) != columns:
        raise DataError(f"{path}: columns must be {','.join(columns)}; restore the header")
    repeated = frame["method"][frame["method"].duplicated()]
    if frame.empty or not repeated.empty:
        what = f"method {repeated.iloc[0]!r} twice" if len(repeated) else "no rows"
        raise DataError(f"{path}: {what}; every method needs one row")
    return frame


def _numbers(path: Path, frame: pd.DataFrame, column: str, may_be_empty: bool = False) -> pd.Series:
    texts = frame[column]
    numbers = pd.to_numeric(texts.where(texts != "", None), errors="coerce").astype("float64")
    bad = ~np.isfinite(numbers) & ((texts != "") | (not may_be_empty))
    if bad.any():
        where = frame["method"][bad].iloc[0]
        raise DataError(
            f"{path}: {column} of method {where!r} is {texts[bad].iloc[0]!r}; write a number"
        )
    return numbers
