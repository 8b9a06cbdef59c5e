"""Run one analysis: every fit, the prior panel, the files."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, final

from poolwise.analysis.record import Analysis, PlannedFit
from poolwise.engines.nuts import NUTS
from poolwise.engines.nuts.stored_draws import name_of
from poolwise.errors import AnalysisError, MissingQuantityError, nearest, shown
from poolwise.fit import fit, fit_words
from poolwise.model import JointOutcomes
from poolwise.result import Result
from poolwise.runs.simulation_run import tried_in
from poolwise.settings import check_flag
from poolwise.show import method, numbered

if TYPE_CHECKING:
    from poolwise.checks import Borrowing, PriorPanel, PublicationBias, Ranges
    from poolwise.report import Content, KeptFits, RangesContent

QUICK_DRAWS, QUICK_TUNE = 1000, 500  # the fewest with which NUTS passes its own diagnostics on small tables


@final
@dataclass(frozen=True)
class Step:
    """Where a run is: step `number` of `total` begins, and what it is.

    Attributes
    ----------
    number, total : int
        Counted from 1.
    label : str
        What is being done.
    """

    number: int
    total: int
    label: str


@final
@dataclass(frozen=True, eq=False)
class Run:
    """What one run found, and where its files are.

    Attributes
    ----------
    analysis : Analysis
        What was run.
    results : tuple of Result
        In the order of the tables.
    panel : PriorPanel, optional
        The same question under other priors on tau.
    folder : Path
        The folder of files.
    files : mapping of str to Path
        Every file by name.
    borrowed : Borrowing, optional
        Each outcome of a joint fit beside a fit of its own.
    kept : tuple of str
        Which fits were taken from an earlier run, and which were run again and why; whether the files were left as an
        earlier run of the same wrote them.
    ranges : Ranges, optional
        The answers over all reconstructed tables; there are then no `results`, which would be of one table.
    bias : PublicationBias, optional
        What every method says of publication bias, where the file asks for it.
    content : Content or RangesContent, optional
        What the page was made from, for a page over several runs (`poolwise.report.write_joint`).
    """

    analysis: Analysis
    results: tuple[Result, ...]
    panel: PriorPanel | None
    folder: Path
    files: Mapping[str, Path]
    borrowed: Borrowing | None = None
    kept: tuple[str, ...] = ()
    ranges: Ranges | None = None
    bias: PublicationBias | None = None
    content: Content | RangesContent | None = field(default=None, repr=False)

    @property
    def report(self) -> Path:
        """The page to read."""
        return self.files["report.html"]

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results whose numbers should not be used as they are."""
        of_tables = () if self.ranges is None else self.ranges.failed
        return (*(result for result in self.results if result.report.failed), *of_tables)

    def __getitem__(self, label: str) -> Result:
        """The result of that label.

        Parameters
        ----------
        label : str
            As in the tables: ``"exact"``.

        Returns
        -------
        Result

        Raises
        ------
        MissingQuantityError
            When there is none; the message offers the nearest.
        """
        if self.ranges is not None:
            found = "a run over reconstructed tables has ranges, and no result of one table"
            raise MissingQuantityError(found, advice="run.ranges.row('mu[...]')")
        for result in self.results:
            if label in (result.label, method(result.label)):
                return result
        labels = [result.label for result in self.results]
        raise MissingQuantityError(f"the run has no result '{label}'", advice=nearest(label, labels))


def run(
    analysis: Analysis,
    *,
    out: str | Path | None = None,
    quick: bool = False,
    fresh: bool = False,
    formats: Collection[str] = (),
    progress: Callable[[Step], None] | None = None,
) -> Run:
    """Run an analysis and write its files.

    Parameters
    ----------
    analysis : Analysis
        From `load_analysis`.
    out : str or Path, optional
        Folder of the files; ``results/<name>`` when left out. It is held against other processes while the
        analysis runs. The manifest is written last: without it, a run has not finished. Files of an earlier run of the
        same analysis are replaced; whatever else lies in the folder stays as it is.
    quick : bool
        At most 1000 draws and 500 tuning draws in each chain of NUTS, for a first look.
    fresh : bool
        Run every fit by NUTS again, and write every file anew. Else fits that an earlier run finished, of the same
        data, model, engine, seed and versions, are taken from the folder ``fits`` beside the files, and all files come
        out the same; where nothing has changed at all, neither the file, its data, the versions, poolwise itself nor
        any of the files written, these stay as they are. Fits by the other engines are too quick to be kept.
    formats : collection of {"docx", "md", "latex"}
        The report as documents, too, made by pandoc (the extra ``documents``): ``report.docx``, ``report.md``,
        ``report.tex``, with their pictures.
    progress : callable, optional
        Told of each step as it begins.

    Returns
    -------
    Run
        Results, prior panel and paths.

    Raises
    ------
    AnalysisError
        When the folder cannot be written to or has too little room, or another process is writing to it, or the
        analysis file or its data lie in it, or it holds the results of another analysis, or a file that would be
        replaced and that no run wrote or that was changed since; or `analysis` is none. All before the first fit.
    KeyboardInterrupt
        When a fit was interrupted. Fits finished before are kept for the next run; no files are written.

    Examples
    --------
    >>> import poolwise as pw
    >>> done = pw.run(pw.load_analysis("models/bcg.toml"), out="results/bcg")  # doctest: +SKIP
    >>> done["exact"]["mu"].interval(0.95)  # doctest: +SKIP
    """
    from poolwise import report

    _check(analysis, out, {"quick": quick, "fresh": fresh}, progress)
    forms = report.check_forms(formats)
    folder = Path("results") / analysis.name if out is None else Path(out)
    if analysis.tables is not None:
        return _over_tables(analysis, folder, quick, fresh, forms, progress)
    fits = tuple(_quick(planned) if quick else planned for planned in analysis.fits)
    total = len(fits) + (analysis.panel is not None) + (analysis.simulation is not None) + 1
    tell = progress or (lambda step: None)
    with report.held(replace(analysis, fits=fits), folder, forms, quick=quick, fresh=fresh) as claim:
        began, kept = perf_counter(), report.KeptFits(folder / report.FITS, fresh)
        results = []
        for number, planned in enumerate(fits, start=1):
            tell(Step(number, total, _words(planned)))
            results.append(_fitted(analysis, planned, kept))
        if analysis.panel is not None:
            tell(Step(len(fits) + 1, total, "prior panel"))
        panel, borrowed = _panel(analysis), _borrowed(results, analysis.prob)
        tried = tried_in(analysis, folder, fresh, lambda words: tell(Step(total - 1, total, words)))
        tell(Step(total, total, "files"))
        content = report.Content(analysis, _told_apart(results), panel, borrowed, quick, perf_counter() - began, tried)
        files = report.write(content, claim, forms)
    said = (*kept.said, *report.left(claim))
    bias = content.publication_bias
    return Run(analysis, content.results, panel, folder, files, borrowed, said, bias=bias, content=content)


