"""The answer under every pair of a normal prior on mu and a half-normal prior on tau, of any widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise import show
from poolwise.checks.question import (
    KIND,
    SAID,
    check_threshold,
    interval_words,
    need_prior_on_tau,
    normal_mu,
    question,
    said,
)
from poolwise.checks.tipping import half_normal_unit
from poolwise.effects import Effects
from poolwise.errors import ModelError, shown
from poolwise.model import RandomEffects
from poolwise.priors import Flat
from poolwise.quadrature.one_tau.shared_grid import SharedGrid, shared_grid
from poolwise.reading import mean_words
from poolwise.scale import Scale
from poolwise.settings import check_prob
from poolwise.threads import one_thread

Array = NDArray[np.float64]
SIZE = 40
MU_RANGE = (0.1, 10.0)  # in units of the reference's own prior sd
TAU_RANGE = (0.05, 20.0)


@final
@dataclass(frozen=True, eq=False)
class PriorSurface:
    """One study table under a grid of priors.

    Attributes
    ----------
    frame : DataFrame
        One row for each pair, by mu_sd and then by tau_scale: mu_sd, tau_scale, mu_point, mu_lower, mu_upper,
        tau_point, p_positive, excludes_zero (``"above"``, ``"below"``, ``"no"``), prob, interval, data.
    mu_mean : float
        Mean of the normal priors on mu.
    reference : tuple of float
        mu_sd (inf for a flat prior) and tau_scale of the model's own priors; the half-normal of the same median.
    sentence : str
        Which answers the surface gives. No share of it: the grid of priors is a choice, and no prior on priors.
    data : str
        ``"reconstructed"`` when the study table is.
    prob : float
        Probability of the intervals.
    threshold : float
        The value that ``p_positive``, P(mu > threshold), and ``excludes_zero`` are about.
    scale : Scale
        Of the effects; sentence and picture tell the threshold where it is read, of a ratio 1 for 0.

    References
    ----------
    Roos et al. 2015, Bayesian Analysis 10:321, 10.1214/14-BA909, on sensitivity to priors of hierarchical models.
    """

    frame: pd.DataFrame
    mu_mean: float
    reference: tuple[float, float]
    sentence: str
    data: str
    prob: float
    threshold: float
    scale: Scale

    def grid(self, column: str) -> tuple[Array, Array, NDArray]:
        """mu_sd of shape (R,), tau_scale of shape (S,), and a column of the frame of shape (R, S)."""
        if column not in self.frame:
            raise ModelError(f"the surface has no column '{column}'", "one of " + ", ".join(self.frame.columns))
        table = self.frame.pivot(index="mu_sd", columns="tau_scale", values=column)
        return table.index.to_numpy(), table.columns.to_numpy(), table.to_numpy()

    def __repr__(self) -> str:
        """One line: size, answer."""
        return f"<PriorSurface: {len(self.frame)} pairs of priors, {self.data} data: {self.sentence}>"

    def _repr_html_(self) -> str:
        """The sentence, and the corners of the surface, compact."""
        ends = {name: [self.frame[name].min(), self.frame[name].max()] for name in ("mu_sd", "tau_scale")}
        corners = self.frame[self.frame["mu_sd"].isin(ends["mu_sd"]) & self.frame["tau_scale"].isin(ends["tau_scale"])]
        rows = [
            (f"Normal({show.plain(self.mu_mean)}, {row['mu_sd']:.3g})", f"HalfNormal({row['tau_scale']:.3g})",
             show.number(row["mu_point"]), show.interval(row["mu_lower"], row["mu_upper"]))
            for _, row in corners.iterrows()
        ]  # fmt: skip
        kind = f"{show.level(self.prob)} {self.frame['interval'].iloc[0]}"
        return show.card(
            "Prior surface",
            answer=show.greek(self.sentence),
            facts=(
                f"{len(self.frame)} pairs of priors",
                f"{self.data} data",
                f"table: {self.scale.label}, its corners",
            ),
            header=("prior on μ", "prior on τ", "μ", kind),
            rows=rows,
        )


@one_thread()
def prior_surface(
    effects: Effects,
    model: RandomEffects | None = None,
    *,
    mu_sd: Sequence[float] | Array | None = None,
    tau_scale: Sequence[float] | Array | None = None,
    prob: float = 0.95,
    threshold: float = 0.0,
) -> PriorSurface:
    """Fit random effects exactly under mu ~ Normal(m, s) and tau ~ HalfNormal(t) for every pair of s and t.

    All that depends on tau and the data is computed once, at nodes that serve every pair.

    Parameters
    ----------
    effects : Effects
    model : RandomEffects, optional
        Gives the mean m and the reference widths; the scale's default priors when None.
    mu_sd, tau_scale : sequence of float, optional
        Widths of the priors, above 0; 40 of each when None, from 1 / 10 to 10 times the model's own sd of mu (the
        scale's default for a flat prior), and from 1 / 20 to 20 times its own scale of tau.
    prob : float
        Probability of the equal-tailed intervals.
    threshold : float
        The value that intervals and probabilities are about, on the analysis scale: 0, or an edge of the region of
        practical equivalence.

    Returns
    -------
    PriorSurface

    Raises
    ------
    ModelError
        When the model has no normal or flat prior on mu and prior on tau, or a width is not above 0.

    Notes
    -----
    40 widths of each prior, even in their logarithms, differ by an eighth (mu) or a sixth (tau) from their neighbours,
    less than anyone chooses a width by; two decades and more hold every width that could be defended. threshold = 0
    asks about the direction of the effect, prob = 0.95 is the probability at which papers report.

    References
    ----------
    Roos et al. 2015, Bayesian Analysis 10:321, 10.1214/14-BA909, on sensitivity to priors of hierarchical models;
    Kruschke 2021, Nature Human Behaviour 5:1282, 10.1038/s41562-021-01177-7, on reporting it.

    Examples
    --------
    >>> import poolwise as pw
    >>> surface = prior_surface(pw.datasets.load("working_alliance").select(outcome="misconduct"))
    >>> surface.frame["excludes_zero"].value_counts().to_dict()
    {'no': 972, 'above': 628}
    """
    check_prob(prob)
    assumed = need_prior_on_tau(question(effects, model, "prior_surface"), "prior_surface")
    check_threshold(threshold, effects.scale)
    m0, own_sd = normal_mu(assumed.mu)
    assert assumed.tau is not None
    own_scale = half_normal_unit(assumed.tau, effects.scale)
    s0 = _widths("mu_sd", mu_sd, _usual_sd(effects, assumed, own_sd), MU_RANGE)
    scale = _widths("tau_scale", tau_scale, own_scale, TAU_RANGE)
    grid = shared_grid(effects.y, effects.v, m0, s0, scale)
    frame = _frame(grid, s0, scale, prob, threshold).assign(prob=prob, interval=KIND, data=effects.data_label)
    return PriorSurface(
        frame,
        m0,
        (own_sd, own_scale),
        _sentence(frame, prob, threshold, effects.scale),
        effects.data_label,
        prob,
        threshold,
        effects.scale,
    )


def _frame(grid: SharedGrid, s0: Array, scale: Array, prob: float, threshold: float) -> pd.DataFrame:
    """The answer under each pair of priors, a row each."""
    mass = grid.masses(scale)
    point, lower, upper = grid.mu_quantiles(mass, np.array([0.5, 0.5 * (1.0 - prob), 0.5 * (1.0 + prob)]))
    sides = np.where(lower > threshold, "above", np.where(upper < threshold, "below", "no"))
    return pd.DataFrame(
        {
            "mu_sd": np.repeat(s0, len(scale)),
            "tau_scale": np.tile(scale, len(s0)),
            "mu_point": point.ravel(),
            "mu_lower": lower.ravel(),
            "mu_upper": upper.ravel(),
            "tau_point": grid.tau_median(mass).ravel(),
            "p_positive": 1.0 - grid.below(mass, threshold).ravel(),
            "excludes_zero": sides.ravel(),
        }
    )


def _usual_sd(effects: Effects, model: RandomEffects, own: float) -> float:
    """The sd of the prior on mu; that of the scale's default for a flat one."""
    return normal_mu(RandomEffects(tau=model.tau).resolved(effects).mu)[1] if isinstance(model.mu, Flat) else own


