"""Moderators of effects in clusters: dense matrices on a grid, the model without them, and regressions of one tau."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import poolwise as pw
from poolwise import priors
from poolwise.engines.draws.normal_law import NormalLaw
from poolwise.moments import spreads
from poolwise.quadrature.boxes.levels import Levels
from poolwise.quadrature.rules.gaussian import combination
from support.law_of_coefficients import coefficients

TWO = 1e-6  # posterior sd: what quadrature over two parameters promises
GRID = np.arange(-18.0, 2.5, 0.1)  # log tau; 5e-8 of the prior lies below
CLUSTER = np.array([0, 0, 0, 1, 1, 2, 2, 3, 4])
HALF, UNIT = priors.HalfNormal(0.5), priors.Normal(0, 1)
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")


def table(cluster=CLUSTER):
    """x differs within clusters, z between them alone."""
    rng = np.random.default_rng(7)
    k = len(cluster)
    y = rng.normal(0, 0.5, 5)[CLUSTER] + rng.normal(0, 0.3, k)
    moderators = {"lab": [f"lab {j}" for j in cluster], "x": rng.normal(size=k), "z": rng.normal(size=5)[CLUSTER]}
    return pw.Effects(y, se=rng.uniform(0.1, 0.4, k), moderators=pd.DataFrame(moderators), scale="SMD")


def covariances(effects, between, within, rho):
    """Of the estimates about their means, shape (N, k, k)."""
    same = np.equal.outer(CLUSTER, CLUSTER)
    V = np.outer(effects.se, effects.se) * np.where(np.eye(effects.k) == 1.0, 1.0, rho * same)
    return V + between[:, None, None] ** 2 * same + within[:, None, None] ** 2 * np.eye(effects.k)


def by_grid(effects, X, rho):
    """Log evidence, and means and sds of beta (UNIT each), both tau (HALF each), theta_new like row 1, theta_1."""
    log_b, log_w = (axis.ravel() for axis in np.meshgrid(GRID, GRID, indexing="ij"))
    b, w, y = np.exp(log_b), np.exp(log_w), effects.y
    S = covariances(effects, b, w, rho)
    total = S + X @ X.T
    solved = np.linalg.solve(total, np.broadcast_to(y[:, None], (len(S), effects.k, 1)))[..., 0]
    log = -0.5 * (np.linalg.slogdet(2 * np.pi * total)[1] + solved @ y) + log_b + log_w
    log += 2 * np.log(2 / (0.5 * np.sqrt(2 * np.pi))) - 0.5 * (b**2 + w**2) / 0.25
    weight = np.exp(log - log.max())
    evidence = np.log(weight.sum() * (GRID[1] - GRID[0]) ** 2) + log.max()
    weight /= weight.sum()
    C = S - covariances(effects, 0 * b, 0 * w, rho)[0] + X @ X.T  # of true effects
    half = np.linalg.solve(total, C)
    of_beta = np.linalg.solve(total, np.broadcast_to(X, (len(S), *X.shape)))
    mean = np.column_stack([solved @ X, b, w, solved @ X @ X[0], (solved[:, None] @ C)[:, 0, 0]])
    left = np.eye(X.shape[1]) - X.T @ of_beta
    var = np.column_stack([
        left.diagonal(axis1=1, axis2=2), 0 * b, 0 * w, X[0] @ (left @ X[0]).T + b**2 + w**2,
        C[:, 0, 0] - np.einsum("nk,nk->n", C[:, 0], half[:, :, 0]),
    ])  # fmt: skip
    first = weight @ mean
    return evidence, first, np.sqrt(weight @ (var + mean**2) - first**2)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_moderators_agree_with_dense_matrices_on_a_grid(rho):
    effects = table()
    X = np.column_stack([np.ones(effects.k), *effects.moderators[["x", "z"]].to_numpy(dtype=float).T])
    evidence, mean, sd = by_grid(effects, X, rho)
    model = pw.ThreeLevel("lab", tau_between=HALF, tau_within=HALF, rho=rho, moderators="~ x + z", beta=UNIT)
    result = pw.fit(effects, model, pw.Exact())
    names = ("beta[intercept]", "beta[x]", "beta[z]", "tau_between", "tau_within")
    ours = [*(result[name] for name in names), result.linear(X[0], new=True), result.studies[effects.labels[0]]]
    assert [q.mean for q in ours] == pytest.approx(mean, abs=TWO)
    assert [q.sd for q in ours] == pytest.approx(sd, abs=TWO)
    assert result.log_evidence == pytest.approx(evidence, abs=TWO)
    assert "mu" not in result


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_an_intercept_alone_is_the_model_without_moderators(rho):
    effects = table()
    mean = pw.fit(effects, pw.ThreeLevel("lab", UNIT, HALF, HALF, rho), pw.Exact())
    model = pw.ThreeLevel("lab", tau_between=HALF, tau_within=HALF, rho=rho, moderators="~ 1", beta=UNIT)
    regression = pw.fit(effects, model, pw.Exact())
    assert regression.log_evidence == pytest.approx(mean.log_evidence, abs=1e-10)
    for name in ("mu", "tau_between", "tau_within", "tau", "I2", "ICC"):
        other = regression["beta[intercept]" if name == "mu" else name]
        assert other.interval(0.95) == pytest.approx(mean[name].interval(0.95), abs=1e-10)
    assert regression.weights == pytest.approx(mean.weights, abs=1e-10)


def test_clusters_of_one_effect_are_a_regression_whose_tau_is_the_root_of_both_variances():
    """tau_between and tau_within ~ HalfNormal(s) make tau a Rayleigh variable of that scale."""
    effects = table(np.arange(len(CLUSTER)))
    levels = pw.ThreeLevel("lab", tau_between=HALF, tau_within=HALF, moderators="~ x + z", beta=UNIT)
    rayleigh = priors.from_distribution(stats.rayleigh(scale=0.5))
    one = pw.fit(effects, pw.MetaRegression("~ x + z", beta=UNIT, tau=rayleigh), pw.Exact())
    with pytest.warns(pw.PoolwiseWarning, match=r"every cluster has one effect.*MetaRegression\('~ x \+ z'\)"):
        two = pw.fit(effects, levels, pw.Exact())
    assert two.log_evidence == pytest.approx(one.log_evidence, abs=TWO)
    for name in ("beta[intercept]", "beta[x]", "beta[z]", "tau", "I2"):
        assert two[name].interval(0.95) == pytest.approx(one[name].interval(0.95), abs=TWO)


def test_the_likelihood_of_draws_is_that_of_scipy():
    effects = table()
    model = pw.ThreeLevel("lab", tau_between=HALF, tau_within=HALF, rho=0.6, moderators="~ x + z", beta=UNIT)
    tree = pw.fit(effects, model, pw.Exact(draws=3, chains=1)).to_datatree()
    posterior, logs = tree["posterior"], tree["log_likelihood"]["y_by_cluster"].sum("cluster").values[0]
    S = covariances(effects, posterior["tau_between"].values[0], posterior["tau_within"].values[0], 0.6)
    X = np.column_stack([np.ones(effects.k), *effects.moderators[["x", "z"]].to_numpy(dtype=float).T])
    for draw in range(3):
        law = stats.multivariate_normal(X @ posterior["beta"].values[0, draw], S[draw])
        assert logs[draw] == pytest.approx(law.logpdf(effects.y), abs=1e-10)


@pytest.mark.parametrize(("formula", "lost"), [("~ x", 1), ("~ z", 2), ("~ x + z", 2), ("~ 1", 1), ("~ x - 1", 0)])
def test_what_flat_coefficients_take_from_tau_between_is_how_its_likelihood_falls(formula, lost):
    effects = table()
    model = pw.ThreeLevel("lab", tau_between=HALF, tau_within=HALF, moderators=formula).resolved(effects)
    between, within = spreads(effects, model)
    assert (between.units - between.flat, within.flat) == (5 - lost, model.design(effects).p)
    # from tau = 1e5 on the rounding of tau^2 shows beside the variances
    far = {"tau_between": np.array([1e3, 1e4]), "tau_within": np.full(2, 0.3)}
    law, flat = NormalLaw.of(model.structure(effects), far), np.full(within.flat, np.inf)
    logs = coefficients(law, effects.y, np.zeros(within.flat), flat).log_density
    assert np.diff(logs) / np.log(10) == pytest.approx(-(5 - lost), abs=1e-6)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_a_tau_between_that_swamps_everything_leaves_slopes_within_clusters_as_they_are(rho):
    effects = table()
    X = np.column_stack([np.ones(effects.k), *effects.moderators[["x", "z"]].to_numpy(dtype=float).T])
    levels = Levels.of(effects.y, effects.v, X, np.zeros(3), np.full(3, np.inf), CLUSTER, rho)
    between = np.array([1e3, 1e6, 1e9])
    values = levels.given(np.stack([between, np.full(3, 0.1)]))
    sds = [combination(values, levels.basis.back[0].T @ c)[1] for c in np.eye(3)]
    S = covariances(effects, np.zeros(1), np.full(1, 0.1), rho)[0]
    D = np.column_stack([np.equal.outer(CLUSTER, np.arange(5)), X[:, 1]])  # a mean for each cluster, and x
    assert sds[1] == pytest.approx(np.full(3, np.sqrt(np.linalg.inv(D.T @ np.linalg.solve(S, D))[-1, -1])), rel=1e-6)
    G = np.column_stack([np.ones(5), [X[j == CLUSTER, 2][0] for j in range(5)]])
    assert sds[2] == pytest.approx(between * np.sqrt(np.linalg.inv(G.T @ G)[1, 1]), rel=1e-5)


def test_moderators_that_tell_all_clusters_apart_leave_tau_between_its_prior():
    model = pw.ThreeLevel("lab", tau_between=HALF, tau_within=HALF, moderators=["lab"])
    with pytest.warns(pw.PoolwiseWarning, match="~ lab tell all 5 clusters apart, so that tau_between has nothing but"):
        result = pw.fit(table(), model, pw.Exact())
    assert result["tau_between"].interval(0.95) == pytest.approx(HALF.ppf(np.array([0.025, 0.975])), rel=TWO)


def test_a_cluster_left_out_is_a_fit_without_it_and_predictions_follow_the_moderators():
    effects = table()
    model = pw.ThreeLevel("lab", tau_between=HALF, tau_within=HALF, moderators="~ x + z", beta=UNIT)
    result = pw.fit(effects, model, pw.Exact())
    left = pw.checks.leave_one_out(result).influence.set_index(["left_out", "quantity"])
    less = effects.drop(study=[name for name, j in zip(effects.labels, CLUSTER, strict=True) if j == 1])
    again = pw.fit(less, model, pw.Exact())
    for name in ("beta[x]", "beta[z]", "tau_between"):
        assert left.loc[("lab 1", name), ["lower", "upper"]].tolist() == pytest.approx(
            again[name].interval(0.95), abs=1e-5
        )
    row = pw.predict(result, {"x": 0.5, "z": -1.0}).iloc[0]
    c = np.array([1.0, 0.5, -1.0])
    assert (row["lower"], row["upper"]) == pytest.approx(result.linear(c, new=False).interval(0.95))
    at = {"beta[intercept]": 1.0, "beta[x]": 0.5, "beta[z]": -1.0}
    assert result.contrast(at).point == pytest.approx(row["point"])
    pw.plot.close(pw.plot.bubble(result, "z"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"moderators": "~ x", "mu": UNIT},
            r"mu ~ Normal\(0, 1\) beside the moderators ~ x.*beta=\{'intercept'",
        ),
        ({"beta": UNIT}, "beta ~ Normal.* and no moderators.*a prior on mu, or moderators"),
        ({"moderators": "~ x", "beta": priors.RegularizedHorseshoe(0.1, 0.5)}, "in a three-level model"),
        ({"moderators": []}, "names none"),
        ({"moderators": "~ x", "beta": {"y": UNIT}}, "beta has a prior for 'y'"),
        (
            {"moderators": "~ x", "beta": {"x": priors.StudentT(4, 0, 1)}},
            r"beta\[x\] ~ StudentT.*by Exact",
        ),
        ({"moderators": "~ w"}, "'w'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(given, words):
    with pytest.raises(pw.PoolwiseError, match=words):
        pw.fit(table(), pw.ThreeLevel("lab", tau_between=HALF, tau_within=HALF, **given), pw.Exact())
