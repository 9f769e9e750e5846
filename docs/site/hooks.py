"""Hooks of MkDocs: adds the pages that are made from files outside `docs/`, and rewrites links."""

from __future__ import annotations

from api_pages import pages as api_pages
from docstring_examples import DocstringExamples
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page
from repository_links import PAGES, ROOT, RepositoryLinks, targets
from source_pages import pages_of

LINKS = RepositoryLinks()
SEARCH = 'data-md-component="search" role="dialog"'
EXAMPLES = DocstringExamples()
STYLES = "assets/site.css"
"""Where the pages find `site.css`, as `mkdocs.yml` says."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Rewrite links and show examples wherever Markdown is rendered."""
    config.markdown_extensions += [LINKS, EXAMPLES]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add pages: those of the repository's root, of the Python interface, of files linked to."""

    def add(pages: dict[str, str], inclusion: InclusionLevel) -> None:
        for uri, content in pages.items():
            files.append(File.generated(config, uri, content=content, inclusion=inclusion))

    places = PAGES | {"docs/site/site.css": STYLES}
    outside = {uri: (ROOT / path).read_text(encoding="utf-8") for path, uri in places.items()}
    add(outside | api_pages(), InclusionLevel.INCLUDED)
    written = [file for file in files.documentation_pages() if file.inclusion.is_included()]
    linked = {path for file in written for path in targets(file.content_string, file.src_uri)}
    add(pages_of(linked), InclusionLevel.NOT_IN_NAV)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Note which page comes next, for its links and examples."""
    LINKS.page = page.file.src_uri
    EXAMPLES.active = page.file.src_uri.startswith("api/")
    return markdown


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Name the search for screen readers, which the theme leaves out."""
    return output.replace(SEARCH, f'{SEARCH} aria-label="Search"')
