"""Leave-one-out: against refits, and against dense trapezoid rules with the matrix algebra written out."""

import numpy as np
import pytest
from scipy.special import ndtr

import poolwise as pw
from poolwise import checks, priors
from poolwise.errors import ModelError

BCG = pw.datasets.load("bcg")
REFIT = 1e-9  # two quadratures of the same posterior, each good to 1e-10
TRAPEZOID = 1e-8  # 4,001 nodes in log tau: no longer moves in the ninth digit when they are doubled
NORMAL, HALF = priors.Normal(0, 2), priors.HalfNormal(1)
MODELS = [
    pw.CommonEffect(NORMAL),
    pw.RandomEffects(NORMAL, HALF),
    pw.RandomEffects(NORMAL, tau_fixed=0.3),
    pw.MetaRegression("~ ablat", beta=NORMAL, tau=HALF),
    pw.Subgroups("alloc", NORMAL, HALF),
]


def first(k):
    return pw.Effects(BCG.y[:k], se=BCG.se[:k], study=BCG.study[:k], scale="log RR", allow_single=True)


def expected(y, v, X, i, mu, tau_scale):
    """log p(y_i | y_-i) and P(y_new < y_i | y_-i) with y ~ N(X beta, diag(v + tau^2)), on nodes of log tau."""
    rest = np.arange(len(y)) != i
    log_tau = np.linspace(-25.0, 3.5, 4001)
    tau = np.exp(log_tau)
    height, mean, spread = [], [], []
    for t in tau:
        weight = 1.0 / (v[rest] + t**2)
        A = X[rest].T @ (weight[:, None] * X[rest]) + np.eye(X.shape[1]) / mu**2
        beta = np.linalg.solve(A, X[rest].T @ (weight * y[rest]))
        residual = (weight * (y[rest] - X[rest] @ beta) ** 2).sum() + (beta**2).sum() / mu**2
        height.append(0.5 * (np.log(weight).sum() - np.linalg.slogdet(A)[1] - residual))
        mean.append(X[i] @ beta)
        spread.append(np.sqrt(X[i] @ np.linalg.solve(A, X[i]) + t**2 + v[i]))
    mean, spread = np.array(mean), np.array(spread)
    mass = np.exp(np.array(height) - np.max(height) - 0.5 * (tau / tau_scale) ** 2 + log_tau)
    mass /= mass.sum()
    z = (y[i] - mean) / spread
    density = np.exp(-0.5 * z * z) / spread / np.sqrt(2 * np.pi)
    return np.log(mass @ density), mass @ ndtr(z)


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.filterwarnings("ignore:groups of .alloc. with one study")
def test_log_density_is_what_the_evidence_loses(model):
    found = checks.leave_one_out(BCG, model).frame
    whole = pw.fit(BCG, model, pw.Exact()).log_evidence
    for i in (0, 4, 12):
        less = pw.fit(BCG.drop(study=BCG.study[i]), model, pw.Exact()).log_evidence
        assert found["log_density"][i] == pytest.approx(whole - less, abs=REFIT)


@pytest.mark.parametrize("mu", [2.0, np.inf])
@pytest.mark.parametrize("moderated", [False, True])
def test_density_and_pit_are_those_of_the_predictive_distribution(mu, moderated):
    prior = priors.Normal(0, mu) if np.isfinite(mu) else priors.Flat()
    model = pw.MetaRegression("~ ablat", beta=prior, tau=HALF) if moderated else pw.RandomEffects(prior, HALF)
    X = np.ones((13, 1))
    if moderated:
        X = np.column_stack([X, BCG.moderators["ablat"].to_numpy(dtype=float)])
    frame = checks.leave_one_out(BCG, model).frame
    for i in (3, 7):
        log_density, pit = expected(BCG.y, BCG.v, X, i, mu, 1.0)
        assert frame["log_density"][i] == pytest.approx(log_density, abs=TRAPEZOID)
        assert frame["pit"][i] == pytest.approx(pit, abs=TRAPEZOID)
        assert frame["conflict_p"][i] == pytest.approx(2 * min(pit, 1 - pit), abs=TRAPEZOID)


