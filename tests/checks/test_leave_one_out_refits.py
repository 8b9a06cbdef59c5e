"""Leave-one-out by refits: against dense normal algebra on grids over the nonlinear parameters, no code shared."""

import numpy as np
import pytest
from scipy.integrate import simpson
from scipy.special import ndtr
from scipy.stats import cauchy, norm, t

import poolwise as pw
from poolwise import checks, priors
from poolwise.errors import ModelError

BCG = pw.datasets.load("bcg")
ABLAT = BCG.moderators["ablat"].to_numpy(dtype=float)
NORMAL, HALF = priors.Normal(0, 2), priors.HalfNormal(1)
GRID = 1e-8  # trapezoid rules in log tau whose digits no longer move when the step is halved
THREE = 1e-6  # what quadrature over several parameters promises
LOG_TAU = np.linspace(-25.0, 3.5, 801)


def log_half_normal(tau):
    """Log density of log tau under tau ~ HalfNormal(1), up to a constant."""
    return -0.5 * tau**2 + np.log(tau)


def dense(y, log_weight, total, own, X, s):
    """Log density and PIT of row 0 given the others left in, y ~ N(0, total + s^2 X X'), at weighted nodes.

    total: covariance of all rows given the node, (N, k, k); own: variance of a new estimate in the place of each row
    of the unit, (N, u), the unit being the first u rows. Returns the log density of the unit and the PITs.
    """
    u, spread = own.shape[1], s**2 * X @ X.T
    whole, rest = total + spread, slice(u, None)
    logs = []
    for rows in (slice(None), rest):
        S = whole[:, rows, rows]
        solved = np.linalg.solve(S, np.broadcast_to(y[rows], (len(S), len(y[rows])))[..., None])[..., 0]
        logs.append(log_weight - 0.5 * (np.linalg.slogdet(2 * np.pi * S)[1] + solved @ y[rows]))
    top = logs[1].max()
    density = np.log(np.exp(logs[0] - top).sum()) - np.log(np.exp(logs[1] - top).sum())
    weight = np.exp(logs[1] - top) / np.exp(logs[1] - top).sum()
    pits = []
    for i in range(u):
        c = spread[i, rest]
        pull = np.linalg.solve(whole[:, rest, rest], np.broadcast_to(c, (len(total), len(c)))[..., None])[..., 0]
        sd = np.sqrt(own[:, i] + spread[i, i] - pull @ c)
        pits.append(weight @ ndtr((y[i] - pull @ y[rest]) / sd))
    return density, np.array(pits)


def first(rows, k):
    """The rows of the unit, then the others."""
    return np.concatenate([rows, np.setdiff1d(np.arange(k), rows)])


@pytest.mark.parametrize(
    ("prior", "density", "upper"),
    [
        (priors.StudentT(3, 0, 1), t(3).pdf, 60),
        (priors.Cauchy(0, 0.5), cauchy(0, 0.5).pdf, 60),
        (priors.TruncatedNormal(0, 2, upper=0), norm(0, 2).pdf, 1e-9),
        (
            priors.Mixture((0.3, 0.7), (priors.Normal(0, 0.1), priors.Normal(0, 2))),
            lambda x: 0.3 * norm(0, 0.1).pdf(x) + 0.7 * norm(0, 2).pdf(x),
            60,
        ),
    ],
    ids=["t", "Cauchy", "truncated", "mixture"],
)
def test_other_priors_on_mu_agree_with_a_grid_over_mu_and_tau(prior, density, upper):
    found = checks.leave_one_out(BCG, pw.RandomEffects(prior, HALF)).frame
    edges = 60 * np.linspace(-1, 1, 121) ** 3
    edges = edges[edges <= upper]
    node, mass = np.polynomial.legendre.leggauss(20)
    half = np.diff(edges)[:, None] / 2
    mu = (edges[:-1, None] + half * (1 + node)).ravel()
    tau = np.exp(LOG_TAU[::2])
    prior_mass = np.log((half * mass).ravel() * density(mu))[:, None] + log_half_normal(tau)
    each = [norm.logpdf(y, mu[:, None], np.sqrt(v + tau**2)) for y, v in zip(BCG.y, BCG.v, strict=True)]
    for i in (3, 7):
        rest = prior_mass + sum(each) - each[i]
        weight = np.exp(rest - rest.max())
        weight /= weight.sum()
        assert found["log_density"][i] == pytest.approx(np.log((weight * np.exp(each[i])).sum()), abs=GRID)
        pit = (weight * ndtr((BCG.y[i] - mu[:, None]) / np.sqrt(BCG.v[i] + tau**2))).sum()
        assert found["pit"][i] == pytest.approx(pit, abs=GRID)
        assert found["conflict_p"][i] == pytest.approx(2 * min(pit, 1 - pit), abs=GRID)


