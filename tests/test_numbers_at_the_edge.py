"""Extreme but legal numbers: ratios of variances, scales, priors far from the data; each right, or refused in words."""

from __future__ import annotations

import math

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.closed_form.heterogeneity import q_profile
from poolwise.closed_form.least_squares import prepare
from poolwise.closed_form.tau2 import ESTIMATORS, estimate_tau2
from poolwise.model import far_priors
from support.oracle_digits import Digits

Y = [0.1, 0.9, -0.5, 2.0]
DOUBLE = 1e-9  # what is left of 16 digits after searches that end at a relative 1e-11


def uneven(s: float) -> pw.Effects:
    return pw.Effects(Y, se=[s, 0.2, 0.447, 1.0], study=list("abcd"))


@pytest.mark.parametrize("s", [5e-9, 1e-9, 1e-12, 1e-20, 1e-30])
def test_a_study_that_is_all_but_exact_costs_no_digits(s):
    fits = {name: pw.fit(uneven(s), pw.RandomEffects(), pw.ClosedForm(tau2=name)) for name in ("DL", "PM", "REML")}
    assert fits["DL"]["tau2"].point == pytest.approx(0.29691746, abs=1e-8)
    assert fits["DL"]["mu"].point == pytest.approx(0.38854127, abs=1e-8)
    assert fits["DL"]["I2"].point == pytest.approx(0.85989, abs=1e-5)
    assert fits["PM"]["tau2"].point == pytest.approx(0.64969, abs=1e-5)
    assert fits["REML"]["tau2"].point == pytest.approx(0.44801, abs=1e-5)
    assert fits["REML"]["I2"].point == pytest.approx(0.9025375, abs=1e-7)
    assert any("times the smallest, of 'a'" in note for note in fits["DL"].report.notes)


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "ML"])
@pytest.mark.parametrize("precise", [(0,), (0, 3), (0, 1)])
def test_estimators_with_moderators_are_those_of_400_digits(name, precise):
    y, se = np.array([0.1, 0.9, -0.5, 2.0, 0.3, 1.1]), np.array([0.5, 0.2, 0.447, 1.0, 0.3, 0.4])
    X = np.column_stack([np.ones(6), [0.0, 0.0, 2.0, 3.0, 4.0, 5.0]])
    se[list(precise)] = 1e-12
    ours = estimate_tau2(prepare(y, se**2, X), name).value[0]
    assert ours == pytest.approx(float(Digits(y, se**2, X).tau2(name)), rel=DOUBLE)


def test_q_profile_limits_are_those_of_400_digits():
    v = np.array([1e-12, 1e-12, 0.447, 1.0]) ** 2
    np.testing.assert_allclose(q_profile(prepare(Y, v))[0], [float(x) for x in Digits(Y, v).limits()], rtol=DOUBLE)


@pytest.mark.parametrize("s", [1e-29, 1e-9, 1e9, 1e29])
def test_the_unit_of_the_effects_does_not_matter(s):
    def answers(unit: float) -> list[float]:
        effects = pw.Effects(np.array(Y) * unit, se=np.array([0.3, 0.2, 0.447, 0.9]) * unit)
        model = pw.RandomEffects(priors.Normal(0, unit), priors.HalfCauchy(0.5 * unit))
        engines = [pw.Exact(), *(pw.ClosedForm(tau2=name) for name in ("REML", "DL", "ML", "SJ"))]
        fits = [pw.fit(effects, model, engine) for engine in engines]
        lengths = [x / unit for fit in fits for name in ("mu", "tau") for x in (fit[name].point, *fit[name].interval())]
        return [*lengths, *(fit["I2"].point for fit in fits)]

    np.testing.assert_allclose(answers(s), answers(1.0), rtol=1e-7)


@pytest.mark.parametrize(("y", "se"), [(1e31, 0.2), (0.1, 1e31), (0.1, 1e-31)])
def test_numbers_beyond_the_arithmetic_are_refused_with_what_is_admitted(y, se):
    with pytest.raises(pw.PoolwiseError, match=r"range of the arithmetic.*'a' \(row 1\).*1e\+30"):
        pw.Effects([y, 0.2, 0.3], se=[se, 0.1, 0.1], study=list("abc"))


