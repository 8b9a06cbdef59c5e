"""The files of one run: every one whole or not there, the manifest last."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from poolwise.errors import AnalysisError, listing
from poolwise.report import files, sections
from poolwise.report.basis import basis
from poolwise.report.documents import FORMS, PREFERRED, check_forms, document, pandoc
from poolwise.report.drawings import drawings
from poolwise.report.draws_file import write_draws
from poolwise.report.joint import JOINT
from poolwise.report.joint.content import joined
from poolwise.report.page import page
from poolwise.report.room import needed
from poolwise.report.section import Passage, ReportContent, Section
from poolwise.report.sections import files_of, sections_of

if TYPE_CHECKING:
    import xarray as xr

    from poolwise.analysis.record import Analysis
    from poolwise.plot.figures import boxes_warned_of
    from poolwise.report.content import Content
    from poolwise.report.ranges_content import RangesContent

PAGE = "report.html"
_DRAWN = ("svg", "png", "pdf")
_COLUMN = "-column.svg"  # the drawing for a phone, which is in the page only


@contextmanager
def held(
    analysis: Analysis,
    folder: Path,
    formats: Collection[str] = (),
    planned: Sequence[Section[Any]] | None = None,
    *,
    quick: bool = False,
    fresh: bool = False,
    parts: Sequence[Analysis] = (),
) -> Iterator[files.Claim]:
    """Hold a folder for a run of this analysis, after what can be known before the fits: see `files.claimed`.

    Parameters
    ----------
    analysis : Analysis
        What will be run.
    folder : Path
        Where the files go.
    formats : collection of {"docx", "md", "latex"}
        The documents that will be written.
    planned : sequence of Section, optional
        The sections of the page; those of the analysis by default.
    quick : bool
        Whether fewer draws are taken than the file asks for.
    fresh : bool
        Whether files are written anew, even where a run of the same left them.
    parts : sequence of Analysis
        What a page over several analyses is made of.

    Yields
    ------
    Claim
        Whether the folder is held, and all its files are those of a run of the same.

    Raises
    ------
    AnalysisError
        When the analysis file or its data lie in the folder, or `files.claimed` refuses it; when a document is asked
        for and pandoc is not installed.
    """
    if check_forms(formats):
        pandoc()
    refuse_inputs(analysis, folder)
    told = files.question_of(analysis)
    names = _possible(planned or sections_of(analysis), formats)
    every = parts or (analysis,)
    words = [word for one in every for word in _words(one)]
    of = "" if fresh else basis(every, words, quick, sorted(formats), names)
    with (
        files.claimed(folder, names, question=told, room=needed(analysis), basis=of) as claim,
        nullcontext() if claim.unchanged else _boxes_warned_of(words),
    ):
        yield claim


def _boxes_warned_of(words: Iterable[str]) -> boxes_warned_of:
    from poolwise.plot.figures import boxes_warned_of

    return boxes_warned_of(words)


def _possible(planned: Iterable[Section[Any]], formats: Collection[str]) -> tuple[str, ...]:
    """The names of the files that a page of these sections may have."""
    names = files_of(planned)
    of_figures = sorted({f"{stem}.{form}" for stem, form in _figures(names) for form in _forms(formats)})
    return tuple(dict.fromkeys((*names, *of_figures, PAGE, *(FORMS[form] for form in formats))))


def _figures(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Stem and ending of the files of pictures."""
    for name in names:
        stem, _, ending = name.rpartition(".")
        if ending in _DRAWN:
            yield stem, ending


def _forms(formats: Collection[str]) -> tuple[str, ...]:
    """The endings of the files of pictures that these documents show."""
    return tuple(dict.fromkeys(PREFERRED[form][0] for form in formats))


def _names() -> tuple[str, ...]:
    """Every file that a run of any analysis may write, in the order in which it tells of them."""
    names = files_of((*sections.ONE_TABLE, *sections.OVER_TABLES, *JOINT))
    of_figures = sorted({f"{stem}.{form}" for stem, _ in _figures(names) for form in _DRAWN})
    return tuple(dict.fromkeys((*names, *of_figures, PAGE, *FORMS.values())))


def _words(analysis: Analysis) -> Iterator[str]:
    """Every word of the user's that can stand in a picture."""
    effects = analysis.effects
    yield from (analysis.title, effects.title, *effects.directions, *(fit.label for fit in analysis.fits))
    yield from (*effects.study, *effects.outcomes, *map(str, effects.moderators.columns))
    for column in effects.moderators.select_dtypes(exclude="number"):
        yield from map(str, effects.moderators[column].unique())


