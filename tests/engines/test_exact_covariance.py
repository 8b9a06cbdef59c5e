"""Known covariance of sampling errors: against dense sums with the whole covariance matrix written out."""

import arviz as az
import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import checks, priors

Y = np.array([0.42, 0.35, 0.1, -0.05, 0.6, 0.3, 0.22])
SE = np.array([0.2, 0.22, 0.15, 0.18, 0.3, 0.25, 0.2])
STUDY = np.array([0, 0, 1, 1, 1, 2, 3])
X = np.column_stack([np.ones(7), [0, 1, 0, 1, 2, 1, 0]])
SD, SCALE = 1.0, 0.4
DENSE = 1e-8  # 3,001 nodes in log tau: no longer moves in the ninth digit when they are doubled


def covariance(rho=0.6):
    return np.outer(SE, SE) * np.where(STUDY[:, None] == STUDY, rho, 0.0) + np.diag((1 - rho) * SE**2)


def effects(**given):
    return pw.Effects(Y, covariance=covariance(), scale="SMD", moderators=pd.DataFrame({"x": X[:, 1]}), **given)


def dense(design):
    """Weights over tau, and at each tau mean and covariance of (beta, theta), by k x k matrices."""
    log_tau = np.linspace(-22.0, 2.0, 3001)
    V, prior = covariance(), SD**2 * np.eye(design.shape[1])
    log_total, means, roots = [], [], []
    for tau in np.exp(log_tau):
        marginal = V + tau**2 * np.eye(7) + design @ prior @ design.T
        cross = np.vstack([prior @ design.T, tau**2 * np.eye(7) + design @ prior @ design.T])
        own = np.block([[prior, prior @ design.T], [design @ prior, tau**2 * np.eye(7) + design @ prior @ design.T]])
        gain = cross @ np.linalg.inv(marginal)
        means.append(gain @ Y)
        roots.append(np.diag(own - gain @ cross.T))
        log_total.append(-0.5 * (Y @ np.linalg.solve(marginal, Y) + np.linalg.slogdet(2 * np.pi * marginal)[1]))
    log_prior = 0.5 * np.log(2 / np.pi) - np.log(SCALE) - 0.5 * (np.exp(log_tau) / SCALE) ** 2 + log_tau
    mass = np.exp(np.array(log_total) + log_prior) * (log_tau[1] - log_tau[0])
    return mass, np.array(means), np.array(roots), np.exp(log_tau)


