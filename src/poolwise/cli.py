"""The command line: list, show, check and run analysis files; print their schema."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from poolwise.errors import AnalysisError, PoolwiseError, PoolwiseWarning

if TYPE_CHECKING:
    from poolwise.analysis import Analysis, PlannedFit
    from poolwise.effects import Effects
    from poolwise.runs import Run, SimulationRun, Step

OK, FIT_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code is 0 (ok), 1 (a fit failed) or 2 (bad input).

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``poolwise``; those of the process when left out.

    Returns
    -------
    int
        Exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal's encoding lacks is shown by its number
            stream.reconfigure(errors="backslashreplace")
    chosen = _parser().parse_args(arguments)
    with _notes_on_stderr():
        try:
            code = chosen.command(chosen)
            if sys.stdout is not None:
                sys.stdout.flush()
        except PoolwiseError as error:
            code = _refused(error)
        except KeyboardInterrupt as interrupt:
            stop = str(interrupt)
            print(f"poolwise: stopped{stop and f': {stop}'}", file=sys.stderr)
            code = INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = OK
        except OSError as error:
            code = _unprintable(error)
        except Exception:
            code = _unexpected(" ".join(["poolwise", *(arguments or sys.argv[1:])]))
    return int(code)


def _unprintable(error: OSError) -> int:
    """What to do when standard output cannot be written to, or a file not be read."""
    print(f"poolwise: {error.strerror}: {error.filename or 'standard output'}", file=sys.stderr)
    if error.filename is None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BAD_INPUT


def _unexpected(source: str) -> int:
    print(f"poolwise: {source}: unexpected error, please report it", file=sys.stderr)
    traceback.print_exc()
    return FIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="poolwise", description="Bayesian meta-analysis from analysis files.")
    parser.add_argument("--version", action="version", version=f"poolwise {_version()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words)
        made.set_defaults(command=run)
        return made

    listed = command("list", _list, "The analysis files in a folder, with their titles.")
    listed.add_argument("folder", nargs="?", type=Path, default=Path("models"), metavar="FOLDER")
    shown = command("show", _show, "What an analysis file will run: data, generative statement, fits.")
    shown.add_argument("file", type=Path, metavar="FILE")
    checked = command("check", _check, "Check analysis files to the end, without fitting anything.")
    checked.add_argument("files", nargs="+", type=Path, metavar="FILE")
    ran = command("run", _run, "Run analysis files and write their results.")
    ran.add_argument("files", nargs="+", type=Path, metavar="FILE")
    words = "folder of results, one folder in it for each file (default: results)"
    ran.add_argument("--out", type=Path, action=_Once, default=Path("results"), metavar="FOLDER", help=words)
    ran.add_argument("--quick", action="store_true", help="fewer draws of NUTS, for a first look")
    words = "run every fit again; else fits by NUTS that an earlier run finished are taken from there"
    ran.add_argument("--fresh", action="store_true", help=words)
    _add_forms(ran)
    words = (
        "The report as a document: of a folder of results as it stands, or of analysis files, which are run (fits that "
        "are kept are taken); of several files one page together, too, in the folder 'report' of the results."
    )
    reported = command("report", _report, words)
    reported.add_argument("targets", nargs="+", type=Path, metavar="FOLDER|FILE")
    words = "folder of results, one folder in it for each file (default: results)"
    reported.add_argument("--out", type=Path, action=_Once, default=Path("results"), metavar="FOLDER", help=words)
    reported.add_argument("--quick", action="store_true", help="fewer draws of NUTS, for a first look")
    _add_forms(reported)
    reported.set_defaults(fresh=False)
    words = "How often the intervals of a file hold the truth at its own standard errors: simulated tables."
    tried = command("simulate", _simulate, words)
    tried.add_argument("files", nargs="+", type=Path, metavar="FILE")
    words = "simulated tables of each truth (by default as the file says, or 2000)"
    tried.add_argument("--replications", type=int, metavar="N", help=words)
    words = "where it runs: 'joblib', 'dask', or the address of a Dask scheduler (by default in this process)"
    tried.add_argument("--executor", metavar="WHERE", help=words)
    words = "folder of results, one folder in it for each file (default: simulations)"
    tried.add_argument("--out", type=Path, action=_Once, default=Path("simulations"), metavar="FOLDER", help=words)
    coded = command("template", _template, "Write an empty coding protocol (.xlsx or .csv), to be filled in.")
    coded.add_argument("file", type=Path, metavar="FILE")
    words = "The study table that a table of reported statistics makes (.csv or .xlsx), with the way of each row."
    made = command("effects", _effects, words)
    made.add_argument("file", type=Path, metavar="FILE")
    made.add_argument("--target", required=True, metavar="CODE", help="measure of all rows: SMD, OR, ZCOR, ...")
    made.add_argument("--study", metavar="COLUMN", help="column of study labels (found by itself if left out)")
    made.add_argument("--sides", type=int, choices=(1, 2), help="sides of reported p-values")
    made.add_argument("--prob", type=float, help="probability of reported intervals (by default as the table tells)")
    made.add_argument("--base-rate", type=float, help="risk without treatment, between odds and risk ratios")
    made.add_argument("--decimal", choices=(".", ","), help="the decimal mark (found by itself if left out)")
    made.add_argument("--sheet", metavar="NAME", help="sheet of a workbook (results, or the first, if left out)")
    made.add_argument("--encoding", help="how the text of a CSV file is written, such as cp1252 (UTF-8 if left out)")
    made.add_argument("--out", type=Path, metavar="FILE", help="write the table to this new CSV file, too")
    command("schema", _schema, "The JSON schema of analysis files, for editors.")
    return parser


def _add_forms(parser: argparse.ArgumentParser) -> None:
    """The forms in which a report is written as a document."""
    for form, words in (("docx", "Word"), ("md", "Markdown"), ("latex", "LaTeX")):
        parser.add_argument(
            f"--{form}",
            dest="formats",
            action="append_const",
            const=form,
            default=[],
            help=f"the report for {words}, too",
        )


class _Once(argparse.Action):
    """Store an option that may be told once."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        if getattr(namespace, f"{self.dest}_told", False):
            parser.error(f"{option} is told twice. Expected: one folder for all results")
        setattr(namespace, f"{self.dest}_told", True)
        setattr(namespace, self.dest, values)


