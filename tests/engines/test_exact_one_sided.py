"""PET and PEESE whose slope has a prior on one side of 0, by quadrature, against plain grids written out here."""

import numpy as np
import pytest
from scipy.stats import gamma, halfcauchy, halfnorm, norm, truncnorm

import poolwise as pw
from poolwise import checks, priors
from poolwise.errors import ModelError

BCG = pw.datasets.load("bcg")
MU, TAU = priors.Normal(0.0, 1.0), priors.HalfNormal(0.5)
SLOPES = {
    "half-Cauchy": (priors.HalfCauchy(1.0), halfcauchy(0, 1)),
    "half-normal": (priors.HalfNormal(0.7), halfnorm(0, 0.7)),
    "gamma": (priors.Gamma(2.0, 1.5), gamma(2.0, scale=1 / 1.5)),
    "truncated": (priors.TruncatedNormal(0.5, 1.0, lower=0.0), truncnorm(-0.5, np.inf, 0.5, 1.0)),
}


def gauss(low, high, count):
    """Gauss-Legendre nodes and weights on an interval, cut into ten parts."""
    x, w = np.polynomial.legendre.leggauss(count)
    edges = np.linspace(low, high, 11)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (1.0 + x)).ravel(), (half * w).ravel()


def by_grid(regressor, slope, sign=-1.0):
    """Nodes of tau and b, their weights, and mean and precision of mu there: densities written out."""
    tau, of_tau = gauss(1e-9, 4.0, 20)
    u, of_u = gauss(0.0, 1.0 - 1e-9, 40)  # b = u / (1 - u), out to far tails
    b = u / (1.0 - u)
    v = BCG.v + tau[:, None, None] ** 2
    y = BCG.y - sign * b[:, None] * regressor
    precision, pull = 1.0 + (1.0 / v).sum(axis=-1), (y / v).sum(axis=-1)
    log = -0.5 * (np.log(2.0 * np.pi * v) + y**2 / v).sum(axis=-1) + 0.5 * pull**2 / precision - 0.5 * np.log(precision)
    prior = halfnorm(0, 0.5).pdf(tau)[:, None] * slope.pdf(b)
    mass = np.exp(log) * prior * np.multiply.outer(of_tau, of_u / (1.0 - u) ** 2)
    return tau[:, None], b, mass, pull / precision, precision


@pytest.mark.parametrize("kind", SLOPES)
@pytest.mark.parametrize(("model", "power"), [(pw.PET, 1), (pw.PEESE, 2)])
def test_evidence_and_laws_are_those_of_a_dense_grid(kind, model, power):
    ours, theirs = SLOPES[kind]
    result = pw.fit(BCG, model(mu=MU, b=ours, tau=TAU, direction="negative"), pw.Exact())
    tau, b, mass, mean, precision = by_grid(BCG.se**power, theirs)
    assert result.log_evidence == pytest.approx(np.log(mass.sum()), abs=1e-7)
    mass = mass / mass.sum()
    assert result["b"].mean == pytest.approx((mass * b).sum(), rel=1e-6)
    assert result["tau"].mean == pytest.approx((mass * tau).sum(), rel=1e-6)
    for p, x in zip((0.025, 0.5, 0.975), (*result["mu"].interval(), result["mu"].point), strict=False):
        expected = (mass * norm.cdf((x - mean) * np.sqrt(precision))).sum()
        assert float(result["mu"].cdf(x)) == pytest.approx(expected, abs=1e-7), p
    new = float(result["theta_new"].cdf(-0.5))
    assert new == pytest.approx((mass * norm.cdf((-0.5 - mean) / np.hypot(tau, precision**-0.5))).sum(), abs=1e-7)


def test_the_law_of_a_study_is_that_of_a_dense_grid():
    result = pw.fit(BCG, pw.PET(mu=MU, b=priors.HalfNormal(0.7), tau=TAU, direction="negative"), pw.Exact())
    tau, b, mass, mean, precision = by_grid(BCG.se, halfnorm(0, 0.7))
    mass = mass / mass.sum()
    share = BCG.v[3] / (BCG.v[3] + tau**2)
    centre = share * (mean - b * BCG.se[3]) + (1.0 - share) * BCG.y[3]
    spread = np.sqrt(share * tau**2 + share**2 / precision)
    study = result.studies[BCG.labels[3]]
    assert float(study.cdf(study.point)) == pytest.approx((mass * norm.cdf((study.point - centre) / spread)).sum())


def test_the_average_over_biases_has_the_same_evidence():
    model = pw.RandomEffects(MU, TAU)
    frame = pw.average(BCG, model, bias="PP", direction="negative").models.set_index(["bias", "effect", "random"])
    for kind, name in ((pw.PET, "PET"), (pw.PEESE, "PEESE")):
        b = None if kind is pw.PET else priors.HalfCauchy(2.5)
        for effect, mu in ((True, MU), (False, priors.Fixed(0.0))):
            for random, tau in ((True, {"tau": TAU}), (False, {"tau_fixed": 0.0})):
                alone = pw.fit(BCG, kind(mu=mu, b=b, direction="negative", **tau), pw.Exact())
                row = frame.loc[(name, effect, random)]
                assert alone.log_evidence == pytest.approx(row["log_evidence"], abs=max(row["error"], 1e-8))


