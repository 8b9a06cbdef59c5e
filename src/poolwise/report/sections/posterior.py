"""What was learnt: posterior densities beside their priors, where few studies leave much to the prior."""

from __future__ import annotations

from poolwise import plot
from poolwise.report.answers import alternative
from poolwise.report.blocks import Picture
from poolwise.report.content import Content
from poolwise.report.said import is_posterior
from poolwise.report.section import Figure, Passage, Section


def _passage(content: Content) -> Passage | None:
    """Nothing without a posterior of one mean effect, nor with many studies, where the forest tells it."""
    result, analysis = content.main, content.analysis
    if not content.few or not is_posterior(result) or result.answers != ("mu",):
        return None
    draw = Figure(
        "Posterior densities",
        lambda: plot.posterior(result, threshold=analysis.threshold, rope=analysis.rope, prob=analysis.prob),
    )
    what = "Posterior densities of the mean effect, of a new study and of τ, with their priors as outlines"
    return Passage("What was learnt", (Picture("posterior", alternative(content, what)),), figures={"posterior": draw})


SECTION = Section("posterior", _passage, figures=("posterior.svg",))
