"""PRISMA, BARG and WAMBS, filled from what ran."""

from __future__ import annotations

from poolwise.report.checklist_blocks import FILES, passage
from poolwise.report.checklists import fact
from poolwise.report.content import Content
from poolwise.report.paper_besides import also, found, told_of
from poolwise.report.paper_methods import closed_forms, computed, conventions, data, models, priors, software
from poolwise.report.paper_results import results
from poolwise.report.said import Told
from poolwise.report.section import Passage, Section
from poolwise.show import number


def _passage(content: Content) -> Passage:
    told = told_of(content)
    return passage(_facts(content, told), bayesian=bool(told.posteriors), data=content.data_label)


def _facts(content: Content, told: Told) -> dict[str, str]:
    """What ran, by the names of the facts that the checklists ask for."""
    analysis, effects = content.analysis, content.effects
    split = content.main.model.strata is not None or content.main.model.has_coefficients
    answers = fact(results(told))
    return {
        "data": fact(data(content.main)),
        "eligible": analysis.flow.sentence if analysis.flow is not None else "",
        "prepared": "The way from reported statistics to each effect stands under “From reports to effects”."
        if any(effects.derivation)
        else "",
        "shown": "Forest plot (forest.svg), every method (estimates.csv) and every study (studies.csv).",
        "model": fact(models(one.model for one in told.results)),
        "priors": fact(priors(told.posteriors)),
        "computed": fact((*computed(told.posteriors), *closed_forms(told.frequentist, bool(told.posteriors)))),
        "software": fact([software(told.results)]),
        "moderators": fact(models([content.main.model])) if split else "",
        "moderators_found": answers if split else "",
        "sensitivity": fact(also(content)),
        "sensitivity_found": fact(found(content)),
        "characteristics": "Characteristics of the studies as coded (characteristics.csv). Risk of bias is not among "
        "what ran."
        if analysis.protocol is not None
        else "",
        "results": answers,
        "bias": "Every method for publication bias side by side (publication_bias.csv)."
        if analysis.publication_bias is not None
        else "",
        "intervals": fact(list(conventions(told))[:1]) if told.posteriors else "",
        "held": fact(list(conventions(told))[1:]) if told.posteriors else "",
        "repeated": f"Analysis file {analysis.source}; hash of the data {effects.data_hash}; seeds and versions in "
        "manifest.json.",
        **_of_posteriors(content, told, answers),
    }


def _of_posteriors(content: Content, told: Told, answers: str) -> dict[str, str]:
    """What the checklists of Bayesian analyses ask for beside."""
    analysis, panel = content.analysis, content.panel
    chains = [one for one in told.posteriors if any(name.startswith("r_hat") for name in one.report.diagnostics)]
    without = tuple(one for one in told.posteriors if one not in chains)
    others = {one.prior for one in told.posteriors}
    return {
        "evidence": "; ".join(
            f"Log evidence by “{one.label}”: {number(one.evidence)}."
            for one in told.results
            if analysis.evidence and one.evidence == one.evidence
        ),
        "panel": fact(also(content)[:1]) if panel is not None else "",
        "panel_found": fact(found(content)[:1]) if panel is not None else "",
        "chains": fact(computed(tuple(chains))),
        "without_chains": fact(computed(without)),
        "no_chains": "" if chains else fact(computed(without)),
        "goal": analysis.question,
        "statement": f"The model on this page, and poolwise show {analysis.source}.",
        "other_priors": answers if len(others) > 1 else "",
    }


SECTION = Section("checklists", _passage, tables=FILES, appendix=True)