@pytest.mark.parametrize("model", MODELS[1:4:2], ids=str)
def test_influence_is_that_of_refits(model):
    found = checks.leave_one_out(BCG, model).influence.set_index(["left_out", "quantity"])
    whole = pw.fit(BCG, model, pw.Exact())
    for study in ("TPT Madras 1980", "Hart & Sutherland 1977"):
        less = pw.fit(BCG.drop(study=study), model, pw.Exact())
        for name in found.loc[study].index:
            row, now, before = found.loc[study, name], less[name], whole[name]
            assert [row["point"], row["lower"], row["upper"]] == pytest.approx(
                [now.point, *now.interval(0.95)], abs=REFIT
            )
            assert row["shift"] == pytest.approx((now.point - before.point) / before.sd, abs=1e-8)
            assert row["ratio"] == pytest.approx(now.sd / before.sd, rel=1e-8)


def test_the_only_study_of_a_level_cannot_be_foretold():
    kept = BCG.drop(study="Stein & Aronson 1953")  # leaves one study with alternate allocation
    found = checks.leave_one_out(kept, pw.Subgroups("alloc", NORMAL, HALF))
    lone = found.frame.set_index("study").loc["Frimodt-Moller et al 1973"]
    assert lone["status"] == "not_estimable"
    assert np.isnan(lone["log_density"])
    assert np.isnan(found.elpd)
    assert "cannot tell what to expect of Frimodt-Moller et al 1973" in found.sentences[-1]
    assert found.frame["log_density"].notna().sum() == kept.k - 1


def test_moments_that_do_not_exist_are_told():
    three = first(3)
    found = checks.leave_one_out(three, pw.RandomEffects(priors.Flat(), priors.HalfCauchy(1)))
    assert set(found.frame["status"]) == {"moment_does_not_exist"}
    assert found.frame["sd"].isna().all()
    assert found.frame["pit"].between(0, 1).all()


def test_an_outlier_stands_out():
    y = np.append(BCG.y, 9.0)
    effects = pw.Effects(y, se=np.append(BCG.se, 0.1), study=[*BCG.study, "outlier"], scale="log RR")
    found = checks.leave_one_out(effects)
    assert found.frame["conflict_p"].idxmin() == 13
    assert "outlier" in found.sentences[0]
    assert found.elpd < checks.leave_one_out(BCG).elpd


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (pw.ThreeLevel(mu=priors.StudentT(3, 0, 1)), "mu ~ StudentT"),
        (pw.Exact(), "leave_one_out was given Exact"),
    ],
)
def test_what_the_exact_engine_does_not_answer_is_refused(model, told):
    with pytest.raises(ModelError, match=told):
        checks.leave_one_out(BCG, model)


def test_one_study_cannot_be_left_out():
    with pytest.raises(ModelError, match="no study can be left out"):
        checks.leave_one_out(first(1), pw.RandomEffects(NORMAL, HALF))


@pytest.mark.parametrize(
    ("model", "moved"),
    [
        (pw.RandomEffects(priors.Fixed(0), HALF), {"tau"}),
        (pw.RandomEffects(priors.Fixed(0), tau_fixed=0.3), set()),
        (pw.CommonEffect(priors.Fixed(0)), set()),
    ],
    ids=str,
)
def test_a_stated_mean_is_not_moved_and_the_estimates_are_told_all_the_same(model, moved):
    found = checks.leave_one_out(BCG, model)
    assert set(found.influence["quantity"]) == moved
    less = pw.fit(BCG.drop(study=BCG.study[4]), model, pw.Exact()).log_evidence
    assert found.frame["log_density"][4] == pytest.approx(pw.fit(BCG, model, pw.Exact()).log_evidence - less, abs=REFIT)
    assert ("moves τ most" in found.sentences[1]) == bool(moved)


def test_a_posterior_without_an_sd_leaves_the_shift_open_and_says_so():
    with pytest.warns(pw.PoolwiseWarning, match="only 2 studies"):
        two = pw.Effects([0.1, 0.5], se=[0.2, 0.3])
    found = checks.leave_one_out(two, pw.RandomEffects(priors.Flat(), priors.HalfCauchy(0.5)))
    assert found.influence["shift"].isna().all()
    assert "cannot be told in posterior sds" in found.sentences[1]
    assert np.isfinite(found.frame["log_density"]).all()
