"""Words of a report as they stand on the page: every DOI and every file a link, no line that ends in an equation."""

from __future__ import annotations

import re
from collections.abc import Collection

from markupsafe import Markup, escape

from poolwise.show import tied

RESOLVER = "https://doi.org/"
# A DOI with or without the address of the resolver; what ends a sentence or closes a bracket is none of it.
_DOI = re.compile(
    r"(?:https?://(?:dx\.)?doi\.org/|\bdoi:\s*)?\b(10\.\d{4,9}/[^\s<>\"]*[^\s<>\".,;:!?'])", re.IGNORECASE
)
_CODE = re.compile(r"<code>([^<>&]+)</code>")
_TAG = re.compile(r"(<[^>]*>)")
_LINKED = re.compile(r"(<a\b.*?</a>)", re.DOTALL)


def linked(text: object, files: Collection[str] = ()) -> Markup:
    """Text with a link on every DOI, and on every name of a file of the run that stands as code; escaped.

    Spaces at which no line is to break are no-break ones.

    Parameters
    ----------
    text : str or Markup
        Words of a section; Markup stays as it is.
    files : collection of str
        Names of the files that lie beside the page.

    Returns
    -------
    Markup

    Examples
    --------
    >>> str(linked("in 10.1000/182."))
    'in <a href="https://doi.org/10.1000/182">10.1000/182</a>.'
    """
    parts = _LINKED.split(str(escape(text)))
    return Markup("".join(part if part.startswith("<a") else _with_links(part, files) for part in parts))


def link(name: str) -> Markup:
    """A link to a file beside the page; escaped."""
    return Markup('<a href="{name}">{name}</a>').format(name=name)


def _with_links(html: str, files: Collection[str]) -> str:
    html = "".join(part if part.startswith("<") else tied(part) for part in _TAG.split(html))
    html = _DOI.sub(_doi, html)
    return _CODE.sub(lambda found: str(link(found[1])) if found[1] in files else found[0], html)


def _doi(found: re.Match[str]) -> str:
    doi, rest = _whole(found[1])
    return f'<a href="{RESOLVER}{doi}">{found[0].removesuffix(rest)}</a>{rest}'


def _whole(doi: str) -> tuple[str, str]:
    """The DOI, and a bracket after it that it does not open: brackets are legal within one."""
    rest = ""
    while doi.endswith(")") and doi.count(")") > doi.count("("):
        doi, rest = doi[:-1].rstrip(".,;:"), doi[-1] + rest
    return doi, rest
