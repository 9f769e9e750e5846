"""Names of the tags by which runs are found again in MLflow."""

from __future__ import annotations

DIGEST = "dmtbench.record_sha256"
"""Of a complete run: over its files."""
METHOD = "dmtbench.method"
REPETITION = "dmtbench.repetition"
EXPERIMENT = "dmtbench.experiment"
"""Of the current runs of an experiment: its name. A run of several has that of the last import."""
COLLECTS = "dmtbench.collects"
"""Of the run above the others: the experiment that they belong to."""
TABLES = "dmtbench.tables_sha256"
SUPERSEDED = "superseded"
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"
KIND = "mlflow.experimentKind"
