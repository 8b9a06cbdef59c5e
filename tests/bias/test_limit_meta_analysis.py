"""Limit meta-analysis against the formulas of its paper, written out."""

import numpy as np
import pytest
from scipy import stats

from poolwise.bias import limit_meta_analysis
from poolwise.closed_form.least_squares import prepare
from poolwise.closed_form.tau2 import estimate_tau2
from poolwise.errors import InputError
from support.biased_studies import SETS, published, studies, turned

EXACT = 1e-9  # relative


@pytest.mark.parametrize("name", SETS)
def test_the_adjusted_mean_is_that_of_the_generalised_radial_plot(name):
    effects = published(name)
    answer = limit_meta_analysis(effects, tau2="DL")
    tau2 = estimate_tau2(prepare(effects.y, effects.v), "DL").value[0]
    sd = np.sqrt(effects.v + tau2)
    X = np.column_stack([np.ones(effects.k), 1 / sd])
    alpha, beta = np.linalg.lstsq(X, effects.y / sd, rcond=None)[0]
    assert [answer.alpha, answer.beta] == pytest.approx([alpha, beta], rel=EXACT)
    at = np.array([np.sqrt(tau2), 1.0])
    assert answer.mean.point == pytest.approx(at @ [alpha, beta], rel=EXACT)
    assert answer.mean.sd == pytest.approx(np.sqrt(at @ np.linalg.inv(X.T @ X) @ at), rel=EXACT)


def test_the_limit_is_where_endless_precision_leads():
    effects = published("bcg")
    answer = limit_meta_analysis(effects)
    error = (effects.y - answer.beta) / np.sqrt(effects.v + answer.tau2)  # alpha + e_i
    nearly = answer.beta + np.sqrt(effects.v / 1e14 + answer.tau2) * error
    np.testing.assert_allclose(answer.shrunken, nearly, rtol=1e-10)
    line = stats.linregress(1 / effects.se, nearly / effects.se)
    assert answer.beta_limit == pytest.approx(line.slope, rel=1e-8)
    assert answer.g2 == pytest.approx(1 - line.rvalue**2, rel=1e-8)
    assert answer.mu_limit == pytest.approx(np.average(nearly, weights=1 / effects.v), rel=1e-10)


def test_q_is_what_small_studies_do_and_the_rest():
    effects = published("hackshaw1998")
    answer = limit_meta_analysis(effects)
    line = stats.linregress(1 / effects.se, effects.y / effects.se)
    residual = ((effects.y / effects.se - line.intercept - line.slope / effects.se) ** 2).sum()
    assert answer.q_residual == pytest.approx(residual, rel=EXACT)
    assert answer.q == pytest.approx(answer.q_small + residual, rel=EXACT)
    assert answer.p_residual == pytest.approx(stats.chi2.sf(residual, effects.k - 2), rel=EXACT)


def test_without_heterogeneity_it_is_the_line_at_no_error():
    effects = studies([0.1, 0.3, 0.22, 0.45], [0.1, 0.3, 0.2, 0.5])
    answer = limit_meta_analysis(effects)
    line = stats.linregress(1 / effects.se, effects.y / effects.se)
    assert answer.tau2 == 0.0
    assert [answer.mean.point, answer.g2] == pytest.approx([line.slope, 0.0])


@pytest.mark.parametrize("unit", [-1.0, 1e6])
def test_mirrored_or_scaled_studies_have_the_mirrored_or_scaled_mean(unit):
    effects = published("lee2004")
    answer, other = limit_meta_analysis(effects), limit_meta_analysis(turned(effects, unit))
    assert other.mean.point == pytest.approx(unit * answer.mean.point, rel=1e-8)
    assert other.g2 == pytest.approx(answer.g2, rel=1e-6)


def test_equal_standard_errors_tell_nothing_of_small_studies():
    with pytest.raises(InputError, match="standard errors are equal"):
        limit_meta_analysis(studies([0.1, 0.3, 0.5], [0.2] * 3))
