"""Links of the repository on the site: each leads to the page that shows the same file.

Pages are written for the repository, where a link may name any file in it. On the site, files
outside `docs/` are pages below `source/`; `README.md` and a few others are pages of their own.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Files outside `docs/` that are pages of the site, by their paths in the repository."""
SOURCE = "source"
"""The folder of the site with all other files that a page links to."""
_LEFT_OUT = "docs/site/"
"""The part of `docs/` that is not on the site as it is: `exclude_docs` in `mkdocs.yml`."""
_INLINE = re.compile(r"\]\(<?([^)\s>]+)>?\)")


def path_of(page: str) -> str:
    """Path in the repository of a page of the site, also of one that has no file there.

    >>> path_of("index.md"), path_of("status.md")
    ('README.md', 'docs/status.md')
    """
    return {uri: path for path, uri in PAGES.items()}.get(page, f"docs/{page}")


def page_of(path: str) -> str:
    """Page of the site that shows a file or folder of the repository; it need not exist.

    >>> page_of("docs/status.md"), page_of("config/demo.yaml"), page_of("pipeline/audit")
    ('status.md', 'source/config/demo.yaml.md', 'source/pipeline/audit/index.md')
    """
    if path in PAGES:
        return PAGES[path]
    folder = (ROOT / path).is_dir()
    if path.startswith("docs/") and not path.startswith(_LEFT_OUT):
        inside = path.removeprefix("docs/")
        return f"{inside}/index.md" if folder else inside
    return f"{SOURCE}/{path}/index.md" if folder else f"{SOURCE}/{path}.md"


def target_of(link: str, page: str) -> str | None:
    """Path in the repository that a link on a page leads to; None for any other link.

    >>> target_of("../config/demo.yaml#L3", "status.md")
    'config/demo.yaml'
    """
    path = link.partition("#")[0]
    if not path or ":" in path or path.startswith("/"):
        return None
    target = normpath(join(dirname(path_of(page)), unquote(path)))
    return None if target.startswith("..") else target


def on_site(link: str, page: str) -> str:
    """The link as it must be on the site; unchanged if it leads out of the repository.

    >>> on_site("docs/status.md#tests", "index.md"), on_site("../dmtnet/network.py", "status.md")
    ('status.md#tests', 'source/dmtnet/network.py.md')
    """
    target = target_of(link, page)
    if target is None:
        return link
    _, mark, fragment = link.partition("#")
    return relpath(page_of(target), dirname(page) or ".") + mark + fragment


def targets(markdown: str, page: str) -> set[str]:
    """Paths in the repository that a page links to, those in its code blocks included."""
    found = {target_of(link, page) for link in _INLINE.findall(markdown)}
    return {target for target in found if target is not None}


class RepositoryLinks(Extension):
    """Rewrites links and images while Markdown is rendered, before MkDocs checks them."""

    def __init__(self) -> None:
        super().__init__()
        self.page = ""
        """The page that is being rendered."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register the rewriting between the inline patterns (20) and MkDocs's check (0)."""
        md.treeprocessors.register(_Rewriting(md, self), "repository_links", 10)


class _Rewriting(Treeprocessor):
    def __init__(self, md: Markdown, links: RepositoryLinks) -> None:
        super().__init__(md)
        self.links = links

    def run(self, root: Element) -> None:
        for name, attribute in (("a", "href"), ("img", "src")):
            for element in root.iter(name):
                if link := element.get(attribute):
                    element.set(attribute, on_site(link, self.links.page))