def _widths(name: str, given: Sequence[float] | Array | None, unit: float, reach: tuple[float, float]) -> Array:
    if given is None:
        if not np.isfinite(unit):
            raise ModelError(f"no proper prior gives the unit of {name}", f"{name}=[...]", f"{name}=[0.5, 1, 2]")
        return unit * np.geomspace(*reach, SIZE)
    try:
        widths = np.unique(np.asarray(given, dtype=float))
    except (TypeError, ValueError, OverflowError):
        widths = np.array([])
    if widths.ndim != 1 or not len(widths) or not (np.isfinite(widths) & (widths > 0.0)).all():
        raise ModelError(f"{name} = {shown(given)}", "finite numbers above 0", f"{name}=[0.5, 1, 2]")
    return widths


def _sentence(frame: pd.DataFrame, prob: float, at: float, scale: Scale) -> str:
    found, threshold = set(frame["excludes_zero"]), float(scale.back(at))
    interval = interval_words(prob, mean_words("mu", scale))
    answers = [answer for answer in SAID if answer in found]
    if len(answers) == 1:
        everywhere = f"{interval} {said(answers[0], threshold)}"
        ends = [f"{frame[name].min():.3g} to {frame[name].max():.3g}" for name in ("mu_sd", "tau_scale")]
        pairs = f"a normal prior on mu with an sd of {ends[0]} and a half-normal one on tau with a scale of {ends[1]}"
        return show.greek(f"Under every pair of {pairs} {everywhere}.")
    parts = f"{said(answers[0], threshold)} under some of them and " + " or ".join(
        f"{said(answer, threshold)} under others" for answer in answers[1:]
    )
    return show.greek(f"The answer depends on the priors on mu and tau: {interval} {parts}.")
