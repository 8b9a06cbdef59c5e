"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from poolwise import show
from poolwise.engines.nuts.limit_errors import notes_about
from poolwise.report import fits, sentences, tables, words
from poolwise.report.content import Content

if TYPE_CHECKING:
    import jinja2


def page(content: Content, pictures: dict[str, str], facts: dict[str, Any]) -> str:
    """The HTML of a report.

    Parameters
    ----------
    content : Content
        What the report tells.
    pictures : dict of str to str
        SVG documents by name: ``"forest"``, ``"prior_panel"``.
    facts : dict
        What the manifest tells: versions, hashes, seconds.

    Returns
    -------
    str
        One page with its style and pictures inside; every word of the data is escaped.
    """
    from markupsafe import Markup

    groups = tables.comparison(content)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            content=content,
            effects=content.effects,
            main=content.main,
            level=show.level(content.analysis.prob),
            counted=content.effects.counted,
            few=words.few(content.effects.k, content.panel is not None) if content.few else "",
            reconstructed=words.RECONSTRUCTED if content.effects.reconstructed else "",
            headline=sentences.headline(content),
            groups=groups,
            natural=any(row["natural"] for group in groups for row in group.rows),
            tests=sentences.tests(content),
            directions=sentences.directions(content),
            null=sentences.null_words(content),
            chances=tables.chances(content),
            panel_rows=tables.panel_rows(content),
            borrowed_rows=tables.borrowed_rows(content),
            borrowed_under=tables.borrowed_under(content),
            studies=tables.study_rows(content),
            diagnostics=fits.diagnostics(content),
            conventions=words.CONVENTIONS,
            evidence=fits.evidence(content),
            notes=_notes(content),
            pictures={name: Markup(inline(svg)) for name, svg in pictures.items()},
            facts=facts,
        )
    )


def _notes(content: Content) -> tuple[str, ...]:
    """What was noticed in the data and in the fits, limits held against the threshold, each sentence once."""
    threshold = content.analysis.threshold
    every = [*content.effects.notes, *(note for one in content.results for note in notes_about(one, threshold))]
    return tuple(note for note in dict.fromkeys(every) if note not in content.analysis.data_notes)


def environment() -> jinja2.Environment:
    """Where the pages' templates are found, and how words are escaped in them."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("poolwise.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"greek": show.greek, "prior": words.prior}
    return made


def inline(svg: str) -> str:
    """An SVG document as an element of a page: without its prologue and its metadata."""
    element = svg[svg.index("<svg") :]
    return re.sub(r"<metadata>.*?</metadata>", "", element, count=1, flags=re.DOTALL)
