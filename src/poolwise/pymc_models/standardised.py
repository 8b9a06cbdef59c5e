"""Mean effects and coefficients whose sampler sees how far they are from where the estimates put them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from poolwise.priors import Cauchy, Flat, Normal, Prior, StudentT
from poolwise.pymc_models.priors import COEFFICIENTS, coefficients, on_the_line, parameters_of, prior_on_mu

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


STANDARDISED = (Normal, Flat, StudentT, Cauchy)
"""Priors under which it is done; under others a mean effect is sampled as it is."""
MOST_COEFFICIENTS = 2
"""Beyond it the elimination is not worth its compilation: 11 s with two coefficients, 19 with three, 23 with four."""


def standardised(
    prior: Prior, precision: TensorVariable, pull: TensorVariable, name: str = "mu", dims: str | None = None
) -> TensorVariable:
    """A variable on the whole line with this prior, sampled as its distance from its law given the estimates.

    Parameters
    ----------
    prior : Prior
        On the whole line.
    precision, pull : TensorVariable
        The likelihood as a function of x is proportional to exp(-precision x^2 / 2 + pull x).
    name : str
        Of the variable.
    dims : str, optional
        Dimension along which there is one such variable for each coordinate, independent of one another.

    Returns
    -------
    TensorVariable
        Its prior is what it says; no draw from the prior knows of the estimates.
    """
    if not isinstance(prior, STANDARDISED):
        return prior_on_mu(prior, name, dims)
    p = parameters_of(name, prior)
    prior_precision, prior_pull = _information(prior, p)
    total = precision + prior_precision
    return _about(prior, p, (pull + prior_pull) / total, total**-0.5, name, dims)


def standardised_coefficients(
    name: str, priors: Mapping[str, Prior], X: TensorVariable, y: TensorVariable, variance: TensorVariable
) -> TensorVariable:
    """A vector of coefficients, each with a prior of its own, where y_i ~ Normal(x_i beta, sqrt(variance_i)).

    Their joint law given the estimates is written as that of the last one, of the last but one given the last, and so
    on: elimination takes P beta = h, P = X' W X + prior precisions, to U beta = g with U unit upper triangular, and
    then beta_j ~ Normal(g_j - sum over l > j of U_jl beta_l, 1 / sqrt(pivot_j)). More than two, and those
    with priors that are not normal, t, Cauchy or flat, are sampled as they are.

    Parameters
    ----------
    name : str
        Of the vector and, with the coefficient in brackets, of each variable: ``beta``, ``beta[ablat]``.
    priors : mapping of str to Prior
        By coefficient.
    X : TensorVariable
        Design, shape (k, p).
    y, variance : TensorVariable
        Estimates and their variances about their means, shape (k,).

    Returns
    -------
    TensorVariable
        Shape (p,).
    """
    import pymc as pm

    if len(priors) > MOST_COEFFICIENTS or not all(isinstance(prior, STANDARDISED) for prior in priors.values()):
        return coefficients(name, priors)
    labels = [f"{name}[{coefficient}]" for coefficient in priors]
    p = [parameters_of(label, prior) for label, prior in zip(labels, priors.values(), strict=True)]
    prior_law = [_information(prior, parameters) for prior, parameters in zip(priors.values(), p, strict=True)]
    rows, right, pivots = _eliminated(X, y, variance, prior_law)
    beta: dict[int, TensorVariable] = {}
    for j in reversed(range(len(labels))):
        mean = right[j] - sum(rows[j][later] * beta[later] for later in beta)
        beta[j] = _about(list(priors.values())[j], p[j], mean, pivots[j] ** -0.5, labels[j])
    return pm.Deterministic(name, pm.math.stack([beta[j] for j in range(len(labels))]), dims=COEFFICIENTS[name])


def _eliminated(
    X: TensorVariable, y: TensorVariable, variance: TensorVariable, prior_law: Sequence[tuple]
) -> tuple[list[TensorVariable], list[TensorVariable], list[TensorVariable]]:
    """Rows of U, g and the pivots."""
    import pymc as pm

    p = len(prior_law)
    weighted = X / variance[:, None]
    own = pm.math.stack([pm.math.stack([one, pull]) for one, pull in prior_law])
    P = (weighted[:, :, None] * X[:, None, :]).sum(axis=0) + np.eye(p) * own[:, 0]
    h = (weighted * y[:, None]).sum(axis=0) + own[:, 1]
    rows, right, pivots = [], [], []
    for j in range(p):
        below = (np.arange(p) > j).astype(float)
        pivot = P[j, j]
        row, g = P[j] / pivot, h[j] / pivot
        column = P[:, j] * below
        P, h = P - column[:, None] * row, h - column * g
        rows.append(row)
        right.append(g)
        pivots.append(pivot)
    return rows, right, pivots


def _information(prior: Prior, p: Sequence[TensorVariable]) -> tuple:
    """Precision of the prior and precision times mean; of the normal law of the same place and scale, for others."""
    match prior:
        case Normal():
            return p[1] ** -2, p[0] / p[1] ** 2
        case StudentT():
            return p[2] ** -2, p[1] / p[2] ** 2
        case Cauchy():
            return p[1] ** -2, p[0] / p[1] ** 2
        case _:
            return 0.0, 0.0


def _about(
    prior: Prior, p: Sequence[TensorVariable], centre: TensorVariable, spread: TensorVariable, name: str,
    dims: str | None = None,
) -> TensorVariable:  # fmt: skip
    """The variable with this prior, whose transform knows centre and spread."""
    import pymc as pm

    from poolwise.pymc_models.transforms import Standardised

    def law(parameters: Sequence[TensorVariable], size: TensorVariable | None = None) -> TensorVariable:
        family, named = on_the_line(prior, parameters, name)
        return family.dist(**named, size=size)

    return pm.CustomDist(
        name,
        *p,
        centre,
        spread,
        dist=lambda *inputs: law(inputs[: len(p)], inputs[-1]),
        logp=lambda value, *inputs: pm.logp(law(inputs[: len(p)]), value),
        transform=Standardised(),
        class_name=type(prior).__name__,
        dims=dims,
    )