def test_a_narrow_normal_slope_is_the_limit_of_a_truncated_one():
    """Priors whose other side holds nothing are told apart by nothing but the road."""
    both = pw.fit(BCG, pw.PET(mu=MU, b=priors.Normal(2.0, 0.2), tau=TAU, direction="negative"), pw.Exact())
    one = priors.TruncatedNormal(2.0, 0.2, lower=0.0)
    by_boxes = pw.fit(BCG, pw.PET(mu=MU, b=one, tau=TAU, direction="negative"), pw.Exact())
    assert by_boxes.log_evidence == pytest.approx(both.log_evidence, abs=1e-8)
    for name in ("mu", "b", "tau", "theta_new"):
        assert by_boxes[name].interval() == pytest.approx(both[name].interval(), rel=1e-6)


def test_draws_are_from_the_posterior_and_in_the_tree():
    result = pw.fit(BCG, pw.PET(mu=MU, tau=TAU, direction="negative"), pw.Exact())
    tree = result.to_datatree()["posterior"]
    n = tree["b"].size
    for name in ("mu", "b", "tau", "theta_new"):
        u = np.sort(result[name].cdf(tree[name].values.ravel()))
        assert np.abs(u - (np.arange(n) + 0.5) / n).max() < 1.95 / np.sqrt(n)  # 0.1 % of Kolmogorov's law
    assert float(tree["b"].min()) >= 0.0
    line = tree["mu"] - tree["b"] * BCG.se[0]
    assert abs(np.corrcoef(line.values.ravel(), tree["theta"][..., 0].values.ravel())[0, 1]) < 0.9


def test_the_mirrored_table_has_the_mirrored_answer():
    model = {"mu": MU, "b": priors.HalfNormal(1.0), "tau": TAU}
    down = pw.fit(BCG, pw.PET(**model, direction="negative"), pw.Exact())
    turned = pw.Effects(-BCG.y, se=BCG.se, scale=BCG.scale)
    up = pw.fit(turned, pw.PET(**model, direction="positive"), pw.Exact())
    assert up.log_evidence == pytest.approx(down.log_evidence, abs=1e-12)
    assert up["b"].interval() == pytest.approx(down["b"].interval(), rel=1e-9)
    assert up["mu"].interval() == pytest.approx([-x for x in down["mu"].interval()[::-1]], rel=1e-9)


@pytest.mark.parametrize(
    "mu",
    [priors.Mixture((0.5, 0.5), (MU, priors.Normal(0, 0.1))), priors.Fixed(0.0), priors.Flat()],
    ids=["mixture", "stated", "flat"],
)
def test_the_mean_may_have_other_priors_beside_it(mu):
    result = pw.fit(BCG, pw.PET(mu=mu, tau=TAU, direction="negative"), pw.Exact())
    assert result.report.status == "ok"
    assert 0.0 < result["b"].interval()[0] < result["b"].point
    assert len(result.to_datatree()["posterior"]["b"]) == 4


def test_a_moderator_stands_beside_the_slope_and_studies_are_left_out():
    result = pw.fit(BCG, pw.PET(moderators="~ ablat", direction="negative"), pw.Exact())
    assert result["beta[ablat]"].interval()[1] < 0.0 < result["b"].interval()[0]
    found = checks.leave_one_out(BCG, pw.PET(mu=MU, tau=TAU, direction="negative"))
    assert set(found.influence["quantity"]) == {"mu", "b", "tau"}
    assert np.isfinite(found.frame["log_density"]).all()


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
@pytest.mark.parametrize(
    ("y", "se"),
    [
        ([0.3, 0.5, 0.1], [0.1, 0.2, 0.3]),
        ([0.1, 0.9, 0.5, 0.7], [0.001, 0.3, 0.2, 0.31]),
        ([5.0, 5.2, 4.8], [0.1, 0.11, 0.2]),
        (np.full(5, 0.3), [0.1, 0.2, 0.1, 0.2, 0.3]),
        (1e4 * np.array([0.3, 0.5, 0.2]), 1e4 * np.array([0.1, 0.2, 0.3])),
    ],
    ids=["three", "one huge", "far from the prior", "all the same", "large unit"],
)
def test_odd_tables_are_answered(y, se):
    effects = pw.Effects(np.asarray(y), se=np.asarray(se), scale="SMD")
    result = pw.fit(effects, pw.PET(direction="positive", mu=MU, tau=TAU), pw.Exact())
    assert np.isfinite(result.log_evidence)
    assert result["b"].interval()[0] >= 0.0
    assert result.report.status in ("ok", "moment_does_not_exist")


def test_three_priors_that_are_not_normal_are_refused_by_name():
    model = pw.PET(moderators="~ ablat", direction="negative",
                   beta={"intercept": priors.Cauchy(0, 1), "ablat": priors.Cauchy(0, 1)})  # fmt: skip
    with pytest.raises(ModelError, match="3 coefficients have priors that are not normal"):
        pw.fit(BCG, model, pw.Exact())
