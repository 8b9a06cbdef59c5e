"""Henmi and Copas's interval against metafor, and against quadrature with the matrices written out."""

import numpy as np
import pytest
from scipy import integrate, stats

from poolwise.bias import henmi_copas
from poolwise.bias.henmi_copas import critical_value
from support.biased_studies import FIGURES, SETS, published, studies, turned

EXACT = 1e-10  # relative
INTEGRATED = 1e-7  # of the width; R's integrate() stops at about that


@pytest.mark.parametrize("name", SETS)
def test_mean_and_interval_are_metafors(name):
    row, answer = FIGURES[name]["henmi_copas"], henmi_copas(published(name))
    figures = [answer.mean.point, answer.mean.sd, answer.tau2]
    assert figures == pytest.approx([row["mu"], row["se"], row["tau2"]], rel=EXACT)
    width = row["upper"] - row["lower"]
    np.testing.assert_allclose(
        answer.mean.interval(0.95), [row["lower"], row["upper"]], rtol=0, atol=INTEGRATED * width
    )


def tail(v, tau2, t):
    """P(T > t), Q given R as gamma with the moments of a quadratic form."""
    k, w = len(v), 1 / v
    total, ratio = w.sum(), (w**2).sum() / w.sum()
    D, A = np.diag(v + tau2), np.diag(w) - np.outer(w, w) / total
    slope = D @ w / np.sqrt(total) / (w @ D @ w / total)
    S = D - np.outer(D @ w, D @ w) / (w @ D @ w)
    sd = np.sqrt(1 + tau2 * ratio)

    def density(r):
        m = slope * r
        mean, variance = np.trace(A @ S) + m @ A @ m, 2 * np.trace(A @ S @ A @ S) + 4 * m @ A @ S @ A @ m
        most = (k - 1) + (total - (w**2).sum() / total) / ratio * (r**2 / t**2 - 1)
        return stats.gamma.cdf(most, mean**2 / variance, scale=variance / mean) * stats.norm.pdf(r, 0, sd)

    return integrate.quad(density, t, t + 10 * sd, epsabs=1e-14, epsrel=1e-12, limit=400)[0]


@pytest.mark.parametrize("prob", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("tau2", [0.0, 0.02, 1.0])
def test_the_critical_value_leaves_half_of_the_rest_in_either_tail(tau2, prob):
    v = np.array([0.01, 0.04, 0.05, 0.2, 0.5])
    assert tail(v, tau2, critical_value(v, tau2, prob)) == pytest.approx(0.5 * (1 - prob), rel=1e-9)


@pytest.mark.filterwarnings("ignore:only 2 studies")
def test_two_studies_have_an_interval():
    lower, upper = henmi_copas(studies([0.5, 0.1], [0.1, 0.2])).mean.interval(0.95)
    assert lower < 0.42 < upper


@pytest.mark.parametrize("unit", [-1.0, 1e8])
def test_mirrored_or_scaled_studies_have_the_mirrored_or_scaled_interval(unit):
    effects = published("bcg")
    ends = np.sort(unit * np.array(henmi_copas(effects).mean.interval(0.9)))
    np.testing.assert_allclose(henmi_copas(turned(effects, unit)).mean.interval(0.9), ends, rtol=1e-9)
