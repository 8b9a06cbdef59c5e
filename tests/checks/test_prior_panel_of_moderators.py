"""The prior panel on a moderator's coefficient or a contrast of subgroups."""

import numpy as np
import pytest
from scipy import optimize, special

import poolwise as pw
from poolwise import priors
from poolwise.checks.prior_panel import prior_panel
from poolwise.errors import ModelError

SAME = 1e-9  # the batch and the single fit stand on different panels; both are good to 1e-12 posterior sd
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
EDGES = np.linspace(np.log(1e-7), np.log(40.0), 161)


@pytest.fixture
def bcg():
    return pw.datasets.load("bcg")


def below_zero(effects, x, scale):
    """P(slope < 0) under flat coefficients and tau ~ HalfNormal(scale), by weighted least squares over log tau."""
    half = 0.5 * np.diff(EDGES)[:, None]
    tau = np.exp((0.5 * (EDGES[1:] + EDGES[:-1])[:, None] + half * NODES).ravel())
    X, log_density, chance = np.column_stack([np.ones(effects.k), x]), [], []
    for t in tau:
        W = np.diag(1.0 / (effects.v + t**2))
        A = X.T @ W @ X
        beta = np.linalg.solve(A, X.T @ W @ effects.y)
        rest = effects.y - X @ beta
        dets = np.linalg.slogdet(W)[1] - np.linalg.slogdet(A)[1]
        log_density.append(0.5 * (dets - rest @ W @ rest) - 0.5 * (t / scale) ** 2 + np.log(t))
        chance.append(special.ndtr(-beta[1] / np.sqrt(np.linalg.inv(A)[1, 1])))
    weight = np.exp(np.array(log_density) - max(log_density)) * (half * WEIGHTS).ravel()
    return float(weight @ np.array(chance) / weight.sum())


@pytest.mark.parametrize("beta", [None, priors.Normal(0, 1), {"ablat": priors.StudentT(4, 0, 0.05)}], ids=str)
def test_every_row_is_the_single_fit(bcg, beta):
    taus = [priors.HalfNormal(0.5), priors.InverseGamma(1.51, 0.23), priors.DuMouchel(), priors.Flat()]
    panel = prior_panel(bcg, pw.MetaRegression("~ ablat", beta=beta), priors=taus)
    for (_, row), tau in zip(panel.frame.iterrows(), taus, strict=True):
        one = pw.fit(bcg, pw.MetaRegression("~ ablat", beta=beta, tau=tau), pw.Exact())
        slope = one["beta[ablat]"]
        found = row[["mu_point", "mu_lower", "mu_upper"]].to_numpy(dtype=float)
        np.testing.assert_allclose(found, [slope.point, *slope.interval(0.95)], rtol=0, atol=SAME * slope.sd)
        assert row["p_positive"] == pytest.approx(1.0 - slope.cdf(0.0), abs=SAME)
        assert row["tau_point"] == pytest.approx(one["tau"].point, rel=SAME)
        assert row["quantity"] == "beta[ablat]"
        assert np.isnan(row["theta_new_lower"])


def test_the_probability_is_that_of_weighted_least_squares_over_tau(bcg):
    panel = prior_panel(bcg, pw.MetaRegression("~ ablat"), priors=[priors.HalfNormal(0.5)])
    expected = below_zero(bcg, bcg.moderators["ablat"].to_numpy(), 0.5)
    assert panel.frame["p_positive"].iloc[0] == pytest.approx(1.0 - expected, abs=1e-9)


def test_at_the_tipping_point_of_a_slope_its_limit_is_zero():
    x = np.arange(5.0)
    effects = pw.Effects(0.16 * x + [0.2, -0.2, 0.1, -0.1, 0.1], se=[0.15] * 5, scale="SMD", moderators={"x": x})
    panel = prior_panel(effects, pw.MetaRegression("~ x"))
    scale = optimize.brentq(lambda s: below_zero(effects, x, s) - 0.025, 0.02, 4.0, xtol=1e-10)
    assert panel.tipping_point == pytest.approx(scale, rel=1e-6)
    assert "for β[x]" in panel.sentence
    assert "for β[x]" in panel.tipping_sentence
    assert panel.verdict == "prior-dependent"


def test_a_contrast_of_subgroups_has_a_panel(bcg):
    name = "mu[random] - mu[alternate]"
    panel = prior_panel(bcg, pw.Subgroups("alloc"), quantity=name, priors=[priors.HalfNormal(1.0)])
    contrast = pw.fit(bcg, pw.Subgroups("alloc", tau=priors.HalfNormal(1.0)), pw.Exact())[name]
    row = panel.frame.iloc[0]
    np.testing.assert_allclose([row["mu_lower"], row["mu_upper"]], contrast.interval(0.95), atol=SAME)
    assert "its mean effects ~ Normal(0, 2)" in panel.sentence


@pytest.mark.parametrize(
    ("model", "given", "told"),
    [
        (pw.MetaRegression("~ ablat"), {"quantity": "beta[ablt]"}, r"beta\[ablat\]"),
        (pw.MetaRegression("~ ablat + year"), {}, "several mean effects"),
        (pw.Subgroups("alloc", heterogeneity="separate"), {}, "one tau"),
        (pw.MetaRegression("~ ablat", tau_fixed=0.1), {}, "known tau"),
        (pw.RandomEffects(), {"mu": priors.Flat()}, "both a model and mu"),
        (pw.RandomEffects(), {"quantity": "tau"}, "one of mu"),
        (pw.CommonEffect(), {}, "MetaRegression"),
    ],
)
def test_what_has_no_panel_is_refused(bcg, model, given, told):
    with pytest.raises(ModelError, match=told):
        prior_panel(bcg, model, **given)