def test_the_exact_engine_keeps_its_digits_beside_an_all_but_exact_study():
    model = pw.RandomEffects(priors.Normal(0, 1), priors.HalfNormal(0.5))
    first, second = (pw.fit(uneven(s), model, pw.Exact()) for s in (1e-9, 1e-25))
    for name in ("mu", "tau", "I2", "theta_new"):
        assert first[name].interval() == pytest.approx(second[name].interval(), rel=1e-8)
    assert first["I2"].point == pytest.approx(1 / (1 + 0.04837 / first["tau"].point ** 2), rel=1e-3)


def test_a_truncated_mean_far_from_the_data_stays_within_its_limits():
    y = np.linspace(-1.1, -0.9, 20)
    mu = pw.fit(
        pw.Effects(y, se=np.full(20, 0.05)), pw.CommonEffect(mu=priors.TruncatedNormal(0, 1, 0, 5)), pw.Exact()
    )["mu"]
    a = 1.0 / 0.05**2 * 20 / math.sqrt(1 + 20 / 0.05**2)  # mean of mu over its sd, whole prior: a remote normal tail
    sd = 1 / math.sqrt(1 + 20 / 0.05**2)
    # the median m of that tail: log of the ratio of probabilities beyond a + m and a, to second order in 1 / a
    assert mu.point == pytest.approx(sd * math.log(2) / a * (1 - (1 + 0.5 * math.log(2)) / a**2), rel=1e-6)
    assert (mu.ppf(np.array([0.0, 1e-12, 0.025, 0.975, 1.0])) >= 0.0).all()
    assert mu.sd == pytest.approx(sd / a, rel=1e-3)


def test_a_shortest_interval_of_a_truncated_mean_has_equal_densities_at_its_ends():
    model = pw.RandomEffects(priors.TruncatedNormal(0, 1, upper=0), priors.HalfNormal(0.5))
    mu = pw.fit(pw.datasets.load("bcg"), model, pw.Exact(kind="shortest"))["mu"]
    low, high = mu.interval()
    assert float(mu.pdf(low)) == pytest.approx(float(mu.pdf(high)), rel=1e-4)
    assert mu.probability(low, high) == pytest.approx(0.95, abs=1e-8)


@pytest.mark.parametrize("prior", [priors.Gamma(0.001, 0.001), priors.HalfT(1e20, 0.5)])
def test_vague_priors_on_tau_are_integrated(prior):
    tau = np.exp(np.linspace(-8.0, 3.0, 20_001))  # bcg says tau > 0.1
    bcg = pw.datasets.load("bcg")
    w = 1 / (bcg.v + tau[:, None] ** 2)
    A, B, C = w.sum(1) + 1, (w * bcg.y).sum(1), (w * bcg.y**2).sum(1)
    height = 0.5 * (np.log(w).sum(1) - np.log(A) - C + B**2 / A) + prior.log_pdf(tau) + np.log(tau)
    F = np.cumsum(np.exp(height - height.max()))
    fit = pw.fit(bcg, pw.RandomEffects(priors.Normal(0, 1), prior), pw.Exact())
    assert fit["tau"].point == pytest.approx(np.interp(0.5, F / F[-1], tau), rel=1e-3)


@pytest.mark.parametrize("engine", [pw.NUTS, pw.Exact])
def test_what_cannot_fit_in_memory_is_refused(engine):
    with pytest.raises(pw.PoolwiseError, match="GB of memory"):
        engine(draws=10**12)


@pytest.mark.parametrize("formula", ["~ 0 + x", "~ 0 + g"])
def test_there_is_no_r2_without_an_intercept(formula):
    effects = pw.Effects(
        [0.1, 0.35, -0.2, 1.1, 0.05],
        se=[0.1, 0.2, 0.1, 0.3, 0.2],
        moderators={"x": [1, 2, 3, 5, 4], "g": list("aabba")},
    )
    result = pw.fit(effects, pw.MetaRegression(formula), pw.ClosedForm())
    assert "R2" not in result.quantities
    assert "no intercept" in result.absent["R2"]


def test_an_estimate_outside_its_q_profile_interval_is_said():
    effects = pw.Effects([0.1, 0.35, -0.2, 4.1, 0.05, 2.2], v=[1e-6, 0.02, 0.5, 0.9, 1e-7, 3.0])
    said = {name: pw.fit(effects, pw.RandomEffects(), pw.ClosedForm(tau2=name)).report.notes for name in ("DL", "PM")}
    assert any("different equations" in note for note in said["DL"])
    assert not any("different equations" in note for note in said["PM"])


