"""HTML from templates: every value is escaped, every name must be known."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_PACKAGE = "pipeline.html_report"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: object) -> Markup:
    """HTML of a template in `templates/`.

    Texts among `values` are escaped; only `Markup` is not.

    Args:
        template: name of the file.
        values: what the template names.

    >>> render("missing.html", reason="No <network> was trained.")
    Markup('<p class="missing">No &lt;network&gt; was trained.</p>')
    """
    return Markup(_environment().get_template(template).render(**values))