def _version() -> str:
    from importlib.metadata import version

    return version("poolwise")


def _template(chosen: argparse.Namespace) -> int:
    from poolwise.coding.template import template

    print(template(chosen.file))
    return OK


def _effects(chosen: argparse.Namespace) -> int:
    from poolwise.coding.protocol import read_table
    from poolwise.effects import Effects

    effects = Effects.from_statistics(
        read_table(chosen.file, sheet=chosen.sheet, encoding=chosen.encoding),
        target=chosen.target,
        study=chosen.study,
        sides=chosen.sides,
        prob=chosen.prob,
        base_rate=chosen.base_rate,
        decimal=chosen.decimal,
        title=chosen.file.name,
        allow_single=True,
    )
    for study in dict.fromkeys(effects.study_as_given):
        print(effects.explain(study))
    for note in effects.notes:
        print(f"note: {note}")
    if chosen.out is not None:
        with chosen.out.open("x", encoding="utf-8", newline="") as file:
            effects.to_frame().assign(derivation=list(effects.derivation)).to_csv(file, index=False)
        print(chosen.out)
    return OK


def _list(chosen: argparse.Namespace) -> int:
    from poolwise.analysis.read import document

    if chosen.folder.is_file():
        raise AnalysisError(f"'{chosen.folder}' is a file", "a folder of *.toml", f"poolwise show {chosen.folder}")
    if chosen.folder.is_dir() and not os.access(chosen.folder, os.R_OK | os.X_OK):
        raise AnalysisError(f"you may not read the folder '{chosen.folder}'", "a folder of *.toml that you may read")
    files = sorted(chosen.folder.glob("*.toml"))
    if not files:
        raise AnalysisError(
            f"there is no analysis file in '{chosen.folder}'", "a folder of *.toml", "poolwise list FOLDER"
        )
    width = max(len(str(path)) for path in files)
    for path in files:
        try:
            title = str(document(path)[1].get("title", "(no title)"))
        except PoolwiseError as error:
            title = f"(cannot be read: {error})"
        print(f"{path!s:<{width}}  {' '.join(title.split())}")
    return OK


