"""The exact engine with mu known: what it gives, what it leaves out, and who refuses such a model."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.errors import MissingQuantityError, ModelError
from poolwise.tables import studies
from support.tables import table

NULL = pw.RandomEffects(mu=priors.Fixed(0.0), tau=priors.HalfNormal(0.5))
KNOWN = pw.RandomEffects(mu=priors.Fixed(0.2), tau_fixed=0.3)


@pytest.fixture(scope="module")
def null():
    return pw.fit(table("bcg"), NULL, pw.Exact())


def test_a_known_mean_is_a_quantity_without_error(null):
    assert (null["mu"].point, null["mu"].sd, null["mu"].interval()) == (0.0, 0.0, (0.0, 0.0))
    assert null["mu"].interval_kind() == "fixed"
    assert null.weights == {}
    assert studies(null)["weight"].isna().all()
    assert null.report.status == "ok"
    assert "mu ~ Fixed(0)" in null.prior


def test_a_prior_that_closes_in_tends_to_the_known_mean(null):
    near = pw.fit(table("bcg"), pw.RandomEffects(mu=priors.Normal(0.0, 1e-4), tau=NULL.tau), pw.Exact())
    assert near.log_evidence == pytest.approx(null.log_evidence, abs=1e-5)
    for name in ("tau", "theta_new"):
        np.testing.assert_allclose(near[name].interval(), null[name].interval(), atol=1e-5)
    assert near.studies["Aronson 1948"].point == pytest.approx(null.studies["Aronson 1948"].point, abs=1e-5)


def test_with_mean_and_spread_known_all_else_is_normal():
    effects, tau2 = table("bcg"), 0.09
    result = pw.fit(effects, KNOWN, pw.Exact())
    assert (result["theta_new"].mean, result["theta_new"].sd) == pytest.approx((0.2, 0.3))
    pull = effects.v[0] / (effects.v[0] + tau2)
    theta = result.studies[effects.labels[0]]
    assert theta.mean == pytest.approx(pull * 0.2 + (1 - pull) * effects.y[0])
    assert theta.sd == pytest.approx(np.sqrt(pull * tau2))
    total = effects.v + tau2
    by_hand = -0.5 * sum(np.log(2 * np.pi * total) + (effects.y - 0.2) ** 2 / total)
    assert result.log_evidence == pytest.approx(by_hand, abs=1e-12)


def test_a_common_effect_that_is_known_leaves_nothing_to_learn():
    result = pw.fit(table("bcg"), pw.CommonEffect(mu=priors.Fixed(0.0)), pw.Exact())
    assert {study.point for study in result.studies.values()} == {0.0}
    with pytest.raises(MissingQuantityError, match="nothing to draw"):
        result.to_datatree()


@pytest.mark.parametrize("model", [NULL, KNOWN], ids=["tau unknown", "tau known"])
def test_in_a_tree_of_draws_the_known_mean_is_constant_data(model):
    tree = pw.fit(table("bcg"), model, pw.Exact(draws=20)).to_datatree()
    assert "mu" not in tree["posterior"]
    assert float(tree["constant_data"]["mu"]) == model.mu.value
    assert tree["posterior"]["theta_new"].shape == (4, 20)
    assert ("log_prior" in tree) == (model is NULL)


def test_closed_form_refuses_a_known_mean():
    with pytest.raises(ModelError, match=r"Fixed\(0\).*Exact"):
        pw.fit(table("bcg"), NULL, pw.ClosedForm())


def test_a_batch_and_a_panel_refuse_a_known_mean():
    effects = table("bcg")
    with pytest.raises(ModelError, match="no batch form"):
        pw.fit_batch(effects.y, effects.se, NULL, pw.Exact())
    with pytest.raises(ModelError, match="is known"):
        pw.checks.prior_panel(effects, mu=priors.Fixed(0.0))


def test_a_known_value_as_a_prior():
    fixed = priors.Fixed(0.3, metric="SMD")
    np.testing.assert_array_equal(fixed.ppf([[0.1], [0.9]]), [[0.3], [0.3]])
    np.testing.assert_array_equal(fixed.cdf([0.2, 0.3, 0.4]), [0.0, 1.0, 1.0])
    assert fixed.scaled(2.0) == priors.Fixed(0.6, metric="SMD")
    with pytest.raises(ModelError, match="no density"):
        fixed.pdf(0.3)
    with pytest.raises(ModelError, match="finite value"):
        priors.Fixed(np.nan)


def test_a_regression_on_the_intercept_alone_with_a_known_mean_is_that_random_effects_model(null):
    regression = pw.MetaRegression("~ 1", beta=priors.Fixed(0.0), tau=priors.HalfNormal(0.5))
    result = pw.fit(table("bcg"), regression, pw.Exact())
    assert result.evidence == pytest.approx(null.evidence, abs=1e-9)
    assert result["tau"].interval() == pytest.approx(null["tau"].interval(), abs=1e-8)


@pytest.mark.parametrize(
    "model", [pw.ThreeLevel("alloc", mu=priors.Fixed(0.1)), pw.LocationScale("~ ablat", beta=priors.Fixed(0.1))]
)
def test_a_known_mean_is_refused_by_name_where_quadrature_has_several_parameters(model):
    with pytest.raises(ModelError, match=r"~ Fixed\(0.1\) is not supported by Exact.*a normal or flat prior"):
        pw.fit(pw.datasets.load("bcg"), model, pw.Exact())