def _check(analysis: object, out: object, flags: Mapping[str, object], progress: object) -> None:
    """Refuse what is no analysis, no folder, neither true nor false, and what cannot be told of steps."""
    if not isinstance(analysis, Analysis):
        raise AnalysisError(
            f"run was given {type(analysis).__name__}", "an Analysis", "pw.run(pw.load_analysis('models/bcg.toml'))"
        )
    if not isinstance(out, str | os.PathLike | None):
        raise AnalysisError(
            f"out is {type(out).__name__} {out!r}", "the path of a folder", f"out='results/{analysis.name}'"
        )
    for flag, value in flags.items():
        check_flag(flag, value, error=AnalysisError)
    if not (progress is None or callable(progress)):
        raise AnalysisError(f"progress is {shown(progress)}", "a function that is told of each step", "progress=print")


def _over_tables(
    analysis: Analysis,
    folder: Path,
    quick: bool,
    fresh: bool,
    forms: tuple[str, ...],
    progress: Callable[[Step], None] | None,
) -> Run:
    """The run of an analysis of reconstructed tables."""
    from poolwise.runs.over_tables import run_tables, steps

    planned = [_quick(one) if quick else one for one in analysis.fits]
    total = steps(analysis)

    def tell(number: int, label: str) -> None:
        if progress is not None:
            progress(Step(number, total, label))

    content, files, kept = run_tables(replace(analysis, fits=tuple(planned)), folder, quick, fresh, forms, tell)
    return Run(analysis, (), None, folder, files, kept=kept, ranges=content.ranges, content=content)


def _words(planned: PlannedFit) -> str:
    return fit_words(planned.model, planned.engine, planned.label)


def _fitted(analysis: Analysis, planned: PlannedFit, kept: KeptFits) -> Result:
    model, engine = planned.model, planned.engine
    place = kept.place(name_of(model, engine)) if isinstance(engine, NUTS) else None
    result = fit(analysis.effects, model, engine, kept=place)
    for finding in result.report.findings:
        if finding.status == "interrupted":
            raise KeyboardInterrupt(f"{finding.sentence} Run the analysis again: the fits finished so far are kept")
    return replace(result, label=planned.label) if planned.label else result


def _quick(planned: PlannedFit) -> PlannedFit:
    if not isinstance(planned.engine, NUTS):
        return planned
    engine = planned.engine
    fewer = replace(engine, draws=min(engine.draws, QUICK_DRAWS), tune=min(engine.tune, QUICK_TUNE))
    return replace(planned, engine=fewer)


def _panel(analysis: Analysis) -> PriorPanel | None:
    if analysis.panel is None:
        return None
    from poolwise import checks

    wanted = analysis.panel
    return checks.prior_panel(
        analysis.effects, priors=wanted.priors, mu=wanted.mu, prob=analysis.prob, threshold=analysis.threshold
    )


def _borrowed(results: list[Result], prob: float) -> Borrowing | None:
    """What outcomes borrow from one another in the first joint fit of them."""
    from poolwise import checks

    joint = next((one for one in results if isinstance(one.model, JointOutcomes)), None)
    return None if joint is None or joint.report.failed else checks.borrowing(joint, prob=prob)


def _told_apart(results: list[Result]) -> tuple[Result, ...]:
    """The results with a number behind every label that comes more than once."""
    labels = numbered([result.label for result in results])
    return tuple(replace(result, label=label) for result, label in zip(results, labels, strict=True))
