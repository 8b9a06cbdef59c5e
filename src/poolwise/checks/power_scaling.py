"""Power-scaling: how fast the posterior moves when the prior, or the likelihood, counts a little more or less."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import final

import numpy as np
import pandas as pd
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from poolwise import show
from poolwise.checks._sensitivity import moved_by_power
from poolwise.checks.question import integrated, need_posterior, need_prior_on_tau, question
from poolwise.effects import Effects
from poolwise.errors import ModelError, listing, shown
from poolwise.model import RandomEffects, prior_words
from poolwise.quadrature.one_tau.power_scaling import Powers, cjs_distance, power_scaled
from poolwise.quadrature.one_tau.tau_posterior import TauPosterior
from poolwise.quantities import Law
from poolwise.result import Result
from poolwise.settings import as_number
from poolwise.threads import one_thread

Array = NDArray[np.float64]
ALPHA = 0.99
SENSITIVE = 0.05  # sensitivity from which priorsense tells
OUTSIDE = 1.0 / 4000.0  # probability on either side of the range over which distances are taken
PIECES = 48
NODES, WEIGHTS = leggauss(12)
PARTS = {
    "prior": ("mu", "tau"),
    "prior_mu": ("mu",),
    "prior_tau": ("tau",),
    "likelihood": ("likelihood",),
}
CONFLICT = "prior and data may be in conflict"
STRONG = "the prior is strong or the data say little"


@final
@dataclass(frozen=True, eq=False)
class PowerScaling:
    """Sensitivities of one posterior.

    Attributes
    ----------
    frame : DataFrame
        One row for each of mu, tau and theta_new (of a result: each mean effect, coefficient, standard deviation and
        new study): quantity, prior (sensitivity to all priors), prior_mu, prior_tau (to one of them; of a result, a
        column for each parameter with a prior of its own), likelihood, diagnosis, prior_words, data.
    sentence : str
        What the sensitivities say.
    alpha : float
        The power; the other one is its inverse.

    References
    ----------
    Kallioinen et al. 2023, Statistics and Computing 34:57, 10.1007/s11222-023-10366-5.
    """

    frame: pd.DataFrame
    sentence: str
    alpha: float

    def __repr__(self) -> str:
        """One line: the sentence."""
        return f"<PowerScaling: {self.sentence}>"

    def _repr_html_(self) -> str:
        """The sentence, and the sensitivity of each quantity, compact."""
        rows = [
            (
                show.symbol(row["quantity"]),
                show.number(row["prior"]),
                show.number(row["likelihood"]),
                row["diagnosis"].replace("-", show.NOTHING),
            )
            for _, row in self.frame.iterrows()
        ]
        first = self.frame.iloc[0]
        return show.card(
            "Power scaling",
            answer=show.greek(self.sentence),
            facts=(f"{first['data']} data", show.prior(str(first["prior_words"]))),
            header=("quantity", "prior", "likelihood", "diagnosis"),
            rows=rows,
        )


@one_thread()
def power_scaling(
    effects: Effects | Result, model: RandomEffects | None = None, *, alpha: float = ALPHA
) -> PowerScaling:
    """Raise prior or likelihood to the powers alpha and 1 / alpha and measure how far the posterior moves.

    p_alpha(mu, tau | y) is proportional to p(mu, tau)^alpha p(y | mu, tau), or to p(mu, tau) p(y | mu, tau)^alpha,
    with the marginal likelihood y_i ~ Normal(mu, sqrt(v_i + tau^2)); the sensitivity is the cumulative
    Jensen-Shannon distance to the posterior itself per doubling of the power, the mean of both directions. Distances
    are taken over the range that 4,000 draws would span, as priorsense takes them. For a study table the laws are
    exact; for a result ArviZ (``az.psense``) weights its draws. Only parameters with a prior of their own are scaled,
    never the true effects, whose law given mu and tau is part of the model.

    Parameters
    ----------
    effects : Effects or Result
        A study table; or a result of `Exact` or `NUTS`, of any model, which has its model with it.
    model : RandomEffects, optional
        With a normal or flat prior on mu and a prior on tau; the scale's default priors when None. Not with a result.
    alpha : float
        Between 0.5 and 1.

    Returns
    -------
    PowerScaling

    Raises
    ------
    ModelError
        For a model without a prior on tau, another prior on mu, or an alpha that is no such number; for a result
        beside a model.
    MissingQuantityError
        For a closed-form result, which has no prior.

    Notes
    -----
    alpha = 0.99 is near enough to 1 for the slope there, as priorsense takes it, so that its threshold of 0.05 holds
    here too.

    References
    ----------
    Kallioinen et al. 2023, Statistics and Computing 34:57, 10.1007/s11222-023-10366-5.

    Examples
    --------
    >>> import poolwise as pw
    >>> found = power_scaling(pw.datasets.load("bcg"))
    >>> found.frame.set_index("quantity")[["prior", "likelihood"]].round(2).loc["tau"].tolist()
    [0.03, 0.2]
    """
    if not 0.5 <= as_number(alpha) < 1.0:
        raise ModelError(f"alpha = {shown(alpha)}", "a number of at least 0.5 and below 1", "alpha=0.99")
    if isinstance(effects, Result):
        if model is not None:
            raise ModelError("power_scaling was given a result and a model", "a result alone, or Effects and a model")
        return _of_draws(effects, alpha)
    assumed = need_prior_on_tau(question(effects, model, "power_scaling"), "power_scaling")
    assert assumed.mu is not None
    assert assumed.tau is not None
    posterior = integrated(effects, assumed.mu, (assumed.tau,), halvings=1)
    plain = _laws(posterior)
    nodes = {name: _range(law) for name, law in plain.items()}
    below = {name: plain[name].cdf(x) for name, (x, _) in nodes.items()}
    frame = pd.DataFrame({"quantity": list(plain)})
    for part, raised in PARTS.items():
        total = np.zeros(len(plain))
        for power in (alpha, 1.0 / alpha):
            moved = _laws(power_scaled(posterior, Powers(**dict.fromkeys(raised, power))))
            total += [cjs_distance(below[name], moved[name].cdf(x), w) for name, (x, w) in nodes.items()]
        frame[part] = 0.5 * total / log2(1.0 / alpha)
    frame["diagnosis"] = [_diagnosis(a, b) for a, b in zip(frame["prior"], frame["likelihood"], strict=True)]
    frame = frame.assign(prior_words=prior_words(assumed), data=effects.data_label)
    return PowerScaling(frame, _sentence(frame), alpha)


def _of_draws(result: Result, alpha: float) -> PowerScaling:
    tree = need_posterior(result, "power_scaling")
    if "log_prior" not in tree.children:
        raise ModelError(f"'{result.label}' has no parameter with a prior", "a model with an unknown mu or tau")
    scaled, powers = [str(name) for name in tree["log_prior"].data_vars], (alpha, 1.0 / alpha)
    names = [
        str(name) for name in tree["posterior"].data_vars if not str(name).startswith(("theta", "tau2", "I2", "ICC"))
    ]
    names += ["theta_new"] if "theta_new" in tree["posterior"] else []
    columns = {"prior": moved_by_power(tree, names, "prior", scaled, powers)}
    for parameter in scaled if len(scaled) > 1 else ():
        columns[f"prior_{parameter}"] = moved_by_power(tree, names, "prior", [parameter], powers)
    columns["likelihood"] = moved_by_power(tree, names, "likelihood", None, powers)
    frame = pd.DataFrame(columns).rename_axis("quantity").reset_index()
    frame["diagnosis"] = [_diagnosis(a, b) for a, b in zip(frame["prior"], frame["likelihood"], strict=True)]
    frame = frame.assign(prior_words=result.prior, data=result.data_label)
    return PowerScaling(frame, _sentence(frame), alpha)


def _laws(posterior: TauPosterior) -> dict[str, Law]:
    nodes = posterior.mixtures
    return {"mu": nodes.linear(), "tau": posterior.tau, "theta_new": nodes.new()}


def _range(law: Law) -> tuple[Array, Array]:
    """Nodes and weights over the range of a law."""
    low, high = law.ppf(np.array([OUTSIDE, 1.0 - OUTSIDE]))
    edges = np.linspace(low, high, PIECES + 1)
    half = 0.5 * np.diff(edges)[:, None]
    x = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * NODES
    return x.ravel(), (half * WEIGHTS).ravel()


def _diagnosis(prior: float, likelihood: float) -> str:
    if prior < SENSITIVE:
        return "-"
    return CONFLICT if likelihood >= SENSITIVE else STRONG


def _sentence(frame: pd.DataFrame) -> str:
    diagnoses = []
    for diagnosis in (CONFLICT, STRONG):
        names = frame.loc[frame["diagnosis"] == diagnosis, "quantity"]
        if len(names):
            diagnoses.append(f"for {listing(map(show.symbol, names))} {diagnosis}")
    if not diagnoses:
        return (
            f"Raised to powers near 1, the priors move no quantity (every sensitivity is below {SENSITIVE:g}). That is "
            "said of small changes of these priors alone: a much wider one, or one of another shape, may move them."
        )
    prior = f" ({show.prior(frame['prior_words'].iloc[0])})" if "prior_words" in frame else ""
    return f"At a threshold of {SENSITIVE:g}, {'; '.join(diagnoses)}{prior}."
