"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from poolwise.report.blocks import Terms, marked
from poolwise.report.section import Front, Passage, ReportContent

if TYPE_CHECKING:
    import jinja2


def page(
    content: ReportContent,
    passages: Sequence[tuple[str, Passage]],
    pictures: Mapping[str, str],
    facts: Mapping[str, Any],
) -> str:
    """The HTML of a report.

    Parameters
    ----------
    content : ReportContent
        What the report is made from.
    passages : sequence of (str, Passage)
        The anchor and the words of each section, in the order of the page.
    pictures : mapping of str to str
        SVG documents by the name of the figure.
    facts : mapping
        What the manifest tells: versions, hashes, seconds.

    Returns
    -------
    str
        One page with its style and pictures inside; every word of the data is escaped.
    """
    front = content.front()
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            analysis=content.analysis,
            front=front,
            passages=passages,
            pictures={name: Markup(_inline(svg)) for name, svg in pictures.items()},
            colophon=_colophon(content, front, facts),
            facts=facts,
        )
    )


def _colophon(content: ReportContent, front: Front, facts: Mapping[str, Any]) -> Terms:
    """What the page was made from: file, data, versions, seeds, time."""
    quick = " (quick: fewer draws than the file asks for)" if content.quick else ""
    source, digest = content.analysis.source + quick, content.analysis.spec_hash
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return Terms(
        (
            ("Analysis", marked("{source}; SHA-256 <code>{digest}</code>", source=source, digest=digest)),
            ("Data", front.data),
            ("Versions", versions),
            *([] if front.seeds is None else [("Seeds", front.seeds)]),
            ("Finished", f"{facts['finished']}, after {content.seconds:.1f} s of fitting"),
        )
    )


def _environment() -> jinja2.Environment:
    """Where the page's templates are found, and how words are escaped in them."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("poolwise.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _inline(svg: str) -> str:
    """An SVG document as an element of a page: without its prologue and its metadata."""
    element = svg[svg.index("<svg") :]
    return re.sub(r"<metadata>.*?</metadata>", "", element, count=1, flags=re.DOTALL)