MODELS = {
    "random effects": (pw.RandomEffects(priors.Normal(0, SD), priors.HalfNormal(SCALE)), X[:, :1], ["mu"]),
    "regression": (
        pw.MetaRegression(["x"], beta=priors.Normal(0, SD), tau=priors.HalfNormal(SCALE)),
        X,
        ["beta[intercept]", "beta[x]"],
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_means_spreads_and_evidence_are_those_of_the_whole_matrix(name):
    model, design, names = MODELS[name]
    result = pw.fit(effects(), model, pw.Exact())
    mass, means, variances, tau = dense(design)
    total = mass.sum()
    assert result.log_evidence == pytest.approx(np.log(total), abs=DENSE)
    mean = mass @ means / total
    sd = np.sqrt(mass @ (variances + (means - mean) ** 2) / total)
    found = [result[one] for one in names] + list(result.studies.values())
    assert [one.mean for one in found] == pytest.approx(mean, abs=DENSE)
    assert [one.sd for one in found] == pytest.approx(sd, abs=DENSE)
    assert result["tau"].mean == pytest.approx(mass @ tau / total, abs=DENSE)


def test_two_effects_of_one_precision_leave_a_contrast_that_tells_nothing_of_the_mean():
    se = np.array(
        [0.11396057645963795, 0.11396057645963795, 0.0924500327042048, 0.13245323570650439, 0.0712470499879096]
    )
    same = np.kron(np.diag([1.0, 1.0, 0.0]), np.ones((2, 2)))[:5, :5]
    known = np.outer(se, se) * np.where(same > 0, 0.5, 0.0)
    np.fill_diagonal(known, se**2)
    y = np.arctanh([0.2, 0.3, 0.15, 0.25, 0.05])
    result = pw.fit(pw.Effects(y, covariance=known, scale="Fisher z"), MODELS["random effects"][0], pw.Exact())
    tau = np.exp(np.linspace(-22.0, 2.0, 3001))
    marginal = known + SD**2 + tau[:, None, None] ** 2 * np.eye(5)
    log_p = -0.5 * (
        y @ np.linalg.solve(marginal, y[None, :, None])[..., 0].T + np.linalg.slogdet(2 * np.pi * marginal)[1]
    )
    mass = np.exp(log_p - 0.5 * (tau / SCALE) ** 2) * tau * np.sqrt(2 / np.pi) / SCALE * 24.0 / 3000
    assert result.log_evidence == pytest.approx(np.log(mass.sum()), abs=DENSE)


def test_without_correlation_nothing_changes():
    plain = pw.Effects(Y, se=SE, scale="SMD")
    known = pw.Effects(Y, se=SE, covariance=np.diag(SE**2), scale="SMD")
    model = MODELS["random effects"][0]
    one, other = (pw.fit(table, model, pw.Exact()) for table in (plain, known))
    assert one.log_evidence == pytest.approx(other.log_evidence, abs=1e-10)
    for a, b in zip(one.quantities.values(), other.quantities.values(), strict=True):
        assert a.interval(0.95) == pytest.approx(b.interval(0.95), abs=1e-9)
    assert list(one.weights.values()) == pytest.approx(list(other.weights.values()), abs=1e-12)


@pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
def test_a_correlation_of_all_estimates_of_a_study_is_the_model_of_correlated_effects():
    table = pw.Effects(Y, covariance=covariance(0.6), scale="SMD")
    named = pw.Effects(Y, se=SE, study=[f"s{i}" for i in STUDY], scale="SMD")
    che = pw.ThreeLevel(
        mu=priors.Normal(0, SD), tau_between=priors.HalfNormal(1e-7), tau_within=priors.HalfNormal(SCALE), rho=0.6
    )
    known = pw.fit(table, MODELS["random effects"][0], pw.Exact())
    levels = pw.fit(named, che, pw.Exact())
    assert known["mu"].interval(0.95) == pytest.approx(levels["mu"].interval(0.95), abs=1e-6)
    assert known["tau"].interval(0.95) == pytest.approx(levels["tau_within"].interval(0.95), abs=1e-6)


@pytest.mark.filterwarnings("ignore:Estimated shape parameter of Pareto")  # 4 blocks, one of them of 3 estimates
@pytest.mark.parametrize("name", MODELS)
def test_draws_and_what_arviz_needs(name):
    model, design, names = MODELS[name]
    result = pw.fit(effects(), model, pw.Exact(draws=5000))
    tree = result.to_datatree()
    theta = tree["posterior"]["theta"].to_numpy().reshape(-1, 7)
    sd = [one.sd for one in result.studies.values()]
    assert theta.mean(axis=0) == pytest.approx([one.mean for one in result.studies.values()], abs=5 * max(sd) / 141)
    assert theta.std(axis=0) == pytest.approx(sd, rel=0.04)
    log_likelihood = tree["log_likelihood"]["y_by_block"]
    assert log_likelihood.sizes["block"] == 4
    beta = tree["posterior"]["mu" if names == ["mu"] else "beta"].to_numpy()[0, 0].reshape(-1)
    tau = float(tree["posterior"]["tau"][0, 0])
    V, residual = covariance() + tau**2 * np.eye(7), Y - design @ beta
    wanted = -0.5 * (residual @ np.linalg.solve(V, residual) + np.linalg.slogdet(2 * np.pi * V)[1])
    assert float(log_likelihood[0, 0].sum()) == pytest.approx(wanted, abs=1e-9)
    assert az.loo(tree).n_data_points == 4
    assert tree["posterior_predictive"]["y"].sizes["study"] == 7


def test_rows_that_go_take_their_covariances_with_them():
    table = effects(study=list("abcdefg"))
    less = table.drop(study="b")
    keep = np.array([0, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(less.covariance, covariance()[np.ix_(keep, keep)])
    assert less.data_hash != pw.Effects(less.y, se=less.se, study=less.study, scale="SMD").data_hash
    with pytest.warns(pw.PoolwiseWarning):
        gone = pw.Effects(np.where(np.arange(7) == 1, np.nan, Y), se=SE, covariance=covariance(), scale="SMD")
    np.testing.assert_allclose(gone.covariance, less.covariance, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"covariance": covariance()[:6]}, "shape"),
        ({"covariance": np.eye(6)}, "6 values"),
        ({"covariance": "abc"}, "no number"),
        ({"covariance": covariance(), "se": SE * 1.1}, "disagree"),
        ({"covariance": covariance() + 0.01 * np.tri(7, k=-1)}, "not symmetric"),
        ({"covariance": covariance(1.2)}, "not positive definite"),
    ],
)
def test_what_is_no_covariance_is_refused(given, told):
    with pytest.raises(pw.PoolwiseError, match=told):
        pw.Effects(Y, scale="SMD", **given)


@pytest.mark.parametrize(
    ("model", "engine"),
    [
        (pw.RandomEffects(), pw.ClosedForm()),
        (pw.RandomEffects(), pw.NUTS()),
        (pw.RandomEffects(priors.StudentT(3, 0, 1)), pw.Exact()),
        (pw.LocationScale(["x"]), pw.Exact()),
    ],
)
def test_no_fit_takes_correlated_errors_for_independent_ones(model, engine):
    with pytest.raises(pw.PoolwiseError, match="known covariance"):
        pw.fit(effects(), model, engine)


@pytest.mark.parametrize("check", [checks.prior_panel, checks.prior_surface, checks.tipping_point])
def test_no_check_does_either(check):
    with pytest.raises(pw.PoolwiseError, match="known covariance"):
        check(effects())


def test_an_offset_costs_no_digits_that_the_estimates_still_have():
    # 30 estimates in one block, whose turn sums 30 large products; 2^20 is added to these without rounding
    rng = np.random.default_rng(11)
    y = np.round(rng.normal(0.1, 1.0, 30) * 2**20) / 2**20
    V = 0.04 * np.corrcoef(rng.normal(size=(30, 45)))
    offset = 2.0**20
    here, there = (
        pw.fit(
            pw.Effects(y + at, covariance=V),
            pw.RandomEffects(priors.Normal(at, SD), priors.HalfNormal(SCALE)),
            pw.Exact(),
        )
        for at in (0.0, offset)
    )
    for a, b in zip(here.effects.labels, there.effects.labels, strict=True):
        moved = np.array(there.studies[b].interval(0.95)) - offset
        assert moved == pytest.approx(here.studies[a].interval(0.95), abs=5e-9 * here.studies[a].sd)
    assert there.log_evidence == pytest.approx(here.log_evidence, abs=1e-9)
    assert there["mu"].point - offset == pytest.approx(here["mu"].point, abs=5e-9 * here["mu"].sd)
