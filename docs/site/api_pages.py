"""Pages of the Python interface: which modules each shows. Their text is that of the docstrings."""

from __future__ import annotations

from dataclasses import dataclass

from repository_links import ROOT


@dataclass(frozen=True)
class ApiPage:
    """A page: its title, what it is for, and its modules in reading order."""

    title: str
    purpose: str
    modules: tuple[str, ...]


def _inside(package: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{package}.{name}" for name in names)


API = {
    "dmtnet": ApiPage(
        "dmtnet",
        "The network of the paper. It needs torch and nothing else of this repository.",
        _inside("dmtnet", "network", "extraction", "reconstruction", "attention", "activation"),
    ),
    "methods": ApiPage(
        "Methods",
        "The contract of a method, its network by name, and the controls.",
        ("pipeline.methods", "pipeline.plugins", "baselines.controls"),
    ),
    "experiments": ApiPage(
        "Experiments",
        "An experiment file as typed values, and one run of it.",
        (
            *_inside("pipeline.config", "experiment", "blocks", "methods", "recipe", "study"),
            "pipeline.run",
            "pipeline.seeds",
            "pipeline.places",
            "pipeline.errors",
            "pipeline.exit_codes",
        ),
    ),
    "data": ApiPage(
        "Data",
        "Images, manifest and pixel store.",
        _inside("pipeline.data", "manifest", "bit_depth", "png", "canon", "store.reader"),
    ),
    "evaluation": ApiPage(
        "Evaluation",
        "Networks on whole images, metrics, sizes and costs.",
        _inside(
            "pipeline.evaluation",
            *("protocol", "loading", "inference", "large_images", "scores", "complexity"),
            *("metrics", "metrics.psnr", "metrics.ssim", "metrics.mae", "metrics.lpips"),
        ),
    ),
    "statistics": ApiPage(
        "Statistics",
        "Differences over seeds and images, and the rule behind a verdict.",
        (
            *_inside("pipeline.statistics", "means", "bootstrap", "families", "power", "ranking"),
            "pipeline.verdicts",
        ),
    ),
    "records": ApiPage(
        "Records",
        "What every stage writes and every report reads.",
        _inside(
            "pipeline", "records", "record_parts", "record_base", "provenance", "finished_runs"
        ),
    ),
    "weights": ApiPage(
        "Weights",
        "Files of weights as arrays; nothing in them is executed.",
        _inside("pipeline.weights", "reader", "arrays", "own_file", "registry", "trust"),
    ),
}
"""By the name of the page in the folder `api` of the site."""

_INTRODUCTION = """# Python

What other programs may import, made from the docstrings. Names may change between versions
([changelog](../../CHANGELOG.md)); the command line and the [records](../records.md) change less.

| Page | Content |
|---|---|
"""


def pages() -> dict[str, str]:
    """Markdown of the pages, by page."""
    rows = "".join(
        f"| [{page.title}]({name}.md) | {page.purpose} |\n" for name, page in API.items()
    )
    return {"api/index.md": _INTRODUCTION + rows} | {
        f"api/{name}.md": _page(page) for name, page in API.items()
    }


def _page(page: ApiPage) -> str:
    sources = ", ".join(f"[`{name}`](../../{_file(name)})" for name in page.modules)
    blocks = "\n\n".join(f"::: {name}" for name in page.modules)
    return f"# {page.title}\n\n{page.purpose} Source: {sources}.\n\n{blocks}\n"


def _file(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"
