"""Names of the files of every report."""

from __future__ import annotations

_TABLE = ("csv", "md", "tex")
_IMAGE = ("png", "svg", "pdf")
FILES = {
    "table1": (
        *(f"table1.{ending}" for ending in _TABLE),
        *(f"groups.{ending}" for ending in _TABLE),
        "metrics.json",
    ),
    "latex": ("values.tex", "methods.bib"),
    "table2": tuple(f"table2.{ending}" for ending in _TABLE),
    "verdicts": ("verdicts.csv", "comparisons.csv", "verdicts.md"),
    "networks": ("networks.csv", "selection_weights.csv"),
    "qualitative": ("figure4.csv", "figure4.npz", "figure5.csv", "figure5.npz"),
    "figures": tuple(f"{name}.{ending}" for name in ("figure4", "figure5") for ending in _IMAGE),
    "track": ("tracking.json",),
    "plot": tuple(f"psnr_vs_params.{ending}" for ending in _IMAGE),
    "html": ("index.html",),
    "ablation": (
        *("ablation.csv", "claims.csv", "differences.csv", "scores.csv", "curves.csv"),
        *("scaling.csv", "study.json", "ablation.md"),
        *(
            f"{plot}.{ending}"
            for plot in ("forest", "learning_curves", "selection_weights", "scaling")
            for ending in _IMAGE
        ),
    ),
}
"""Files by report, in the folder of the experiment; some have copies in `reports/`."""
