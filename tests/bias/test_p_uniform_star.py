"""p-uniform* against a likelihood of truncated normals that SciPy maximises."""

import numpy as np
import pytest
from scipy import optimize, stats

from poolwise.bias import p_uniform_star
from poolwise.errors import InputError
from support.biased_studies import published, studies, turned

HALF_OF_384 = 0.5 * stats.chi2.isf(0.05, 1)
CASES = [("bcg", "negative"), ("hackshaw1998", "positive"), ("normand1999", "negative"), ("li2007", "negative"),
         ("raudenbush1985", "positive"), ("cohen1981", "positive"), ("bangertdrowns2004", "positive")]  # fmt: skip


def log_likelihood(effects, sign, mu, tau):
    """Sum of log densities of truncated normals, in the direction that gets published."""
    y, sd, cut = sign * effects.y, np.sqrt(effects.v + tau**2), stats.norm.isf(0.025) * effects.se
    above = y >= cut
    ends = (np.where(above, (cut - mu) / sd, -np.inf), np.where(above, np.inf, (cut - mu) / sd))
    return stats.truncnorm.logpdf(y, *ends, loc=mu, scale=sd).sum()


@pytest.mark.parametrize(("name", "direction"), CASES)
def test_no_search_finds_a_larger_likelihood(name, direction):
    effects, sign = published(name), 1.0 if direction == "positive" else -1.0
    answer = p_uniform_star(effects, direction=direction)
    ours = log_likelihood(effects, sign, sign * answer.mean.point, answer.tau)
    assert answer.log_likelihood == pytest.approx(ours, abs=1e-9)
    spread = effects.y.std()
    for start in ([0.0, 0.1], [sign * effects.y.mean(), spread], [-spread, 2 * spread]):
        found = optimize.minimize(
            lambda x: -log_likelihood(effects, sign, x[0], abs(x[1])), start, method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 2000},
        )  # fmt: skip
        assert -found.fun <= ours + 1e-8


@pytest.mark.parametrize(("name", "direction"), CASES[:3])
def test_at_the_limits_the_best_tau_loses_what_the_test_allows(name, direction):
    effects, sign = published(name), 1.0 if direction == "positive" else -1.0
    answer = p_uniform_star(effects, direction=direction)
    for end in answer.mean.interval(0.95):
        best = optimize.minimize_scalar(
            lambda tau, end=end: -log_likelihood(effects, sign, sign * end, tau), bounds=(0, 5), method="bounded",
            options={"xatol": 1e-10},
        )  # fmt: skip
        assert answer.log_likelihood + best.fun == pytest.approx(HALF_OF_384, rel=1e-7)


def test_no_bias_is_tested_at_the_random_effects_estimates():
    effects = published("bcg")
    answer = p_uniform_star(effects, direction="negative")

    def q(tau2):
        w = 1 / (effects.v + tau2)
        return (w * (effects.y - np.average(effects.y, weights=w)) ** 2).sum() - (effects.k - 1)

    tau2 = optimize.brentq(q, 0, 10, xtol=1e-14)  # Paule and Mandel
    mu = np.average(effects.y, weights=1 / (effects.v + tau2))
    statistic = 2 * (answer.log_likelihood - log_likelihood(effects, -1.0, -mu, np.sqrt(tau2)))
    assert answer.statistic == pytest.approx(statistic, abs=1e-9)
    assert answer.p_value == pytest.approx(stats.chi2.sf(statistic, 2), rel=1e-8)


@pytest.mark.parametrize("unit", [1e5, -1.0])
def test_mirrored_or_scaled_studies_have_the_mirrored_or_scaled_answer(unit):
    effects = published("bcg")
    answer = p_uniform_star(effects, direction="negative")
    other = p_uniform_star(turned(effects, unit), direction="positive" if unit < 0 else "negative")
    assert other.mean.point == pytest.approx(unit * answer.mean.point, rel=1e-9)
    np.testing.assert_allclose(other.mean.interval(), np.sort(unit * np.array(answer.mean.interval())), rtol=1e-8)


def test_where_the_likelihood_rises_without_end_there_is_no_estimate():
    z = 1.96 + np.array([0.001, 0.001, 0.002, 0.3])
    with pytest.raises(InputError, match="rises without end"):
        p_uniform_star(studies(0.2 * z, [0.2] * 4), direction="positive")


def test_selected_studies_lose_their_bias():
    rng = np.random.default_rng(4)
    se = rng.uniform(0.1, 0.4, 1500)
    y = rng.normal(0.2, np.hypot(se, 0.1))
    kept = (y > 1.96 * se) | (rng.uniform(size=1500) < 0.1)
    answer = p_uniform_star(studies(y[kept], se[kept]), direction="positive")
    assert abs(answer.mean.point - 0.2) < 4 * answer.mean.sd < 0.2
    assert answer.p_value < 0.001