def _show(chosen: argparse.Namespace) -> int:
    from poolwise import show
    from poolwise.analysis import load_analysis

    analysis = load_analysis(chosen.file)
    over = "" if analysis.tables is None else f"ranges over {len(analysis.tables)} tables of "
    region = f", practically 0: {analysis.rope}" if analysis.rope else ""
    region += f", threshold {analysis.threshold:g}" if analysis.threshold else ""
    rows = [
        ("question", analysis.question),
        *_labelled("data", _tables_words(analysis) or [_data_words(analysis.effects)]),
        *_labelled("model", [show.statement(line) for line in analysis.statement()]),
        *_labelled("fits", [_fit_words(number, fit) for number, fit in enumerate(analysis.fits, start=1)]),
        ("prior panel", _panel_words(analysis)),
        *_bias_words(analysis),
        *_refit_words(analysis),
        *_simulation_words(analysis),
        ("report", f"{over}{show.level(analysis.prob)} intervals{region.replace('-', '−')}"),
    ]
    print(show.wrapped([analysis.title]))
    for name, text in rows:
        print(show.hanging(f"  {name:<12} ", text))
    return OK


def _labelled(name: str, lines: Sequence[str]) -> list[tuple[str, str]]:
    return [(name if place == 0 else "", line) for place, line in enumerate(lines)]


def _data_words(effects: Effects) -> str:
    outcome = ", ".join(filter(None, effects.outcomes))
    words = (
        effects.title,
        outcome and f"outcome {outcome}",
        effects.counted,
        effects.scale.label,
        "reconstructed" if effects.reconstructed else "",
    )
    return ", ".join(filter(None, words))


def _tables_words(analysis: Analysis) -> list[str]:
    """Reconstructed tables in a few lines: whose, how many, how many studies each level has; none without."""
    from poolwise.checks.ranges.table import division

    tables = analysis.tables
    if tables is None:
        return []
    by = f", by {tables.factor}" if tables.factor else ""
    lines = [
        f"outcome {tables.published.outcome}{by}: {len(tables)} tables of {tables.k} studies, reconstructed from "
        f"published figures, seed {tables.seed}",
        division(tables, tables.factor),
    ]
    if analysis.restarts:
        lines.append(f"the extremes among all tables that fit are searched for, {analysis.restarts} starts for each")
    if any(fit.engine.label == "NUTS" for fit in analysis.fits):
        lines.append(f"NUTS answers the first {analysis.nuts_tables} tables only, beside the exact engine")
    return [line for line in lines if line]


def _fit_words(number: int, fit: PlannedFit) -> str:
    """A fit: the model with its estimator and interval, the engine, the settings that a file can choose, the priors."""
    from poolwise import show
    from poolwise.engines.closed_form import ClosedForm
    from poolwise.fit import fit_words
    from poolwise.model import prior_words

    named = ("tau2", "interval")  # which are among the words of the fit
    settings = [f"{name} {value}" for name, value in fit.settings.items() if value is not None and name not in named]
    priors = () if isinstance(fit.engine, ClosedForm) else (show.prior(prior_words(fit.model)),)
    return f"{number}. {', '.join((fit_words(fit.model, fit.engine), *settings, *priors))}"


def _panel_words(analysis: Analysis) -> str:
    if analysis.panel is None:
        return "none"
    priors = analysis.panel.priors
    from poolwise import show

    which = ", ".join(str(prior) for prior in priors) if priors else f"the panel for the {analysis.effects.scale.label}"
    few = " (not asked for, but there are too few studies to do without)" if analysis.panel.unasked else ""
    return f"{show.prior(f'{which}; mu ~ {analysis.panel.mu}')}{few}"


def _bias_words(analysis: Analysis) -> list[tuple[str, str]]:
    """The panel of methods for publication bias, where one is asked for."""
    wanted = analysis.publication_bias
    if wanted is None:
        return []
    unit = "" if wanted.unit is None else f"; one standard deviation is {wanted.unit:g}"
    return [("bias", f"every method, {wanted.direction} results being likelier to be published{unit}")]


def _refit_words(analysis: Analysis) -> list[tuple[str, str]]:
    """What is fitted again, where anything is."""
    wanted = analysis.refits
    order = f"cumulative by {wanted.cumulative}" if wanted.cumulative else ""
    each = "leave-one-out" if wanted.leave_one_out else ""
    words = ", ".join(filter(None, (each, order, "every specification" if wanted.specifications else "")))
    return [("refits", words)] if words else []


