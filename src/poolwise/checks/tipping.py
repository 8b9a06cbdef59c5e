"""The scale of a half-normal prior on tau at which the answer changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise import show
from poolwise.checks.panel_subject import Subject, subject
from poolwise.checks.question import (
    KIND,
    Side,
    check_threshold,
    interval_words,
    need_prior_on_tau,
    normal_mu,
    question,
    said,
)
from poolwise.effects import Effects
from poolwise.errors import listing
from poolwise.model import RandomEffects, prior_words
from poolwise.prior_catalogue import DEFAULTS
from poolwise.priors import HalfNormal, Prior
from poolwise.quadrature.one_tau.shared_grid import HALF_NORMAL_MEDIAN, shared_grid
from poolwise.scale import Scale
from poolwise.settings import check_prob
from poolwise.threads import one_thread

Array = NDArray[np.float64]
Below = Callable[[Array], Array]

TIPPING_RANGE = (0.02, 20.0)  # half-normal scales searched, in units of the reference scale
SCALES = 121


@final
@dataclass(frozen=True)
class TippingPoint:
    """Where the answer about 0 changes along tau ~ HalfNormal(s).

    Attributes
    ----------
    value : float
        The s nearest to the reference at which it changes; NaN when it changes nowhere in the range.
    narrower, wider : {"above", "below", "no"}
        Where the interval for mu lies under a scale a little below, and a little above, that point; the same
        twice when nothing changes.
    searched : tuple of float
        Least and largest s that were tried; NaN when nothing was.
    reference : float
        Scale of the half-normal prior with the median of the model's own prior on tau; NaN without a unit.
    margin : float
        By how much probability the answer at the reference is clear of a change: the smaller tail beyond 0 in
        excess of (1 - prob) / 2, positive where the interval includes 0, negative where it excludes 0. It is
        never rounded before the answer is read off.
    sentence : str
        The tipping point in words, or the range that was searched in vain.
    prior : str
        The priors of the model.
    interval : str
        Kind of the interval.
    prob : float
        Its probability.
    data : str
        ``"reconstructed"`` when the study table is.

    References
    ----------
    Held, Matthews, Ott & Pawel 2022, Research Synthesis Methods 13:295, PMC9305905, on priors that are read back
    from an answer.
    """

    value: float
    narrower: Side
    wider: Side
    searched: tuple[float, float]
    reference: float
    margin: float
    sentence: str
    prior: str
    interval: str
    prob: float
    data: str

    def __str__(self) -> str:
        """The sentence, wrapped to the width of the terminal."""
        return show.wrapped([self.sentence])

    def __repr__(self) -> str:
        """One line: the sentence, the priors."""
        made = ", reconstructed data" if self.data == "reconstructed" else ""
        return f"<TippingPoint: {self.sentence} Priors: {show.prior(self.prior)}{made}>"

    def _repr_html_(self) -> str:
        """The sentence, the priors of the model and the range that was searched, compact."""
        low, high = (f"{end:.3g}" for end in self.searched)
        facts = (
            f"{self.data} data",
            f"priors of the model: {show.prior(self.prior)}",
            "" if np.isnan(self.searched[0]) else f"searched: s from {low} to {high}",
        )
        return show.card("Tipping point", answer=self.sentence, facts=facts)


@one_thread()
def tipping_point(
    effects: Effects, model: RandomEffects | None = None, *, prob: float = 0.95, threshold: float = 0.0
) -> TippingPoint:
    """Find the scale s at which "does the interval for mu exclude 0?" changes its answer under τ ~ HalfNormal(s).

    The interval excludes 0 where P(mu < 0) or P(mu > 0) is below (1 - prob) / 2; both are smooth in s. Scales
    from 1 / 50 to 20 times the reference are searched, and the change nearest to the reference is reported.

    Parameters
    ----------
    effects : Effects
    model : RandomEffects, optional
        Its prior on mu is kept; its prior on tau gives the reference, the half-normal of the same median. The
        scale's default priors when None.
    prob : float
        Probability of the equal-tailed interval.
    threshold : float
        What takes the place of 0, on the analysis scale: an edge of the region of practical equivalence.

    Returns
    -------
    TippingPoint

    Raises
    ------
    ModelError
        When the model has no prior on tau.

    Notes
    -----
    threshold = 0 asks about the direction of the effect, prob = 0.95 is the probability at which papers report. The
    half-normal family is that of the scale's default; scales beyond 1 / 50 and 20 times the reference say nothing that
    the ends do not.

    References
    ----------
    Held, Matthews, Ott & Pawel 2022, Research Synthesis Methods 13:295, PMC9305905, on priors that are read back
    from an answer.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = tipping_point(pw.datasets.load("working_alliance").select(outcome="misconduct"))
    >>> round(found.value, 3), found.narrower, found.wider
    (0.356, 'above', 'no')
    """
    check_prob(prob)
    assumed = need_prior_on_tau(question(effects, model, "tipping_point"), "tipping_point")
    check_threshold(threshold, effects.scale)
    normal_mu(assumed.mu)
    assert assumed.tau is not None
    return tipped(subject(effects, assumed, "mu"), assumed.tau, prob, threshold)


def tipped(about: Subject, tau: Prior, prob: float, threshold: float = 0.0) -> TippingPoint:
    """The tipping point of a quantity; the prior on tau gives the reference.

    References
    ----------
    Held, Matthews, Ott & Pawel 2022, Research Synthesis Methods 13:295, PMC9305905.
    """
    effects = about.effects
    unit = half_normal_unit(tau, effects.scale)

    def told(
        value: float, sides: Sequence[Side], searched: tuple[float, float], margin: float, why: str
    ) -> TippingPoint:
        prior, data = prior_words(about.under(tau)), effects.data_label
        return TippingPoint(value, sides[0], sides[1], searched, unit, margin, why, prior, KIND, prob, data)

    if np.isnan(threshold):
        why = "no threshold is given, and the scale has no value of no effect"
        return told(np.nan, ("no", "no"), (np.nan, np.nan), np.nan, f"No tipping point was sought: {why}.")
    if np.isnan(unit) or not about.normal:
        prior = f"{about.quantity} has no normal or flat prior"
        why = "no prior is proper, so that none gives its unit" if np.isnan(unit) else prior
        return told(np.nan, ("no", "no"), (np.nan, np.nan), np.nan, f"No tipping point was sought: {why}.")
    at = float(about.reading.back(threshold))
    return told(*searched_over(_chances(about, unit, threshold), unit, prob, about.words, at))


def _chances(about: Subject, unit: float, threshold: float) -> Below:
    """P(quantity < threshold) as a function of the scales."""
    if about.new:
        m0, s0 = normal_mu(about.means.priors[0])
        grid = shared_grid(about.effects.y, about.effects.v, m0, np.array([s0]), tipping_scales(unit))
        return lambda scales: grid.below(grid.masses(scales), threshold)[0]
    return lambda scales: about.below(about.posterior(tuple(HalfNormal(s) for s in scales)), threshold)


def tipping_scales(unit: float) -> Array:
    """The scales that are searched about a reference."""
    return unit * np.geomspace(*TIPPING_RANGE, SCALES)


def searched_over(
    below: Below, unit: float, prob: float, quantity: str = "mu", threshold: float = 0.0
) -> tuple[float, tuple[Side, Side], tuple[float, float], float, str]:
    """Search the scales about `unit` for changes of the answer.

    Parameters
    ----------
    below : callable
        P(quantity below the threshold) under τ ~ HalfNormal(s) at scales s, shape (S,).
    unit : float
        The reference scale.
    prob : float
        Probability of the interval.
    quantity : str
        Its name in the sentence.
    threshold : float
        As the sentence tells it.

    Returns
    -------
    tuple
        Value, sides, searched, margin and sentence of a `TippingPoint`.

    References
    ----------
    Held, Matthews, Ott & Pawel 2022, Research Synthesis Methods 13:295, PMC9305905.
    """
    scales, tail = tipping_scales(unit), 0.5 * (1.0 - prob)
    chance = below(scales)
    clear = _clear(chance, tail)
    changes = np.flatnonzero((clear[:-1] < 0) != (clear[1:] < 0))
    searched = (float(scales[0]), float(scales[-1]))
    if changes.size == 0:
        value, others, near = np.nan, [], len(scales) // 2
    else:
        changes_at = [_change(below, scales, clear, int(at), tail) for at in changes]
        nearest = int(np.argmin(np.abs(np.log(np.array(changes_at) / unit))))
        value, near = changes_at[nearest], int(changes[nearest])
        others = [s for s in changes_at if s != value]
    sides = (_side(chance[near], tail), _side(chance[near + 1], tail))
    own = float(_clear(below(np.array([unit])), tail)[0])
    return (
        value,
        sides,
        searched,
        own,
        _sentence(value, others, sides, searched, interval_words(prob, quantity), threshold),
    )


def half_normal_unit(tau: Prior, scale: Scale) -> float:
    """Scale of the half-normal prior that has this prior's median; for an improper one, that of the default.

    References
    ----------
    Held, Matthews, Ott & Pawel 2022, Research Synthesis Methods 13:295, PMC9305905.
    """
    prior = tau if tau.proper else DEFAULTS.get(scale.name)
    if prior is None:
        return np.nan
    return prior.scale if isinstance(prior, HalfNormal) else float(prior.ppf(0.5)) / HALF_NORMAL_MEDIAN


def _clear(below: Array, tail: float) -> Array:
    """The smaller tail beyond 0 in excess of `tail`: negative where the interval excludes 0."""
    return np.minimum(below, 1.0 - below) - tail


def _side(below: float, tail: float) -> Side:
    return "above" if below < tail else "below" if 1.0 - below < tail else "no"


def _change(below: Below, scales: Array, clear: Array, at: int, tail: float) -> float:
    """The scale between two neighbours at which the answer changes."""
    low, high = scales[at], scales[at + 1]
    for _ in range(4):  # each round narrows the bracket 32-fold
        inner = np.geomspace(low, high, 33)
        changed = (_clear(below(inner), tail) < 0) != (clear[at] < 0)
        first = int(np.argmax(changed)) if changed.any() else len(inner) - 1
        low, high = inner[max(first - 1, 0)], inner[first]
    return float(np.sqrt(low * high))


def _sentence(
    value: float,
    others: Sequence[float],
    sides: tuple[Side, Side],
    searched: tuple[float, float],
    interval: str,
    threshold: float,
) -> str:
    if np.isnan(value):
        low, high = searched
        return (
            "No tipping point: under τ ~ HalfNormal(s) the answer does not change for any s from "
            f"{low:.3g} to {high:.3g}: {interval} {said(sides[0], threshold)}."
        )
    if not others:
        return (
            f"Tipping point: under τ ~ HalfNormal(s) the answer changes at s = {value:.3g}: "
            f"{interval} {said(sides[0], threshold)} for a smaller s and {said(sides[1], threshold)} for a larger one."
        )
    more = listing([f"{s:.3g}" for s in others])
    return (
        f"{len(others) + 1} tipping points: under τ ~ HalfNormal(s) the answer changes at s = {value:.3g}, where "
        f"{interval} {said(sides[0], threshold)} for an s a little smaller and "
        f"{said(sides[1], threshold)} for one a little larger, and "
        f"changes again at s = {more}."
    )
