"""A Gauss rule of few nodes stands for a posterior of tau, and says the same of every study."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.quadrature.one_tau.mixtures import FEW
from poolwise.quadrature.rules.gauss_rules import discrete_gauss
from support.tables import table

ROUNDING = 1e-13
AGREEMENT = 1e-10  # half-widths; the rule is used where it is good to 1e-11


def test_the_rule_integrates_polynomials_of_degree_2n_minus_1():
    rng = np.random.default_rng(1)
    weight, x = rng.dirichlet(np.ones(150)), rng.uniform(0.1, 0.4, 150)
    few, nodes = discrete_gauss(weight, x, 12)
    assert len(nodes) == 12
    for degree in range(24):
        assert few @ nodes**degree == pytest.approx(weight @ x**degree, rel=ROUNDING)


def test_a_measure_of_few_points_is_its_own_rule():
    few, nodes = discrete_gauss(np.array([0.25, 0.75]), np.array([1.0, 3.0]), 10)
    assert sorted(zip(nodes, few, strict=True)) == [pytest.approx((1.0, 0.25)), pytest.approx((3.0, 0.75))]
    assert discrete_gauss(np.array([1.0]), np.array([0.3]), 10)[1] == pytest.approx([0.3])


def large(k, spread, smallest):
    rng = np.random.default_rng(k)
    se = np.geomspace(smallest, 0.5, k)
    return pw.Effects(rng.normal(0.2, np.hypot(se, spread)), se=se, scale="SMD")


@pytest.mark.parametrize(
    "effects",
    [table("curtis1998"), large(FEW + 1, 0.0, 0.05), large(300, 0.3, 0.05), large(300, 0.02, 1e-4)],
    ids=["curtis1998", "mode at 0", "heterogeneous", "four orders of se"],
)
def test_limits_of_many_studies_are_those_of_each_by_itself(effects):
    result = pw.fit(effects, pw.RandomEffects(priors.Normal(0, 1), priors.HalfCauchy(0.5)), pw.Exact())
    assert effects.k > FEW
    for row in range(0, effects.k, 7):
        study = result.studies[effects.labels[row]]
        lower, upper = study.interval(0.95)
        assert study.cdf([lower, study.point, upper]) == pytest.approx([0.025, 0.5, 0.975], abs=AGREEMENT)