def _simulation_words(analysis: Analysis) -> list[tuple[str, str]]:
    """What the methods are tried on, where that is asked for."""
    planned = analysis.simulation
    if planned is None:
        return []
    mu = ", ".join("the estimate" if value is None else f"{value:g}" for value in planned.mu)
    words = f"μ {mu}; τ {', '.join(f'{value:g}' for value in planned.tau)}; {', '.join(planned.laws)} true effects"
    lines = [f"{words}; {planned.replications:,} tables of each truth, seed {planned.seed}"]
    lines += [name for name in planned.mechanisms if name != "none"]
    if planned.reconstructed:
        lines.append(f"standard errors of {len(planned.designs)} reconstructed tables")
    return _labelled("simulate", lines + (["NUTS is left out"] if planned.without_nuts else []))


def _check(chosen: argparse.Namespace) -> int:
    loaded, code = _loaded(chosen.files)
    for path, analysis in loaded:
        count = len(analysis.fits)
        tables = "" if analysis.tables is None else f", on {len(analysis.tables)} reconstructed tables"
        print(f"{path}: ok, {analysis.effects.counted}, {count} {'fit' if count == 1 else 'fits'}{tables}")
    return code


def _loaded(paths: Sequence[Path]) -> tuple[list[tuple[Path, Analysis]], int]:
    """The analyses that are in order, each with its path, and the exit code; what is wrong with the others is told."""
    from poolwise.analysis import load_analysis

    loaded, code = [], OK
    for path in paths:
        try:
            loaded.append((path, load_analysis(path)))
        except PoolwiseError as error:
            code = _refused(error)
        except Exception:
            code = max(code, _unexpected(str(path)))
    return loaded, code


def _schema(chosen: argparse.Namespace) -> int:
    import json

    from poolwise.analysis.spec import schema

    print(json.dumps(schema(), indent=2, ensure_ascii=False))
    return OK


def _report(chosen: argparse.Namespace) -> int:
    from poolwise.report import documented

    folders = [target for target in chosen.targets if target.is_dir()]
    chosen.files = [target for target in chosen.targets if target not in folders]
    if not chosen.formats and (folders or len(chosen.files) < 2):
        raise AnalysisError(
            "report was told no form of document", "--docx, --md or --latex", "poolwise report results/bcg --docx"
        )
    for folder in folders:
        for path in documented(folder, tuple(chosen.formats)):
            print(path)
    if not chosen.files:
        return OK
    done, code = _runs(chosen, apart=(_TOGETHER,) if len(chosen.files) > 1 else ())
    if len(chosen.files) > 1 and len(done) == len(chosen.files):
        _together(done, chosen)
    elif len(chosen.files) > 1:
        print("poolwise: no page over all analyses is written, as not all of them ran", file=sys.stderr)
    return code


_TOGETHER = "report"  # the folder of a page over several analyses


def _together(done: Sequence[Run], chosen: argparse.Namespace) -> None:
    """Write one page over several runs."""
    from poolwise.report import write_joint

    parts = [one.content for one in done if one.content is not None]
    files = write_joint(parts, chosen.out / _TOGETHER, tuple(chosen.formats))
    for name in files:
        if name.startswith("report."):
            print(f"together: {files[name]}")


def _run(chosen: argparse.Namespace) -> int:
    return _runs(chosen)[1]


def _runs(chosen: argparse.Namespace, apart: Sequence[str] = ()) -> tuple[list[Run], int]:
    """Run every file, tell of each, and give the runs and the exit code."""
    loaded, code = _loaded(chosen.files)
    _check_names([*(analysis.name for _, analysis in loaded), *apart])
    done, code = _each(loaded, code, lambda analysis: _one_run(analysis, chosen))
    return done, _told(done, chosen, code)


def _told(done: Sequence[Run], chosen: argparse.Namespace, code: int) -> int:
    """Tell which fits failed and where the pages are; the exit code."""
    for one in done:
        for result in one.failed:
            status = f"{result.report.status}. {result.report.advice}"
            print(f"poolwise: {one.analysis.source}: {result.label}: {status}", file=sys.stderr)
            code = max(code, FIT_FAILED)
    if len(done) < len(chosen.files):
        print(f"poolwise: {len(done)} of {len(chosen.files)} analyses ran, see the messages above", file=sys.stderr)
    for one in done:
        print(f"report: {one.report}")
        for name in one.files:
            if name.startswith("report.") and one.files[name] != one.report:
                print(f"report: {one.files[name]}")
    return code