def refuse_inputs(analysis: Analysis, folder: Path) -> None:
    """Refuse the folder in which a file lies that the analysis was read from, itself or a link to it."""
    try:
        there = [path for path in analysis.inputs if any(_same(folder, part.parent) for part in (path, path.resolve()))]
    except (OSError, ValueError) as error:
        raise files.unwritable(folder, error) from None
    if there:
        names = " and ".join(f"'{path.name}'" for path in there)
        raise AnalysisError(
            f"results would be written to '{folder}', where {names} of this analysis {'lie' if there[1:] else 'lies'}",
            "a folder of its own for the results",
            f"out = '{folder / 'results' / analysis.name}'",
        )


def _same(folder: Path, other: Path) -> bool:
    """Whether two paths lead to one folder."""
    if os.path.exists(folder) and os.path.exists(other):
        return os.path.samefile(folder, other)
    return os.path.realpath(folder) == os.path.realpath(other)


def write(
    content: ReportContent,
    claim: files.Claim,
    formats: Collection[str] = (),
    planned: Sequence[Section[Any]] | None = None,
) -> Mapping[str, Path]:
    """Write every file of a run into a folder held by `held`, or leave them all as they are where nothing changed.

    Parameters
    ----------
    content : Content, RangesContent or JointContent
        What the files tell.
    claim : Claim
        Where they go; what an earlier run left there and this one does not make is removed.
    formats : collection of {"docx", "md", "latex"}
        The page as documents, too: ``report.docx``, ``report.md``, ``report.tex``.
    planned : sequence of Section, optional
        The sections of the page; those of the analysis by default.

    Returns
    -------
    mapping of str to Path
        Every file by name, the manifest last.

    Raises
    ------
    AnalysisError
        When a file cannot be written; the run then has no manifest.
    """
    if claim.unchanged:
        return _paths(claim.folder, files.kept(claim.folder))
    facts = {**_facts(content), "basis": claim.basis}
    every = [(section, section.passage_of(content)) for section in planned or sections_of(content.analysis)]
    passages = [(section, passage) for section, passage in every if passage is not None]
    tables = {name: frame.to_csv(index=False) for _, passage in passages for name, frame in passage.tables.items()}
    forms = _forms(check_forms(formats))
    drawn = {name: file for section, passage in passages for name, file in _drawn(content, section, passage, forms)}
    pictures = {name: file for name, file in drawn.items() if name in _names()}
    shown = {
        name: drawings(name, drawn[f"{name}.svg"].decode(), drawn[f"{name}{_COLUMN}"].decode())
        for _, passage in passages
        for name in passage.figures
    }
    draws = {name: tree for _, passage in passages for name, tree in passage.draws.items()}
    beside = (*tables, *pictures, *draws, *(FORMS[form] for form in formats), files.MANIFEST)
    html = page(content, passages, shown, beside, facts)
    documents = {FORMS[form]: document(html, form, pictures) for form in formats}
    return _written(claim.folder, {**tables, **pictures, PAGE: html, **documents}, draws, facts)


def _drawn(
    content: ReportContent, section: Section[Any], passage: Passage, more: tuple[str, ...]
) -> Iterator[tuple[str, bytes]]:
    """The pictures of a section, whole files by name, which say what they are and what of, read by programs too."""
    from poolwise.plot import width
    from poolwise.plot.figures import close, saved

    analysis, data = content.analysis, content.data_label
    for name, figure in passage.figures.items():
        stamp: dict[str, str | None] = {
            "Title": f"{figure.kind}: {analysis.title} ({data} data)",
            "Description": f"{analysis.question} Data: {data}. Made by poolwise from {analysis.source}.",
        }
        axes = figure.draw()
        for form in dict.fromkeys((*section.forms(name), *more)):
            yield f"{name}.{form}", saved(axes, form, _stamp(stamp, form))
        close(axes)
        with width("column"):
            axes = figure.draw()
        yield f"{name}{_COLUMN}", saved(axes, "svg", _stamp(stamp, "svg"))
        close(axes)


def _stamp(told: Mapping[str, str | None], form: str) -> dict[str, str | None]:
    """What a picture says of itself, in the words that its form knows, and without the time of day."""
    return {
        "svg": {**told, "Date": None},
        "pdf": {"Title": told["Title"], "Subject": told["Description"], "CreationDate": None},
    }.get(form, dict(told))


