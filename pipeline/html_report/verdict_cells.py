"""Verdicts as the page shows them: a word, a sign and a color, never the color alone."""

from __future__ import annotations

from pipeline.html_report.cells import Cell, text_cell

_TONES = {
    "reproduced": ("good", "✓"),
    "differs (better)": ("better", "▲"),
    "differs (worse)": ("bad", "▼"),
    "inconclusive": ("warn", "?"),
    "not run": ("none", "○"),
    "not comparable": ("none", "≠"),
    # The audit.
    "holds": ("good", "✓"),
    "fails": ("bad", "✗"),
    "within rounding": ("warn", "≈"),
    "not decidable": ("none", "○"),
    # A study over seeds.
    "same direction": ("good", "✓"),
    "opposite direction": ("bad", "▼"),
    "holds at this scale": ("good", "✓"),
    "higher": ("better", "▲"),
    "lower": ("bad", "▼"),
    "undecided": ("warn", "?"),
    "not tested": ("none", "○"),
    # The checklist.
    "yes": ("good", "✓"),
    "partly": ("warn", "≈"),
    "no": ("bad", "✗"),
    "does not apply": ("none", "○"),
}
_STARTS = {"fails at": ("bad", "▼"), "no difference": ("warn", "≈")}


def verdict_cell(verdict: str, note: str = "") -> Cell:
    """The cell of a verdict, of the audit or of a study; an unknown one has no color."""
    if not verdict:
        return text_cell("")
    # A study names steps and margins: "fails at …", "no difference larger than …".
    starts = (tone for start, tone in _STARTS.items() if verdict.startswith(start))
    tone, mark = _TONES.get(verdict) or next(starts, ("none", ""))
    return Cell(verdict, verdict, note=note, tone=tone, mark=mark)