def _each[T](loaded: Sequence[tuple[Path, Analysis]], code: int, work: Callable[[Analysis], T]) -> tuple[list[T], int]:
    """What comes of each analysis, and the exit code; what is wrong with one is told, and the others go on."""
    done: list[T] = []
    for _, analysis in loaded:
        try:
            done.append(work(analysis))
        except PoolwiseError as error:
            code = _refused(error)
        except OSError as error:
            print(f"poolwise: {analysis.source}: {error.strerror}: {error.filename}", file=sys.stderr)
            code = BAD_INPUT
        except Exception:
            code = max(code, _unexpected(analysis.source))
    return done, code


def _simulate(chosen: argparse.Namespace) -> int:
    loaded, code = _loaded(chosen.files)
    _check_names([analysis.name for _, analysis in loaded])
    done, code = _each(loaded, code, lambda analysis: _one_simulation(analysis, chosen))
    if len(done) < len(chosen.files):
        print(f"poolwise: {len(done)} of {len(chosen.files)} simulations ran, see the messages above", file=sys.stderr)
    for one in done:
        for name, path in one.files.items():
            if name != "manifest.json":
                print(path)
    return code


def _one_simulation(analysis: Analysis, chosen: argparse.Namespace) -> SimulationRun:
    from poolwise.report import characteristics as words
    from poolwise.runs import simulate
    from poolwise.terminal import print_table

    progress = True if sys.stderr.isatty() else _tenths(analysis.name)
    done = simulate(
        analysis,
        out=chosen.out / analysis.name,
        replications=chosen.replications,
        executor=chosen.executor,
        progress=progress,
    )
    mark = " (reconstructed data)" if done.found.planned.reconstructed else ""
    said = [*words.sentences(done.found), *words.notes(done.found)]
    groups = [*words.groups(done.found)]
    for number, (title, methods) in enumerate(groups, start=1):
        rows = [(name, *cells) for name, _, _, cells in methods]
        above = f"{analysis.title}{mark}\n{title}" if number == 1 else title
        print_table(above, (), words.heads(done.found), rows, said if number == len(groups) else [])
    return done


def _tenths(name: str) -> Callable[[int, int], None]:
    """Tell of every tenth of the parts of a simulation on standard error."""

    told: set[int] = set()

    def tell(done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth not in told:
            told.add(tenth)
            print(f"{name}: {done} of {total} parts", file=sys.stderr, flush=True)

    return tell


def _check_names(names: Sequence[str]) -> None:
    """Refuse two files of one name, whose results would go to one folder."""
    folded = [unicodedata.normalize("NFC", name).casefold() for name in names]  # which some disks take for one name
    twice = [name for name, alike in zip(names, folded, strict=True) if folded.count(alike) > 1]
    if twice:
        raise AnalysisError(
            f"more than one analysis file is called {' and '.join(f"'{name}.toml'" for name in dict.fromkeys(twice))}",
            "another folder of results for each",
            "one poolwise run for each, with its own --out",
        )


def _one_run(analysis: Analysis, chosen: argparse.Namespace) -> Run:
    from poolwise.runs import run
    from poolwise.terminal import print_answer

    with _shown_progress(analysis.name) as progress:
        out = chosen.out / analysis.name
        forms = tuple(chosen.formats)
        done = run(analysis, out=out, quick=chosen.quick, fresh=chosen.fresh, formats=forms, progress=progress)
    for sentence in done.kept:
        print(f"{analysis.name}: {sentence}", file=sys.stderr)
    print_answer(done)
    return done


@contextmanager
def _shown_progress(name: str) -> Iterator[Callable[[Step], None]]:
    """Tell of each step on standard error: a bar on a terminal, a line each elsewhere."""
    if not sys.stderr.isatty():
        yield lambda step: print(f"{name}: {step.number} of {step.total}, {step.label}", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name)

        def tell(step: Step) -> None:
            bars.update(task, description=f"{name}: {step.label}", total=step.total, completed=step.number - 1)

        yield tell


@contextmanager
def _notes_on_stderr() -> Iterator[None]:
    """Show each warning of the package once, as a note; leave other warnings as they are."""
    told: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], filename: str, lineno: int,
                 file: TextIO | None = None, line: str | None = None) -> None:  # fmt: skip
            if not issubclass(category, PoolwiseWarning):
                usual(message, category, filename, lineno, file, line)
            elif str(message) not in told:
                told.add(str(message))
                print(f"note: {message}", file=sys.stderr)

        warnings.showwarning = show
        warnings.simplefilter("always", PoolwiseWarning)
        yield


def _refused(error: PoolwiseError) -> int:
    print(f"poolwise: {error}", file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
