"""Methods and results in words over reconstructed tables: what holds in all of them, as ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.exact import Exact
from poolwise.engines.nuts import NUTS
from poolwise.model import prior_words
from poolwise.report import words
from poolwise.report.answers import level
from poolwise.report.paper import InWords, with_source
from poolwise.report.paper_methods import TAU2, models, plural, region, sources_of, versions_said
from poolwise.report.ranges_content import RangesContent
from poolwise.report.references import key_of
from poolwise.report.said import Said, keys_of, paragraph
from poolwise.show import and_list, chance_said, is_contrast, likelier_range, method, number

_HELD = {
    "above": "lay above 0 in every table",
    "below": "lay below 0 in every table",
    "none": "included 0 in every table",
    "some": "excluded 0 in some tables and not in others",
}


def words_of(content: RangesContent) -> InWords:
    """The paragraphs on a run over reconstructed tables.

    Parameters
    ----------
    content : RangesContent
        What the report tells.
    """
    how, found = tuple(methods(content)), tuple(results(content))
    return InWords(paragraph(how), paragraph(found), with_source(_citation(content), keys_of((*how, *found))))


def _citation(content: RangesContent) -> str:
    """Where the figures were published."""
    tables = content.analysis.tables
    return "" if tables is None else tables.published.citation


def methods(content: RangesContent) -> Iterator[Said]:
    """Tables, models, priors, engines, conventions and software, a sentence each."""
    analysis, ranges = content.analysis, content.ranges
    scale = analysis.effects.scale
    yield Said(
        f"The study table was not public; {ranges.tables} tables of {ranges.k} studies were drawn at random that agree "
        f"with every published figure to its rounding, with effects as {plural(scale)}"
    )
    if ranges.found:
        yield Said(f"A search for the lowest and the highest of every answer found {ranges.found} further tables")
    yield Said("Every result is the range over these tables, never the answer of one", ("ranges",))
    yield from models(fit.model for fit in analysis.fits)
    bayesian = [fit for fit in analysis.fits if not isinstance(fit.engine, ClosedForm)]
    told = [words.prior(one) for one in dict.fromkeys(prior_words(fit.model) for fit in bayesian)]
    if told:
        yield Said(f"The prior distributions were {'; in another fit '.join(told)}")
    yield from sources_of([fit.model for fit in bayesian], scale)
    if any(isinstance(fit.engine, Exact) for fit in bayesian):
        yield Said("Posterior distributions were computed by numerical quadrature, without simulation")
    yield from _checked(content)
    yield from _closed(content)
    if len(ranges.panel):
        cites = tuple(dict.fromkeys(filter(None, (key_of(str(source)) for source in ranges.panel["source"]))))
        yield Said(f"The fit was repeated under each of {len(ranges.panel)} priors on τ", cites)
    if analysis.rope is not None and told:
        yield region(analysis.rope, scale)
    yield Said(f"Every interval was of {level(ranges.prob)}; point estimates of posteriors were medians")
    yield versions_said({name: one for name, one in content.facts()["versions"].items() if name != "python"})


def _checked(content: RangesContent) -> Iterator[Said]:
    """The sampling that stood beside the exact engine."""
    frame = content.ranges.nuts
    for fit in content.analysis.fits:
        if isinstance(fit.engine, NUTS) and len(frame):
            engine = fit.engine
            divergences = int(frame.groupby("table")["divergences"].first().sum())
            yield Said(
                f"On the first {frame['table'].nunique()} tables the posterior was sampled, too, by the No-U-Turn "
                f"Sampler in PyMC and nutpie ({engine.chains} chains of {words.count(engine.draws)} draws, each after "
                f"{words.count(engine.tune)} tuning draws, seed {engine.seed}); the largest R-hat was "
                f"{frame['r_hat'].max():.3f} and {divergences or 'no'} transition{'s' if divergences != 1 else ''} "
                "diverged",
                ("nuts", "pymc", "r-hat"),
            )


def _closed(content: RangesContent) -> Iterator[Said]:
    """The frequentist fits."""
    said: dict[str, tuple[str, ...]] = {}
    for fit in content.analysis.fits:
        if isinstance(fit.engine, ClosedForm):
            rows = content.ranges.frame[content.ranges.frame["engine"] == fit.engine.label]
            interval = _interval(fit.engine.interval, varies=fit.model.varies)
            if not fit.model.varies:
                said[f"by inverse-variance weighting under a common effect ({interval} interval)"] = ()
            elif len(rows):
                tau2 = str(fit.engine.tau2)
                said[f"with τ² by {TAU2.get(tau2, tau2)} ({interval} interval)"] = tuple(
                    key for key in (tau2, str(fit.engine.interval)) if key in _CITED
                )
    if said:
        cites = tuple(dict.fromkeys(key for keys in said.values() for key in keys))
        yield Said(f"Means were also estimated without priors {and_list([*said])}", cites)


_CITED = ("REML", "DL", "PM", "HE", "SJ", "hartung-knapp", "hartung-knapp-adhoc")
_NAMES = {
    "wald": "Wald",
    "t": "t",
    "hartung-knapp": "Hartung-Knapp",
    "hartung-knapp-adhoc": "Hartung-Knapp ad hoc",
}


def _interval(name: str | None, *, varies: bool) -> str:
    return _NAMES[name or ("hartung-knapp-adhoc" if varies else "wald")]


def results(content: RangesContent) -> Iterator[Said]:
    """What holds over all tables, by the main fit and by the others."""
    ranges = content.ranges
    main = ranges.row(ranges.frame["quantity"].iloc[0])["label"]
    rows = ranges.frame.to_dict("records")
    asked = [name for name in dict.fromkeys(ranges.frame["quantity"]) if is_contrast(name)]
    means = [name for name in dict.fromkeys(ranges.frame["quantity"]) if name.startswith(("mu", "beta["))]
    before = f"Over all {ranges.tables + ranges.found} tables of {ranges.k} studies, "
    for name in dict.fromkeys((*[name for name in means if name not in asked], *asked)):
        of_name = [row for row in rows if row["quantity"] == name]
        for row in (row for row in of_name if row["label"] == main):
            yield Said(f"{before}{_range(row, content)}" if before else re.sub(r"^the ", "The ", _range(row, content)))
            before = ""
        others = [f"{_short(row)} by “{method(row['label'])}”" for row in of_name if row["label"] != main]
        if others:
            yield Said(f"By the other methods the estimate was {'; '.join(others)}")
    if len(ranges.panel):
        yield _panel(content)


def _range(row: Mapping[Any, Any], content: RangesContent) -> str:
    """One quantity by the main fit, in a sentence that may stand after a comma."""
    ranges = content.ranges
    title = words.quantity(str(row["quantity"]))[0].replace("Contrast:", "difference")
    title = title.replace("Mean effect:", "mean effect for").replace("Coefficient:", "coefficient of")
    kind = str(row["interval"]).partition(" (")[0]
    said = (
        f"the {title[:1].lower() + title[1:]} was between {number(row['point_low'], 2)} and "
        f"{number(row['point_high'], 2)} ({ranges.scale.label}), and its {level(ranges.prob)} {kind} interval, which "
        f"reached from {number(row['lower_low'], 2)} to {number(row['upper_high'], 2)}, {_HELD[row['excludes']]}"
    )
    if row["p_above_low"] != row["p_above_low"]:
        return said
    side, *ends = likelier_range(row["p_above_low"], row["p_above_high"])
    low, high = map(chance_said, ends)
    chances = low if low == high else f"between {low} and {high}"
    return f"{said}; the posterior probability that it lay {side} 0 was {chances}"


def _short(row: Mapping[Any, Any]) -> str:
    kind = str(row["interval"]).partition(" (")[0]
    limits = f"{kind} limits {number(row['lower_low'], 2)} to {number(row['upper_high'], 2)}"
    return f"{_from_to(number(row['point_low'], 2), number(row['point_high'], 2))} ({limits})"


def _from_to(low: str, high: str) -> str:
    """Both ends in words, or the one number that both are."""
    return low if low == high else f"{low} to {high}"


def _panel(content: RangesContent) -> Said:
    panel, total = content.ranges.panel, len(content.ranges.panel)
    parts = [
        f"{_HELD[key]} under {f'all {total}' if count == total else f'{count} of {total}'} priors on τ"
        for key in _HELD
        if (count := int((panel["excludes"] == key).sum()))
    ]
    return Said(
        f"The {level(content.ranges.prob)} credible interval of the mean effect {and_list(parts)}; its limits reached "
        f"from {number(float(panel['lower_low'].min()), 2)} to {number(float(panel['upper_high'].max()), 2)}"
    )
