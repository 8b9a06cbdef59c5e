"""Quadrature where the prior on a mean effect is not normal: t and Cauchy, truncated, mixtures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from poolwise.effects import Effects
from poolwise.engines.exact import spread_laws
from poolwise.engines.exact.posterior import Blended, Fitted, Nodes
from poolwise.engines.heterogeneity import known_tau, typical_variance
from poolwise.engines.means import Means
from poolwise.errors import ModelError
from poolwise.laws import BlendLaw
from poolwise.model import Model, with_prior
from poolwise.moments import MOST_MOMENTS, Spread
from poolwise.priors import Cauchy, Fixed, Flat, Mixture, Normal, Prior, RegularizedHorseshoe, StudentT, TruncatedNormal
from poolwise.quadrature.boxes.box_posterior import BoxPosterior, Conditional, box_posterior
from poolwise.quadrature.boxes.diagonal import Diagonal
from poolwise.quadrature.boxes.variables import LogScale, Variable
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quantities import Law, Quantity

Array = NDArray[np.float64]
MOST_PARAMETERS = 3
SHARE_OF_A_NODE = 1e-8  # least probability of a node that is asked for the weights of studies

Fit = Callable[[Effects, Model, float, Means], Fitted]


def heavy_tailed(effects: Effects, model: Model, mean: Means, tolerance: float) -> Fitted:
    """Fit a model with Student-t priors on one or two coefficients, normal given standard deviations of their own.

    Parameters
    ----------
    effects : Effects
    model : Model
        Common or random effects, or a meta-regression, with every prior explicit.
    mean : Means
    tolerance : float

    Returns
    -------
    Fitted

    References
    ----------
    West 1987, Biometrika 74:646, 10.1093/biomet/74.3.646, for the t as a mixture of normals.
    """
    mixed = np.array([j for j, prior in enumerate(mean.priors) if isinstance(prior, StudentT | Cauchy)], dtype=np.intp)
    # normal given a standard deviation of its own, 1 until it is known
    b, s = replace(mean, priors=tuple(Normal(p.mean) if isinstance(p, StudentT | Cauchy) else p for p in mean.priors)
                   ).normal_priors()  # fmt: skip
    unknown = mean.spreads
    known = None if unknown else float(model.tau_fixed or 0.0)
    job = Diagonal.of(effects.y, effects.v, mean.X, b, s, np.zeros((effects.k, 0)), mixed, known)
    variables: list[Variable] = [job.spread(unknown[0].prior)] if unknown else []
    variables += [_scale_of(mean.priors[j]) for j in mixed]
    _check_few(variables, mean, len(mixed))
    moments = unknown[0].moments if unknown else MOST_MOMENTS
    posterior, error = over_boxes(job, variables, mean, moments, tolerance)
    return of_boxes(effects, model, mean, posterior, (posterior, error), unknown)


def over_boxes(
    job: Conditional, variables: Sequence[Variable], mean: Means, moments: int, tolerance: float
) -> tuple[BoxPosterior, float]:
    """Quadrature over these variables, until the limits of all that has a name are good to `tolerance`."""
    return box_posterior(
        job,
        variables,
        list(mean.linear.values()),
        list(mean.new.values()),
        moments=moments,
        mean_moments=mean.moments(moments),
        tolerance=tolerance,
    )


def of_boxes(
    effects: Effects,
    model: Model,
    mean: Means,
    nodes: Nodes,
    found: tuple[BoxPosterior, float],
    unknown: Sequence[Spread],
) -> Fitted:
    """The answer of boxes whose first variable is the one tau that is unknown, if any is."""
    posterior, error = found
    known = None if unknown else float(model.tau_fixed or 0.0)
    weight, phi, _ = posterior.nodes
    tau = phi[0] if known is None else np.full(len(weight), known)
    between = _between(effects, model, mean, posterior, known, weight, tau)
    telling = weight > SHARE_OF_A_NODE
    shares = study_shares(effects.v, weight[telling], tau[telling])
    proper = mean.proper and all(one.prior.proper for one in unknown)
    return Fitted(
        effects, model, mean, nodes, posterior, error, posterior.moments, between, shares, posterior.log_total, proper
    )


def _scale_of(prior: Prior | None) -> LogScale:
    """The standard deviation given which a t or Cauchy prior is normal."""
    assert isinstance(prior, StudentT | Cauchy)
    df = prior.df if isinstance(prior, StudentT) else 1.0
    return LogScale(prior.log_density_of_log_sd, float(prior.sd_quantile(0.5)), df)


def _check_few(variables: Sequence[Variable], mean: Means, mixed: int) -> None:
    """Refuse more scales than boxes can take."""
    if len(variables) > MOST_PARAMETERS:
        names = [
            f"{name} ~ {prior}" for name, prior in zip(mean.linear, mean.priors, strict=False) if prior is not None
        ]
        raise ModelError(
            f"{mixed} coefficients have t or Cauchy priors ({', '.join(names)})",
            "at most two with a t prior; normal or flat priors on the others",
        )


def _between(
    effects: Effects, model: Model, mean: Means, posterior: BoxPosterior, known: float | None, weight: Array, tau: Array
) -> dict[str, Law | Quantity]:
    if not model.varies:
        return {}
    typical = typical_variance(effects.v, mean.X)
    if known is not None:
        return dict(known_tau(known, typical))
    return dict(spread_laws.of_tau(posterior.marginal(0), typical, weight, tau))


@final
@dataclass(frozen=True, eq=False)
class Blend:
    """Nodes of several posteriors together.

    Attributes
    ----------
    weight : ndarray
        Posterior probability of each, shape (m,).
    parts : tuple of Nodes
    """

    weight: Array
    parts: tuple[Nodes, ...]

    def linear(self, c: Array) -> Law:
        """The posterior of a linear combination of the coefficients."""
        return self._joined([part.linear(c) for part in self.parts])

    def new(self, c: Array) -> Law:
        """The posterior of the true effect in a new study with the mean effect c'beta."""
        return self._joined([part.new(c) for part in self.parts])

    def theta(self, i: int) -> Law:
        """The posterior of the true effect in study i."""
        return self._joined([part.theta(i) for part in self.parts])

    def _joined(self, each: Sequence[Law]) -> Law:
        laws = [law for law in each if isinstance(law, NormalMixture)]
        if len(laws) < len(each):
            return BlendLaw(self.weight, tuple(each))
        weight = np.concatenate([w * law.weight for w, law in zip(self.weight, laws, strict=True)])
        centre = np.concatenate([law.centre for law in laws])
        spread = np.concatenate([law.spread for law in laws])
        return NormalMixture(weight, centre, spread, min(law.moments for law in laws))


