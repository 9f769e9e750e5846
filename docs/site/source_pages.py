"""Pages that show files and folders of the repository: those that other pages link to."""

from __future__ import annotations

from pathlib import Path
from posixpath import dirname, relpath

from repository_links import ROOT, SOURCE, page_of

LANGUAGES = {
    ".csv": "text",
    ".json": "json",
    ".md": "markdown",
    ".py": "python",
    ".smk": "python",
    ".toml": "toml",
    ".txt": "text",
    ".yaml": "yaml",
    ".yml": "yaml",
    "": "text",
    ".cff": "yaml",
}
"""Names that the highlighter knows, by suffix; other files are not shown."""
# No page of its own in the search: a word of the code would hide the pages about it.
_HEAD = "---\nsearch: {exclude: true}\nhide: [toc]\n---\n\n"
_FENCE = "`" * 12


def shown(path: str) -> bool:
    """Whether a file of the repository is text that a page can show."""
    return (ROOT / path).is_file() and Path(path).suffix in LANGUAGES


def pages_of(paths: set[str]) -> dict[str, str]:
    """Markdown of the pages that show these paths, by page; also of the files in a folder.

    Paths that do not exist, and files that are not text, have none: MkDocs names the links to them.
    """
    folders = {path for path in paths if (ROOT / path).is_dir()}
    files = {path for path in paths if shown(path)}
    for folder in folders:
        files |= {path for path in _children(folder) if shown(path)}
    # Other files are on the site as they are, or as pages of their own.
    copied = {path for path in files if page_of(path).startswith(f"{SOURCE}/")}
    return {page_of(path): _folder(path, files) for path in folders} | {
        page_of(path): _file(path) for path in copied
    }


def _children(folder: str) -> list[str]:
    hidden = ("__pycache__", ".")
    names = sorted(path.name for path in (ROOT / folder).iterdir())
    return [f"{folder}/{name}" for name in names if not name.startswith(hidden)]


def _file(path: str) -> str:
    content = (ROOT / path).read_text(encoding="utf-8")
    language = LANGUAGES[Path(path).suffix]
    return f'{_HEAD}# {path}\n\n{_FENCE}{language} linenums="1"\n{content.rstrip()}\n{_FENCE}\n'


def _folder(path: str, files: set[str]) -> str:
    here = dirname(page_of(path))
    lines = [
        f"- [`{Path(child).name}`]({relpath(page_of(child), here)})"
        if child in files
        else f"- `{Path(child).name}`"
        for child in _children(path)
    ]
    return f"{_HEAD}# {path}\n\n" + "\n".join(lines) + "\n"