def test_correlated_errors_are_left_out_together():
    V = np.diag(BCG.v)
    V[1, 4] = V[4, 1] = 0.6 * BCG.se[1] * BCG.se[4]
    effects = pw.Effects(BCG.y, covariance=V, study=BCG.study, scale="log RR")
    found = checks.leave_one_out(effects, pw.RandomEffects(NORMAL, HALF)).frame
    tau = np.exp(LOG_TAU)
    for rows in ([1, 4], [7]):
        order = first(rows, 13)
        total = V[np.ix_(order, order)] + tau[:, None, None] ** 2 * np.eye(13)
        own = BCG.v[rows] + tau[:, None] ** 2
        log_density, pit = dense(BCG.y[order], log_half_normal(tau), total, own, np.ones((13, 1)), 2.0)
        assert found["log_density"][rows].to_numpy() == pytest.approx(np.repeat(log_density, len(rows)), abs=GRID)
        assert found["pit"][rows].to_numpy() == pytest.approx(pit, abs=GRID)
    assert found["unit"][1] == found["unit"][4]


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_clusters_are_left_out_whole(rho):
    effects = pw.datasets.load("assink2016")
    effects = effects.select(where={"study_as_given": list(dict.fromkeys(effects.study_as_given))[:5]})
    model = pw.ThreeLevel(mu=NORMAL, tau_between=HALF, tau_within=HALF, rho=rho)
    found = checks.leave_one_out(effects, model)
    cluster = np.array(effects.study_as_given)
    same = cluster[:, None] == cluster
    V = np.where(np.eye(effects.k, dtype=bool), 1.0, rho) * same * np.outer(effects.se, effects.se)
    between, within = (x.ravel() for x in np.meshgrid(*[np.exp(np.arange(-18.0, 2.3, 0.15))] * 2))
    rows = np.flatnonzero(cluster == cluster[0])
    order = first(rows, effects.k)
    at = np.ix_(order, order)
    total = V[at] + between[:, None, None] ** 2 * same[at] + within[:, None, None] ** 2 * np.eye(effects.k)
    own = effects.v[rows] + (between**2 + within**2)[:, None]
    log_weight = log_half_normal(between) + log_half_normal(within)
    log_density, pit = dense(effects.y[order], log_weight, total, own, np.ones((effects.k, 1)), 2.0)
    assert len(rows) > 1
    assert found.frame["log_density"][rows].to_numpy() == pytest.approx(np.repeat(log_density, len(rows)), abs=THREE)
    assert found.frame["pit"][rows].to_numpy() == pytest.approx(pit, abs=THREE)
    assert found.elpd == pytest.approx(found.frame.groupby("unit")["log_density"].first().sum())
    assert set(found.influence["quantity"]) == {"mu", "tau", "tau_between", "tau_within"}


def test_a_location_scale_model_expects_each_study_with_its_own_tau():
    model = pw.LocationScale("~ ablat", "~ ablat", beta=NORMAL, tau=HALF, gamma=priors.Normal(0, 0.1))
    found = checks.leave_one_out(BCG, model).frame
    z = ABLAT - ABLAT.mean()  # the prior on tau is about the mean of the whole table, whoever is left out
    log_tau, gamma = (x.ravel() for x in np.meshgrid(np.arange(-18.0, 3.0, 0.15), np.linspace(-0.9, 0.9, 121)))
    for i in (3, 12):
        order = first([i], 13)
        square = np.exp(2 * (log_tau[:, None] + gamma[:, None] * z[order]))
        total = (BCG.v[order] + square)[:, :, None] * np.eye(13)
        log_weight = log_half_normal(np.exp(log_tau)) - 0.5 * (gamma / 0.1) ** 2
        X = np.column_stack([np.ones(13), ABLAT[order]])
        log_density, pit = dense(BCG.y[order], log_weight, total, BCG.v[i] + square[:, :1], X, 2.0)
        assert found["log_density"][i] == pytest.approx(log_density, abs=THREE)
        assert found["pit"][i] == pytest.approx(pit[0], abs=THREE)


def test_subgroups_with_their_own_tau_are_analyses_of_their_own():
    found = checks.leave_one_out(BCG, pw.Subgroups("alloc", NORMAL, HALF, heterogeneity="separate")).frame
    for level in ("random", "systematic"):
        rows = np.flatnonzero(BCG.moderators["alloc"] == level)
        alone = checks.leave_one_out(BCG.select(where={"alloc": level}), pw.RandomEffects(NORMAL, HALF)).frame
        for name in ("log_density", "median", "lower", "upper", "sd", "pit", "conflict_p"):
            assert found[name][rows].to_numpy() == pytest.approx(alone[name].to_numpy(), abs=GRID)