def blended(effects: Effects, model: Model, mean: Means, tolerance: float, fit: Fit) -> Fitted:
    """Fit a model in which a coefficient has a mixture of priors: one fit for each component.

    The posterior is the mixture of their posteriors, with weights proportional to the prior weight times the
    evidence of each.

    Parameters
    ----------
    effects : Effects
    model : Model
        Common or random effects, or a meta-regression, with every prior explicit.
    mean : Means
    tolerance : float
    fit : callable
        Fits the model of one component.

    Returns
    -------
    Fitted

    References
    ----------
    Schmidli et al. 2014, Biometrics 70:1023, 10.1111/biom.12242.
    """
    (j,) = (j for j, prior in enumerate(mean.priors) if isinstance(prior, Mixture))
    mixture = mean.priors[j]
    assert isinstance(mixture, Mixture)
    fits = [
        fit(effects, with_prior(model, mean.structure.coefficients[j], prior), tolerance, _with_prior(mean, j, prior))
        for prior in mixture.components
    ]
    logs = np.array([one.log_total for one in fits]) + np.log(mixture.weights)
    total = float(logsumexp(logs))
    log_weight = logs - total
    weight = np.exp(log_weight) / np.exp(log_weight).sum()
    names = [name for name in fits[0].spreads if not isinstance(fits[0].spreads[name], Quantity)]
    between: dict[str, Law | Quantity] = {name: one for name, one in fits[0].spreads.items() if name not in names}
    if names:
        laws = {name: tuple(one.spreads[name] for one in fits) for name in names}
        between |= {name: BlendLaw(weight, parts) for name, parts in laws.items()}  # type: ignore[arg-type]
    return Fitted(
        effects,
        model,
        mean,
        Blend(weight, tuple(one.nodes for one in fits)),
        Blended(log_weight, tuple(fits)),
        max(one.limit_error for one in fits),
        min(one.moments for one in fits),
        between,
        weight @ np.array([one.shares for one in fits]),
        total,
        all(one.proper for one in fits),
    )


def study_shares(v: Array, weight: Array, tau: Array) -> Array:
    """Posterior mean share of each study in the sum of 1 / (v_i + tau_i^2), shape (k,)."""
    part = 1.0 / (v + (tau[:, None] if tau.ndim == 1 else tau) ** 2)
    return weight @ (part / part.sum(axis=1, keepdims=True)) / weight.sum()


def refuse_other_priors(mean: Means, *, known: bool) -> None:
    """Refuse a prior on a mean effect that this model's quadrature does not know.

    Parameters
    ----------
    mean : Means
    known : bool
        Whether the quadrature knows a mean that the model states.

    Raises
    ------
    ModelError
        Naming the coefficient.
    """
    alone = mean.p == 1 and bool((mean.X == 1.0).all())
    for name, prior in zip(mean.linear, mean.priors, strict=False):
        if isinstance(prior, TruncatedNormal) and alone:
            continue
        advice = "NUTS()" if isinstance(prior, RegularizedHorseshoe) else ""
        if prior.positive and not isinstance(prior, Flat):
            advice = f"one tau for all studies, NUTS(), or {name} ~ Normal(0, s) with both sides of 0"
        if not isinstance(prior, Normal | Flat | Fixed) or (isinstance(prior, Fixed) and not (alone and known)):
            raise ModelError(
                f"{name} ~ {prior} is not supported by Exact for this model", "a normal or flat prior", advice
            )


def _with_prior(mean: Means, j: int, prior: Prior) -> Means:
    """The mean effects with another prior on one coefficient."""
    return replace(mean, priors=(*mean.priors[:j], prior, *mean.priors[j + 1 :]))
