"""PRISMA, BARG and WAMBS over reconstructed tables, filled from what ran."""

from __future__ import annotations

from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.nuts import NUTS
from poolwise.model import prior_words
from poolwise.report import words
from poolwise.report.checklist_blocks import FILES, passage
from poolwise.report.checklists import fact
from poolwise.report.paper_methods import models
from poolwise.report.paper_ranges import methods, results
from poolwise.report.ranges_content import RangesContent
from poolwise.report.section import Passage, Section


def _passage(content: RangesContent) -> Passage:
    bayesian = [fit for fit in content.analysis.fits if not isinstance(fit.engine, ClosedForm)]
    return passage(_facts(content), bayesian=bool(bayesian), data=content.data_label)


def _facts(content: RangesContent) -> dict[str, str]:
    """What ran, by the names of the facts that the checklists ask for."""
    analysis, ranges = content.analysis, content.ranges
    how, answers = [*methods(content)], [*results(content)]
    bayesian = [fit for fit in analysis.fits if not isinstance(fit.engine, ClosedForm)]
    of_panel = [one for one in how if one.text.startswith("The fit was repeated")]
    sampled = [one for one in how if one.text.startswith("On the first")]
    computed = [one for one in how if one.text.startswith(("Posterior distributions", "On the first", "Means were"))]
    quadrature = [one for one in how if one.text.startswith("Posterior distributions")]
    nuts = any(isinstance(fit.engine, NUTS) for fit in analysis.fits)
    priors = "; ".join(words.prior(one) for one in dict.fromkeys(prior_words(fit.model) for fit in bayesian))
    return {
        "data": f"{how[0].text}.",
        "prepared": f"{how[0].text}.",
        "shown": "Ranges over all tables (ranges.svg, ranges.csv).",
        "model": fact(models(fit.model for fit in analysis.fits)),
        "priors": f"Priors: {priors}." if priors else "",
        "computed": fact(computed),
        "without_chains": fact(quadrature),
        "no_chains": "" if nuts else fact(quadrature),
        "goal": analysis.question,
        "statement": f"The model on this page, and poolwise show {analysis.source}.",
        "software": f"{how[-1].text}.",
        "moderators": fact(models([analysis.model])) if ranges.factor else "",
        "moderators_found": fact(answers) if ranges.factor else "",
        "sensitivity": fact(of_panel),
        "sensitivity_found": fact(answers[-1:]) if of_panel else "",
        "results": fact(answers),
        "intervals": fact(how[-2:-1]),
        "held": fact(one for one in how if one.text.startswith("Effects ")),
        "panel": fact(of_panel),
        "panel_found": fact(answers[-1:]) if of_panel else "",
        "chains": fact(sampled) if nuts else "",
        "repeated": f"Analysis file {analysis.source}; hash of all tables {analysis.data_hash}; seeds and versions in "
        "manifest.json.",
    }


SECTION = Section("checklists", _passage, tables=FILES, appendix=True)
