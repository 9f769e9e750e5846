"""Which way of scoring would explain differences between our scores and published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.records import SensitivityRecord, SensitivityRow


@dataclass(frozen=True)
class Reason:
    """A way of scoring that would explain a difference: the published value was scored so.

    `name`, `meaning`: of the way. `explained`: cells, such as `combined_psnr`, whose difference is
    beyond its tolerance now and would be within it. `unexplained`: those that would stay beyond it.
    """

    name: str
    meaning: str
    explained: tuple[str, ...]
    unexplained: tuple[str, ...]

    def __str__(self) -> str:
        text = f"a reason that would explain {_listed(self.explained)}: {self.name}"
        return f"{text}, but not {_listed(self.unexplained)}" if self.unexplained else text


def proposed_reasons(
    differences: Mapping[str, float],
    sensitivity: SensitivityRecord,
    tolerances: Mapping[str, float],
) -> tuple[Reason, ...]:
    """Ways of scoring that would bring ours to the published values, the best first.

    If the published value was scored in another way, ours would have moved by `moved`, so that the
    difference is about `-moved`. A way that would make a cell disagree that agrees now is no
    reason. Nor is one that moves a cell by less than its tolerance.

    Args:
        differences: ours minus published, by cell: `{indoor,outdoor,combined}_{psnr,ssim,mae}`.
        sensitivity: of the same result.
        tolerances: largest difference that counts as equal, by metric, in the unit of the metric.

    Raises:
        KeyError: a metric has no tolerance.
    """
    found = []
    for row in sensitivity.rows:
        reason = _reason(differences, row, tolerances)
        if reason is not None:
            rest = sum(abs(differences[cell] + _moved(row, cell)) for cell in reason.explained)
            found.append((len(reason.unexplained), -len(reason.explained), rest, reason))
    return tuple(reason for *_, reason in sorted(found, key=lambda item: item[:3]))


def _reason(
    differences: Mapping[str, float], row: SensitivityRow, tolerances: Mapping[str, float]
) -> Reason | None:
    explained: list[str] = []
    unexplained: list[str] = []
    for cell, difference in differences.items():
        limit, moved = tolerances[cell.rpartition("_")[2]], _moved(row, cell)
        agrees, would_agree = abs(difference) <= limit, abs(difference + moved) <= limit
        if agrees and not would_agree:
            return None
        if not agrees:
            (explained if would_agree and abs(moved) > limit else unexplained).append(cell)
    if not explained:
        return None
    return Reason(row.name, row.meaning, tuple(explained), tuple(unexplained))


def _moved(row: SensitivityRow, cell: str) -> float:
    category, _, metric = cell.rpartition("_")
    return row.moved.get(category, {}).get(metric) or 0.0


def _listed(cells: tuple[str, ...]) -> str:
    return ", ".join(cell.replace("_", " ") for cell in cells)
