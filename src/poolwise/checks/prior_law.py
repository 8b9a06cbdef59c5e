"""The prior predictive law of a row of a normal model, without drawing from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from poolwise.model.structure import Layer, NormalStructure
from poolwise.priors import Fixed, Normal, Prior

Array = NDArray[np.float64]
_POINTS = {0: 1, 1: 2000, 2: 200}  # of the prior of each standard deviation, by how many there are
_LOCATIONS = 401  # of a prior on the mean that is not normal; odd, so that its median is one of them
_TOLERANCE = 1e-10


@final
@dataclass(frozen=True, eq=False)
class PriorLaw:
    """A mixture of normal laws with equal weights, F(x) = mean of Phi((x - location_a) / sd_b) over all a and b.

    Attributes
    ----------
    location : ndarray
        Shape (A, 1).
    sd : ndarray
        Shape (B,).
    """

    location: Array
    sd: Array

    def cdf(self, x: float) -> float:
        """Probability of a value at most x."""
        return float(ndtr((x - self.location) / self.sd).mean())

    def ppf(self, p: float) -> float:
        """Quantile at p, to a relative tolerance of 1e-10."""
        from scipy.optimize import brentq

        low, high = float(self.location.min()), float(self.location.max())
        reach = max(float(np.median(self.sd)), (high - low) * 1e-3, np.finfo(float).tiny)
        while self.cdf(low - reach) > p or self.cdf(high + reach) < p:
            reach *= 2.0
        return float(brentq(lambda x: self.cdf(x) - p, low - reach, high + reach, xtol=_TOLERANCE * reach))


def prior_laws(structure: NormalStructure) -> tuple[tuple[PriorLaw, ...], tuple[PriorLaw, ...]] | None:
    """The laws of estimates like those of the table, and of the true effects in new studies; None where draws it takes.

    y_rep,i ~ Normal(x_i'm, x_i'S x_i + sum of tau_l^2 + v_i) given the standard deviations tau, each of which takes the
    quantiles at (j - 1/2) / J of its prior with equal weights. A symmetric prior has a symmetric law.

    Parameters
    ----------
    structure : NormalStructure
        What the model states.

    Returns
    -------
    tuple of tuple of PriorLaw, or None
        Length k and one for each new study; None with more than two standard deviations in a row, with priors that
        depend on one another, or with several coefficients of which one is not normal.

    Notes
    -----
    2,000 points of one prior, or 200 of each of two, keep every limit of a 95 % interval within the third digit.

    References
    ----------
    Gabry et al. 2019, JRSS A 182:389, 10.1111/rssa.12378, section 3, for the prior predictive law.
    """
    priors = [structure.priors.get(name) for name in structure.coefficients]
    layered = (*structure.layers, *structure.new.layers)
    dependent = structure.exchangeable or structure.gaps is not None or structure.uncertain is not None
    if dependent or None in priors or any(layer.scale is not None for layer in layered):
        return None
    means = [prior for prior in priors if prior is not None]
    normal = all(isinstance(prior, Normal | Fixed) for prior in means)
    known = all(name in structure.priors or name in structure.known for layer in layered for name in layer.sds)
    if not known or not (normal or len(means) == 1) or max(len(structure.layers), len(structure.new.layers)) > 2:
        return None
    if not all(prior.proper for prior in structure.priors.values()):
        return None
    rows = zip(structure.X, structure.errors.v, strict=True)
    own = tuple(_law(structure, means, structure.layers, i, (x, float(v))) for i, (x, v) in enumerate(rows))
    new = tuple(_law(structure, means, structure.new.layers, i, (x, 0.0)) for i, x in enumerate(structure.new.X))
    return own, new


def _law(
    structure: NormalStructure, means: Sequence[Prior], layers: Sequence[Layer], row: int, of: tuple[Array, float]
) -> PriorLaw:
    x, variance = of
    total = np.full(1, variance)
    for layer in layers:
        tau = _spread(structure, layer.sds[layer.which[row]], _POINTS[len(layers)])
        total = (total[:, None] + tau**2).ravel()
    if all(isinstance(prior, Normal | Fixed) for prior in means):
        pairs = [(prior.mean, prior.sd) if isinstance(prior, Normal) else (_value(prior), 0.0) for prior in means]
        b, s = np.array(pairs, dtype=float).reshape(-1, 2).T
        location, total = np.array([x @ b]), total + (x**2) @ (s**2)
    else:
        location = float(x[0]) * means[0].ppf((np.arange(_LOCATIONS) + 0.5) / _LOCATIONS)
        total = total[:: max(total.size // 200, 1)] if total.size > 200 else total
    return PriorLaw(np.atleast_1d(location)[:, None], np.sqrt(np.maximum(total, np.finfo(float).tiny)))


def _value(prior: Prior) -> float:
    assert isinstance(prior, Fixed)
    return float(prior.value)


def _spread(structure: NormalStructure, name: str, points: int) -> Array:
    """Equally likely values of a standard deviation."""
    if name in structure.known:
        return np.full(1, structure.known[name])
    return np.asarray(structure.priors[name].ppf((np.arange(points) + 0.5) / points), dtype=float)
