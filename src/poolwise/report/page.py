"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

from markupsafe import Markup

from poolwise.report.blocks import Paragraph, Terms, marked
from poolwise.report.drawings import Drawing
from poolwise.report.links import link, linked
from poolwise.report.section import Front, Passage, ReportContent, Section

if TYPE_CHECKING:
    import jinja2


@final
@dataclass(frozen=True, eq=False)
class Part:
    """A section as it stands on the page.

    Attributes
    ----------
    name : str
        Its anchor.
    passage : Passage
        What it says.
    appendix : bool
        Whether it stands in the appendix.
    end : bool
        Whether it stands below the appendix.
    turned : bool
        Whether it is printed across, for a picture that is too wide for its type to be read upright.
    printed : int
        Its place in print, where sections stand in another order there; 0 otherwise.
    """

    name: str
    passage: Passage
    appendix: bool = False
    end: bool = False
    turned: bool = False
    printed: int = 0

    @property
    def data(self) -> tuple[str, ...]:
        """The files of its numbers."""
        return (*self.passage.tables, *self.passage.draws)


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

    def part(section: Section[Any], passage: Passage) -> Part:
        turned = any(drawing.turned for name in passage.figures for drawing in pictures[name])
        return Part(section.name, passage, section.appendix, section.end, turned)

    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            analysis=content.analysis,
            front=front,
            parts=_printed([part(*each) for each in passages], pictures, _BELOW_ANSWER - _BANNER * bool(front.banner)),
            pictures=pictures,
            files=files,
            colophon=_colophon(content, front, files, facts),
            facts=facts,
        )
    )


_BELOW_ANSWER, _BANNER = 500.0, 150.0
"""Points that a picture may be high to stand below the answer on the first page of print, and less below a banner."""
_WHOLE, _HEADING = 750.0, 45.0  # points of the text of a page of A4, and of a heading with the room around it
_LINE, _CHARACTERS = 14.5, 84  # points of a line of print, and how many characters of the widest usual font it has


def _printed(parts: list[Part], pictures: Mapping[str, Sequence[Drawing]], room: float) -> list[Part]:
    """The sections with their places in print.

    A picture that has no room below the answer stands at the top of the next page; the words for a paper, which may be
    broken over pages, fill the first one.
    """
    names = [part.name for part in parts]
    at = names.index("answer") + 1 if names[:1] == ["answer"] else len(parts)
    if at >= len(parts):
        return parts
    first = [pictures[name][0].high for name in parts[at].passage.figures][:1]
    if not first or first[0] <= room:
        return parts
    between: list[int] = []
    left = room
    for i, part in enumerate(parts):
        if i > at and _is_prose(part):
            left -= _high(part)
            if left < 0.0 and _WHOLE + left < _HEADING + first[0]:
                break
            between.append(i)
    order = [*range(at), *between, *(i for i in range(at, len(parts)) if i not in between)]
    return [replace(part, printed=order.index(i) + 1) for i, part in enumerate(parts)]


def _is_prose(part: Part) -> bool:
    prose = all(isinstance(block, Paragraph) for block in part.passage.blocks)
    return prose and not part.appendix and not part.end


def _high(part: Part) -> float:
    """Points of a section of paragraphs in print, about."""
    texts = (block.text for block in part.passage.blocks if isinstance(block, Paragraph))
    return _HEADING + _LINE * sum(-(-len(text) // _CHARACTERS) for text in texts)


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