def _written(
    folder: Path, content: Mapping[str, bytes | str], draws: Mapping[str, xr.DataTree], facts: dict[str, Any]
) -> Mapping[str, Path]:
    """Write the files of a run, remove what an earlier one left and this one has not made, write the manifest."""
    names = tuple(name for name in _names() if name in content or name in draws)
    try:
        for name, whole in content.items():
            files.add(folder, name, whole)
        for name, tree in draws.items():
            with files.adding(folder, name) as part:
                write_draws(tree, part)
        files.remove(folder, set(_names()) - set(names))
        files.finish(folder, names, facts)
    except OSError as error:
        raise files.unwritable(folder, error) from None
    return _paths(folder, names)


def left(claim: files.Claim) -> tuple[str, ...]:
    """Where the files were left as they were, a sentence that says so."""
    if not claim.unchanged:
        return ()
    return (f"nothing changed since the last run: the files in '{claim.folder}' are left as they are",)


def _paths(folder: Path, names: Iterable[str]) -> Mapping[str, Path]:
    """Every file of a run by name, the manifest last."""
    return MappingProxyType({name: folder / name for name in (*names, files.MANIFEST)})


def write_joint(
    parts: Sequence[Content | RangesContent], folder: Path, formats: Collection[str] = (), *, fresh: bool = False
) -> Mapping[str, Path]:
    """Write one page over several analyses, from what their runs found.

    Parameters
    ----------
    parts : sequence of Content or RangesContent
        What each run told, `poolwise.runs.Run.content`, in the order of the page.
    folder : Path
        Where the files go; held meanwhile.
    formats : collection of {"docx", "md", "latex"}
        The page as documents, too.
    fresh : bool
        Whether files are written anew, even where a page of the same lies there.

    Returns
    -------
    mapping of str to Path
        Every file by name, the manifest last.

    Raises
    ------
    AnalysisError
        For fewer than two analyses, two of one title, or a folder that cannot be written to.
    """
    titles = [part.analysis.title for part in parts]
    if len(set(titles)) < max(2, len(titles)):
        raise AnalysisError(
            f"one page was asked for over {listing(titles) or 'no analysis'}",
            "two analyses or more, each with its title",
        )
    content, each = joined(parts), [part.analysis for part in parts]
    with held(content.analysis, folder, formats, JOINT, quick=content.quick, fresh=fresh, parts=each) as claim:
        return write(content, claim, formats, JOINT)


def documented(folder: Path, formats: Collection[str]) -> tuple[Path, ...]:
    """Write the report of a finished run as documents, from the page and the pictures as they lie in its folder.

    Parameters
    ----------
    folder : Path
        Where a run wrote its files.
    formats : collection of {"docx", "md", "latex"}
        The documents.

    Returns
    -------
    tuple of Path
        The documents; the manifest knows them from then on.

    Raises
    ------
    AnalysisError
        When no run has finished there, or a file was changed since; when a format is unknown or pandoc is missing.
    """
    forms = check_forms(formats)
    wrong = files.faults(folder)
    if wrong:
        raise AnalysisError(
            f"'{folder}' holds no report that can be trusted: {wrong[0]}",
            "the results of a finished run",
            "poolwise run FILE",
        )
    facts = json.loads((folder / files.MANIFEST).read_text(encoding="utf-8"))
    known = tuple(facts["files"])
    pictures = {name: (folder / name).read_bytes() for name in known if name.endswith((".svg", ".png", ".pdf"))}
    page = (folder / PAGE).read_text(encoding="utf-8")
    made = {FORMS[form]: document(page, form, pictures) for form in forms}
    with files.claimed(folder, tuple(made)):
        for name, whole in made.items():
            files.add(folder, name, whole)
        rest = {name: fact for name, fact in facts.items() if name not in ("files", "sha256")}
        files.finish(folder, tuple(dict.fromkeys((*known, *made))), rest)
    return tuple(folder / name for name in made)


def _facts(content: ReportContent) -> dict[str, Any]:
    """What the manifest tells of a run; JSON values."""
    analysis = content.analysis
    return {
        "poolwise": version("poolwise"),
        "analysis": {
            **files.question_of(analysis),
            "sha256": analysis.spec_hash,
            "quick": content.quick,
        },
        **content.facts(),
        "seconds": round(content.seconds, 3),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
