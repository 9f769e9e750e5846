"""A data set's records and the MLflow store that they are imported into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.artifacts import WEIGHTS
from pipeline.config.experiment import load_experiment
from pipeline.records import ResultRecord, RunRecord, write_record
from pipeline.tracking.ingest import Summary, ingest
from pipeline.tracking.names import COLLECTS, METHOD
from support.factories import control, provenance, result, run, scores
from support.paths import CONFIG

DEMO = CONFIG / "demo.yaml"
CURVE = "epoch,samples,learning_rate,loss,psnr\n1,320,0.002,0.09,\n2,640,0.001,0.05,21.5\n"


class Lab:
    """A data set's folders and the store they are ingested into."""

    def __init__(self, folder: Path, database: Path | None = None) -> None:
        self.folder = folder
        self.uri = f"sqlite:///{database or folder / 'mlflow.db'}"
        self.table = folder / "table1.csv"
        self.table.parent.mkdir(parents=True, exist_ok=True)
        self.table.write_text("method\n", encoding="utf-8")

    def add_run(self, record: RunRecord, curve: str = CURVE) -> None:
        folder = self.folder / "runs" / f"{record.method}-{record.repetition}"
        write_record(folder / "record.json", record)
        (folder / "curve.csv").write_text(curve, encoding="utf-8")
        (folder / WEIGHTS).write_bytes(b"not looked into either")

    def add_result(self, record: ResultRecord) -> None:
        folder = self.folder / "results" / f"{record.method}-{record.repetition}"
        write_record(folder / "record.json", record)
        (folder / "per_image.csv").write_text("image,psnr\na,20\n", encoding="utf-8")
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images" / "a.png").write_bytes(b"not looked into")

    def ingest(self) -> Summary:
        return ingest(
            self.folder / "runs",
            self.folder / "results",
            [self.table],
            self.uri,
            self.folder / "artifacts",
        )

    def client(self) -> Any:
        from mlflow.tracking import MlflowClient

        return MlflowClient(tracking_uri=self.uri)

    def found(self, name: str, order: str = "attributes.start_time DESC") -> list[Any]:
        client = self.client()
        experiment = client.get_experiment_by_name(name)
        wanted = f"tags.`{METHOD}` != ''"
        return list(client.search_runs([experiment.experiment_id], wanted, order_by=[order]))

    def parents(self, name: str) -> list[Any]:
        """Runs that collect others."""
        client = self.client()
        number = client.get_experiment_by_name(name).experiment_id
        return list(client.search_runs([number], f"tags.`{COLLECTS}` != ''"))


def _named(dataset: str, **changes: Any) -> Any:
    """Three methods; the trained one carries the resolved demo configuration."""
    config = load_experiment(DEMO).model_dump(mode="json")
    origin = provenance(config=config)
    return [
        run(dataset=dataset, provenance=origin),
        result(dataset=dataset, psnr=22.0, groups={"stereo": scores(23.0)}, **changes),
        control("input", "Input", 20.0, dataset=dataset),
        result("dmtnet-t", "DMTNet-T", 21.0, dataset=dataset, extra={"lpips": None}),
    ]


def filled(folder: Path, dataset: str, database: Path | None = None) -> Lab:
    lab = Lab(folder, database)
    trained, *scored = _named(dataset)
    lab.add_run(trained)
    for record in scored:
        lab.add_result(record)
    return lab
