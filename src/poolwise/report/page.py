"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from poolwise.report.blocks import Terms, marked
from poolwise.report.drawings import Drawing
from poolwise.report.links import link, linked
from poolwise.report.printed import Part, printed
from poolwise.report.section import Front, Passage, ReportContent, Section

if TYPE_CHECKING:
    import jinja2


def page(
    content: ReportContent,
    passages: Sequence[tuple[Section[Any], Passage]],
    pictures: Mapping[str, Sequence[Drawing]],
    files: Sequence[str],
    facts: Mapping[str, Any],
) -> str:
    """The HTML of a report.

    Parameters
    ----------
    content : ReportContent
        What the report is made from.
    passages : sequence of (Section, Passage)
        The sections and what they say, in the order of the page.
    pictures : mapping of str to sequence of Drawing
        The drawings of every picture by its name.
    files : sequence of str
        Names of the files that lie beside the page, all of which it links.
    facts : mapping
        What the manifest tells: versions, hashes, seconds.

    Returns
    -------
    str
        One page with its style and pictures inside; every word of the data is escaped.
    """
    front = content.front()
    above = (content.analysis.title, content.analysis.question, front.banner, front.caution)

    def part(section: Section[Any], passage: Passage) -> Part:
        turned = any(drawing.turned for name in passage.figures for drawing in pictures[name])
        return Part(section.name, passage, section.appendix, section.end, turned)

    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            analysis=content.analysis,
            front=front,
            parts=printed([part(*each) for each in passages], pictures, above),
            pictures=pictures,
            files=files,
            colophon=_colophon(content, front, files, facts),
            facts=facts,
        )
    )


def _colophon(content: ReportContent, front: Front, files: Sequence[str], facts: Mapping[str, Any]) -> Terms:
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
            ("Files", Markup(", ").join(link(name) for name in files)),
            ("Finished", f"{facts['finished']}, after {content.seconds:.1f} s of fitting"),
        )
    )


def _environment() -> jinja2.Environment:
    """Where the page's templates are found, and how words are escaped in them."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("poolwise.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"linked": linked, "link": link}
    return environment
