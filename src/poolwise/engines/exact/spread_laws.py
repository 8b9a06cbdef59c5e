"""Laws of tau2, I2 and their like from the laws of the standard deviations."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from poolwise.engines.heterogeneity import share_of_variation
from poolwise.laws import Deferred, TransformedLaw
from poolwise.quadrature.boxes.polar import Polar
from poolwise.quadrature.rules.panel_law import PanelLaw
from poolwise.quantities import Law

Array = NDArray[np.float64]


def square(tau: PanelLaw) -> Law:
    """The law of tau^2."""
    return TransformedLaw(tau, np.square, _root, _doubled, tau.square_moments())


def i2(tau: PanelLaw, typical: float, weight: Array, nodes: Array) -> Law:
    """The law of I2 = tau^2 / (tau^2 + typical variance).

    Parameters
    ----------
    tau : PanelLaw
    typical : float
        Typical sampling variance.
    weight, nodes : ndarray
        Nodes of tau, shape (J,).

    Returns
    -------
    Law

    References
    ----------
    Higgins & Thompson 2002, Statistics in Medicine 21:1539, 10.1002/sim.1186.
    """
    values = share_of_variation(nodes, typical)
    mean = float(weight @ values)
    moments = (mean, float(np.sqrt(weight @ (values - mean) ** 2)))
    return _of_i2(tau, typical, moments)


def of_tau(tau: PanelLaw, typical: float, weight: Array, nodes: Array) -> dict[str, Law]:
    """The laws of tau, tau2 and, where there is a typical variance, I2; weights and nodes as in `i2`."""
    laws: dict[str, Law] = {"tau": tau, "tau2": square(tau)}
    return laws if np.isnan(typical) else laws | {"I2": i2(tau, typical, weight, nodes)}


def of_levels(polar: Polar, typical: float) -> dict[str, Law]:
    """The laws of tau, I2 and ICC of effects in clusters.

    Parameters
    ----------
    polar : Polar
        Total heterogeneity and its share between clusters.
    typical : float
        Typical sampling variance.

    Returns
    -------
    dict of str to Law
        tau = sqrt(tau_between^2 + tau_within^2), I2 = tau^2 / (tau^2 + typical variance),
        ICC = tau_between^2 / tau^2.
    """
    laws: dict[str, Law] = {"tau": Deferred(polar.total)}
    if not np.isnan(typical):
        laws["I2"] = Deferred(partial(_total_i2, polar, typical))
    return laws | {"ICC": Deferred(partial(_icc, polar))}


def _total_i2(polar: Polar, typical: float) -> Law:
    moments = polar.mean_and_sd(lambda r, a: share_of_variation(r, typical))
    return _of_i2(polar.total(), typical, moments)


def _of_i2(tau: PanelLaw, typical: float, moments: tuple[float, float]) -> Law:
    forward = partial(share_of_variation, typical=typical)
    return TransformedLaw(tau, forward, partial(_tau_of_i2, typical), partial(_i2_slope, typical), moments)


def _icc(polar: Polar) -> Law:
    moments = polar.mean_and_sd(lambda r, a: np.sin(a) ** 2)
    return TransformedLaw(polar.angle(), _sine_square, _angle, _sine_of_double, moments)


def _sine_square(a: Array) -> Array:
    return np.sin(a) ** 2


def _angle(share: Array) -> Array:
    return np.arcsin(np.sqrt(np.clip(share, 0.0, 1.0)))


def _sine_of_double(a: Array) -> Array:
    return np.sin(2.0 * a)


def _root(x: Array) -> Array:
    return np.sqrt(np.maximum(x, 0.0))


def _doubled(t: Array) -> Array:
    return 2.0 * t


def _tau_of_i2(typical: float, share: Array) -> Array:
    inside = np.clip(share, 0.0, 1.0)
    with np.errstate(divide="ignore"):
        return np.sqrt(typical * inside / (1.0 - inside))


def _i2_slope(typical: float, tau: Array) -> Array:
    return 2.0 * typical * tau / np.square(typical + np.square(tau))
