"""The likelihood of selected estimates against the densities written out, its derivatives against differences."""

import numpy as np
import pytest

from poolwise.selection.curves import SmoothWeights
from poolwise.selection.derivatives import SelectionLikelihood, Studies
from poolwise.selection.intervals import Intervals
from poolwise.selection.steps import StepWeights
from support.oracle_selection import smooth_log_likelihood, step_log_likelihood

DIFFERENCE = 3e-7  # of gradients by central differences with a step of 1e-5, relative to 1 + their size
STEPS = np.array([0.025, 0.05, 0.5])
KINDS = ("beta", "halfnorm", "negexp", "logistic", "power")


@pytest.fixture(scope="module")
def studies():
    rng = np.random.default_rng(5)
    v = rng.uniform(0.01, 0.2, 6)
    y = 0.2 + rng.normal(size=6) * np.sqrt(v + 0.05)
    return Studies(y, v, np.column_stack([np.ones(6), rng.normal(size=6)]))


def check_derivatives(likelihood, theta):
    at, eye = likelihood.at(theta), 1e-5 * np.eye(likelihood.n)
    ends = [(likelihood.at(theta + step), likelihood.at(theta - step)) for step in eye]
    gradient = np.array([(up.value - down.value) / 2e-5 for up, down in ends])
    hessian = np.array([(up.gradient - down.gradient) / 2e-5 for up, down in ends])
    np.testing.assert_allclose(at.gradient, gradient, rtol=DIFFERENCE, atol=DIFFERENCE)
    np.testing.assert_allclose(at.hessian, hessian, rtol=DIFFERENCE, atol=DIFFERENCE)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("tau2", [None, 0.0, 0.03])
@pytest.mark.parametrize("known", [(1, np.nan, np.nan, np.nan), (1, np.nan, 0.4, np.nan), (1, 0.8, 0.4, 0.2)])
def test_step_weights(studies, sides, tau2, known):
    likelihood = SelectionLikelihood(studies, StepWeights(studies, Intervals(STEPS, sides), np.array(known)), tau2)
    psi = np.array([0.2, -0.8, -1.3])[: likelihood.weights.q]
    theta = np.concatenate([[0.3, -0.1], [np.log(studies.typical + 0.04)] if tau2 is None else [], psi])
    check_derivatives(likelihood, theta)
    omega = np.array(known, dtype=float)
    omega[np.isnan(omega)] = np.exp(psi)
    spread = 0.04 if tau2 is None else tau2
    expected = step_log_likelihood(STEPS, sides, studies.y, studies.v, studies.X @ theta[:2], spread, omega)
    assert likelihood.at(theta).value == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by_precision", [False, True])
def test_smooth_weights(studies, sides, kind, by_precision):
    if kind == "beta" and by_precision:
        return
    known = (None, None) if kind == "beta" else (None,)
    likelihood = SelectionLikelihood(studies, SmoothWeights(studies, kind, sides, known, by_precision))
    psi = np.array([-0.3, 0.4]) if kind == "beta" else np.array([1.4])
    theta = np.concatenate([[0.3, -0.1, np.log(studies.typical + 0.04)], psi])
    check_derivatives(likelihood, theta)
    delta = np.tile(np.exp(psi) - (0.0 if kind == "beta" else 1.0), (6, 1))
    if by_precision:
        delta = delta * studies.se[:, None] / studies.se.max()
    mean = studies.X @ theta[:2]
    expected = smooth_log_likelihood(kind, sides, studies.y, studies.v, mean, 0.04, delta)
    assert likelihood.at(theta).value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", ["halfnorm", "negexp", "logistic", "power"])
def test_steep_weights_keep_eight_digits(studies, kind):
    likelihood = SelectionLikelihood(studies, SmoothWeights(studies, kind, 1, (None,)), 0.3)
    theta = np.array([-0.5, 0.1, np.log1p(100.0)])
    expected = smooth_log_likelihood(kind, 1, studies.y, studies.v, studies.X @ theta[:2], 0.3, np.full((6, 1), 100.0))
    assert likelihood.at(theta).value == pytest.approx(expected, rel=1e-8)


def test_no_selection_is_the_normal_likelihood(studies):
    from scipy import stats

    likelihood = SelectionLikelihood(studies, SmoothWeights(studies, "negexp", 1, (None,)), 0.1)
    expected = stats.norm.logpdf(studies.y, studies.X @ [0.2, 0.3], np.sqrt(studies.v + 0.1)).sum()
    assert likelihood.at(np.array([0.2, 0.3, 0.0])).value == pytest.approx(expected, abs=1e-11)