def test_a_location_scale_model_wants_fewer_coefficients_than_studies():
    effects = pw.Effects(Y, se=[0.1] * 4, moderators={"x": [1, 2, 3, 5], "z": [2, 1, 5, 3]})
    with pytest.raises(pw.PoolwiseError, match="5 coefficients"):
        pw.fit(effects, pw.LocationScale("~ x", "~ x + z", tau=priors.HalfNormal(1)), pw.Exact())


def test_everything_is_certain_to_the_last_bit():
    fit = pw.fit(uneven(0.3), pw.RandomEffects(priors.Normal(0, 1), priors.HalfNormal(0.5)), pw.Exact())
    for name in ("mu", "tau", "tau2", "I2", "theta_new"):
        assert fit[name].probability() == 1.0
        assert fit[name].cdf(np.array([-np.inf, np.inf])).tolist() == [0.0, 1.0]


def test_a_prior_far_from_the_studies_is_said():
    effects = pw.Effects([18, 20, 31, 25, 22], se=[1.0, 1.1, 0.9, 1.2, 1.0])
    model = pw.RandomEffects(priors.Normal(0, 1), priors.HalfNormal(5))
    result = pw.fit(effects, model, pw.Exact())
    assert any("the prior Normal(0, 1) on mu lies 23" in note for note in result.report.notes)
    near = pw.fit(effects, pw.RandomEffects(priors.Normal(15, 5), priors.HalfNormal(5)), pw.Exact())
    assert not any("standard deviations from" in note for note in near.report.notes)


@pytest.mark.parametrize("prior", [priors.Normal(0, 1), priors.StudentT(5, 0, 1), priors.TruncatedNormal(0, 1, -3, 9)])
def test_a_prior_is_far_beyond_five_standard_deviations_of_it_and_of_the_estimate_together(prior):
    y, se = np.array([-0.1, 0.0, 0.1]), np.full(3, 0.5)  # tau = 0
    middle, reach = float(prior.ppf(0.5)), 5.0 * np.hypot(prior.spread, 0.5 / np.sqrt(3.0))
    for shift in (-1e-6, 1e-6):
        table = pw.Effects(y + middle + reach + shift, se=se)
        notes = pw.fit(table, pw.CommonEffect(prior), pw.Exact()).report.notes
        assert any("standard deviations from what the studies say" in note for note in notes) == (shift > 0)


def test_memory_is_asked_for_before_the_draws_of_many_studies():
    effects = pw.Effects(np.linspace(-1.0, 1.0, 2000), se=np.full(2000, 0.1))
    engine = pw.NUTS(draws=10_000_000 // 4, tune=1)
    with pytest.raises(pw.errors.ModelError, match=r"true effects of 2000 studies would take at least .* GB"):
        engine.fit(effects, pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(1)))


def test_what_overflows_when_squared_is_refused():
    with pytest.raises(pw.errors.ModelError, match=r"sd = 1e-300.*whose square is a number.*Fixed"):
        priors.Normal(0, 1e-300)
    with pytest.raises(pw.errors.ModelError, match=r"tau_fixed = 1e\+200.*from 0 to"):
        pw.RandomEffects(tau_fixed=1e200)


@pytest.mark.parametrize("sd", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("middle", [0.003, 0.3, 3.0])
def test_a_narrow_prior_on_tau_is_a_known_tau(middle, sd):
    effects = pw.Effects([0.1, 0.5, 0.3, 0.9, -0.2], se=[0.1, 0.2, 0.15, 0.3, 0.25])
    narrow = pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.LogNormal(np.log(middle), sd))
    fixed = pw.RandomEffects(mu=priors.Normal(0, 1), tau_fixed=middle)
    found, known = pw.fit(effects, narrow, pw.Exact()), pw.fit(effects, fixed, pw.Exact())
    assert found.report.status == "ok"
    assert found["mu"].mean == pytest.approx(known["mu"].mean, rel=20 * sd**2)  # a second-order effect
    assert found["tau"].mean == pytest.approx(middle, rel=20 * sd**2)