def test_exchangeable_subgroups_agree_with_a_grid_over_their_hyperparameters():
    five = pw.Effects(
        [0.1, 0.5, -0.1, 0.3, 0.8], se=[0.2, 0.15, 0.25, 0.2, 0.3], moderators={"g": list("aabbb")}, scale="SMD"
    )
    half = priors.HalfNormal(0.5)
    model = pw.Subgroups("g", priors.Normal(0, 1), half, heterogeneity="exchangeable", tau_spread=half)
    found = checks.leave_one_out(five, model).frame
    log_tau, log_r = (x.ravel()[:, None] for x in np.meshgrid(np.arange(-18, 1.6, 0.2), np.arange(-18, 1.4, 0.2)))
    z = np.linspace(-8.0, 8.0, 65)
    tau = np.exp(log_tau + np.exp(log_r) * z)
    hyper = -2 * (np.exp(2 * log_tau) + np.exp(2 * log_r)) + log_tau + log_r
    groups = {"a": np.array([0, 1]), "b": np.array([2, 3, 4])}

    def likelihood(rows):
        """Density of these rows given tau with mu ~ N(0, 1) integrated out, and mean and variance of mu."""
        w = 1 / (five.v[rows] + tau[..., None] ** 2)
        A = 1 + w.sum(axis=-1)
        b = w @ five.y[rows] if len(rows) > 1 else w[..., 0] * five.y[rows[0]]
        logs = 0.5 * (np.log(w).sum(axis=-1) - np.log(A) - w @ five.y[rows] ** 2 + b * b / A)
        return np.exp(logs) * (2 * np.pi) ** (-len(rows) / 2), b / A, 1 / A

    def over_z(values):
        return (values * np.exp(-0.5 * z * z)).sum(axis=1)

    for i, mine, other in ((0, "a", "b"), (4, "b", "a")):
        rest = groups[mine][groups[mine] != i]
        weight = np.exp(hyper[:, 0]) * over_z(likelihood(groups[other])[0])
        height, mean, variance = likelihood(rest)
        below = ndtr((five.y[i] - mean) / np.sqrt(variance + tau**2 + five.v[i]))
        whole, less = (weight @ over_z(one) for one in (likelihood(groups[mine])[0], height))
        assert found["log_density"][i] == pytest.approx(np.log(whole / less), abs=THREE)
        assert found["pit"][i] == pytest.approx(weight @ over_z(height * below) / less, abs=THREE)


def test_joint_outcomes_by_two_roads():
    """The difference of log totals is the density that the predictive law has at the estimate."""
    outcome = list("aabbbcc")
    y, se = [0.1, 0.5, -0.1, 0.3, 0.8, 0.4, 0.2], [0.2, 0.15, 0.25, 0.2, 0.3, 0.2, 0.1]
    effects = pw.Effects(y, se=se, outcome=outcome, scale="SMD")
    model = pw.JointOutcomes(priors.Normal(0, 1), *[priors.HalfNormal(0.5)] * 3)
    found = checks.leave_one_out(effects, model)
    keep = np.arange(7) != 3
    less = pw.Effects(
        effects.y[keep], se=effects.se[keep], outcome=[o for o, kept in zip(outcome, keep, strict=True) if kept]
    )
    fit = pw.fit(less, model, pw.Exact())
    law = fit.new_estimate(float(effects.se[3]), "theta_new[b]")
    row = found.frame.iloc[3]
    assert row["log_density"] == pytest.approx(float(np.log(law.pdf(effects.y[3]))), abs=THREE)
    assert row["pit"] == pytest.approx(float(law.cdf(effects.y[3])), abs=THREE)
    moved = found.influence.set_index(["left_out", "quantity"]).loc[effects.labels[3]]
    for name in ("mu[a]", "mu[b]", "tau[b]"):
        assert list(moved.loc[name, ["point", "lower", "upper"]]) == pytest.approx(
            [fit[name].point, *fit[name].interval(0.95)], abs=THREE
        )


def test_the_only_study_of_a_group_cannot_be_foretold():
    kept = pw.Effects([0.1, 0.5, -0.1], se=0.2 * np.ones(3), outcome=list("aab"), scale="SMD")
    found = checks.leave_one_out(kept, pw.JointOutcomes())
    assert found.frame["status"].tolist() == ["ok", "ok", "not_estimable"]
    assert np.isnan(found.elpd)


def test_one_cluster_cannot_be_left_out():
    effects = pw.Effects(
        [0.1, 0.5, -0.1], se=0.2 * np.ones(3), study=list("xyz"), study_as_given=list("aaa"), scale="SMD"
    )
    with pytest.raises(ModelError, match="no study can be left out"):
        checks.leave_one_out(effects, pw.ThreeLevel())


def test_a_conflict_keeps_its_digits_under_a_one_sided_prior():
    """However small: against Simpson's rule, whose terms are all positive."""
    found = checks.leave_one_out(BCG, pw.CommonEffect(priors.TruncatedNormal(0, 2, upper=0))).frame
    for i in (3, 7):
        rest = np.arange(13) != i
        precision = (1 / BCG.v[rest]).sum() + 1 / 4
        centre, sd = (BCG.y[rest] / BCG.v[rest]).sum() / precision, precision**-0.5
        mu = np.linspace(centre - 30 * sd, 0.0, 200_001)
        density = np.exp(-0.5 * ((mu - centre) / sd) ** 2)
        z = (BCG.y[i] - mu) / BCG.se[i]
        p = 2 * min(simpson(density * ndtr(z), x=mu), simpson(density * ndtr(-z), x=mu)) / simpson(density, x=mu)
        assert p < 1e-12
        assert found["conflict_p"][i] == pytest.approx(p, rel=1e-9)
