"""The test of excess significance against metafor, enumeration and quadrature."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from poolwise.bias import excess_significance
from poolwise.bias.excess_significance import at_least
from support.biased_studies import FIGURES, SETS, published, turned

EXACT = 1e-10  # relative
ROOT = 1e-4  # relative; metafor's search for the limit stops there


@pytest.mark.parametrize("name", SETS)
def test_without_heterogeneity_all_is_metafors(name):
    answer = excess_significance(published(name))
    ours = {"chi2": answer.p_chi2, "binom": answer.p_binomial, "exact": answer.p_value}
    for row in FIGURES[name]["excess_significance"]:
        if row["tau2"] > 0.0:
            continue
        assert answer.observed == row["observed"]
        figures = [answer.expected, answer.theta, ours[row["test"]]]
        assert figures == pytest.approx([row["expected"], row["theta"], row["p_value"]], rel=EXACT)
        np.testing.assert_allclose(answer.frame["power"], row["power"], rtol=EXACT)
        if row["test"] == "exact" and row["limit"] is not None:
            assert answer.limit == pytest.approx(row["limit"], rel=ROOT)


def test_power_under_heterogeneity_is_the_average_over_true_effects():
    effects = published("bcg")
    answer = excess_significance(effects, tau2=0.3)
    se, cut = effects.se[2], stats.norm.isf(0.025)

    def power(theta):
        return stats.norm.sf(cut - theta / se) + stats.norm.cdf(-cut - theta / se)

    law = stats.norm(answer.theta, np.sqrt(0.3))
    expected = integrate.quad(lambda x: power(x) * law.pdf(x), -8, 8, epsabs=1e-13, limit=200)[0]
    assert answer.frame["power"][2] == pytest.approx(expected, rel=1e-9)
    assert answer.theta == pytest.approx(np.average(effects.y, weights=1 / (effects.v + 0.3)), rel=EXACT)


def test_the_exact_tail_is_the_sum_over_all_outcomes():
    chances = np.array([0.1, 0.9, 0.4, 0.65, 0.05, 0.999])
    outcomes = np.array(list(itertools.product((0, 1), repeat=6)))
    mass = np.where(outcomes == 1, chances, 1 - chances).prod(axis=1)
    for number in range(8):
        assert at_least(number, chances) == pytest.approx(mass[outcomes.sum(axis=1) >= number].sum(), rel=1e-13)


def test_at_its_limit_the_excess_has_the_p_value_0_10():
    effects = published("bcg")
    at_limit = excess_significance(effects, theta=excess_significance(effects).limit)
    assert at_limit.p_value == pytest.approx(0.10, rel=1e-10)


@pytest.mark.parametrize("unit", [-1.0, 1e6])
def test_neither_sign_nor_unit_matters(unit):
    effects = published("li2007")
    answer, other = excess_significance(effects), excess_significance(turned(effects, unit))
    assert other.p_value == pytest.approx(answer.p_value, rel=1e-9)


def test_few_studies_are_said_to_tell_little():
    assert "no evidence of absence" in str(excess_significance(published("hine1989")))