def test_a_far_prior_on_the_mean_of_subgroups_is_said():
    effects = pw.Effects([18, 20, 31, 25, 22], se=np.ones(5), moderators={"g": list("aabbb")})
    model = pw.Subgroups("g", mu=priors.Normal(0, 1), tau=priors.HalfNormal(1))
    notes = " ".join(pw.fit(effects, model, pw.Exact()).report.notes)
    assert "Normal(0, 1) on mu[a] lies" in notes
    assert "Normal(0, 1) on mu[b] lies" in notes


@pytest.mark.parametrize("df", [0.03, 0.1, 0.5])
def test_a_t_prior_of_next_to_no_degrees_of_freedom(df):
    """Against a sum over mu and Gauss-Legendre nodes of tau; half of the mixing law lies beyond any number."""
    y, se = np.array([0.1, 0.5, 0.3, 0.9, -0.2]), np.array([0.1, 0.2, 0.15, 0.3, 0.25])
    mu = np.linspace(-20.0, 20.0, 20_001)
    nodes, weights = np.polynomial.legendre.leggauss(100)
    prior, density = priors.StudentT(df, 0, 1), np.zeros_like(mu)
    for tau, weight in zip(1.6 * (nodes + 1.0), weights, strict=True):
        v = (se**2 + tau**2)[:, None]
        density += weight * np.exp(-0.5 * ((y[:, None] - mu) ** 2 / v + np.log(v)).sum(axis=0) - 2.0 * tau * tau)
    density *= prior.pdf(mu)
    result = pw.fit(pw.Effects(y, se=se), pw.RandomEffects(mu=prior, tau=priors.HalfNormal(0.5)), pw.Exact())
    assert result.report.status == "ok"
    assert result["mu"].mean == pytest.approx(float(mu @ density / density.sum()), abs=1e-6)


def test_a_prior_that_coefficients_have_jointly_is_not_asked_whether_it_is_far():
    bcg = pw.datasets.load("bcg")
    beta = {"intercept": priors.Normal(0.0, 1.0), "ablat": priors.RegularizedHorseshoe(0.5, 1.0)}
    model = pw.MetaRegression("~ ablat", beta=beta).resolved(bcg)
    assert far_priors(model, bcg) == ()


def test_a_prior_on_tau_far_below_what_the_studies_differ_by_is_told():
    far = pw.Effects([1e6, 2e6, 3e6, 1e6, 2e6], se=[1e5] * 5, study=list("abcde"))
    model = pw.RandomEffects(mu=pw.priors.Normal(0, 2), tau=pw.priors.HalfNormal(1))
    notes = pw.fit(far, model, pw.Exact()).report.notes
    assert any("HalfNormal(1) on tau puts 99.99 % below 3.89" in note for note in notes)
    assert any("Normal(0, 2) on mu lies 9e+05 of its standard deviations" in note for note in notes)
    bcg = pw.datasets.load("bcg")
    for prior, told in ((pw.priors.HalfNormal(0.01), True), (pw.priors.HalfNormal(0.2), False)):
        notes = pw.fit(bcg, pw.RandomEffects(tau=prior), pw.Exact()).report.notes
        assert any("on tau puts 99.99 % below" in note for note in notes) is told


@pytest.mark.parametrize(
    "number", [{"y": [[1e300, 0.2]], "se": [[0.1, 0.1]]}, {"y": [[0.1, 0.2]], "se": [[1e-200, 0.1]]}]
)
def test_many_tables_admit_what_one_admits(number):
    model = pw.RandomEffects(mu=pw.priors.Normal(0, 1), tau=pw.priors.HalfNormal(1))
    with pytest.raises(pw.PoolwiseError, match=r"row\(s\) 1 are beyond the range of the arithmetic"):
        pw.fit_batch(**number, model=model, engine=pw.Exact())


def test_predictions_beyond_the_arithmetic_are_refused():
    bcg = pw.datasets.load("bcg")
    result = pw.fit(bcg, pw.MetaRegression("~ ablat"), pw.ClosedForm())
    with pytest.raises(pw.PoolwiseError, match=r"'ablat' is beyond the range of the arithmetic in row\(s\) 2"):
        pw.predict(result, {"ablat": [10.0, 1e300]})


def test_a_prior_of_no_width_is_refused():
    with pytest.raises(pw.PoolwiseError, match=r"scale = 1e-300.*at least 1e-140"):
        pw.priors.HalfCauchy(1e-300)
