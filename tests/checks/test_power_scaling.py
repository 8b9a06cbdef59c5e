"""Power-scaling, prior information and predictive checks, against dense sums, ArviZ and formulas."""

import arviz as az
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import ndtr

import poolwise as pw
from poolwise import checks, priors
from poolwise.checks.prior_ess import information
from poolwise.errors import ModelError
from support.tables import table

MU, TAU = priors.Normal(0, 1), priors.HalfNormal(0.5)
DENSE = 6e-3  # relative, of a plain sum with 1,501 points; its error halves when the points double
ARVIZ = 0.25  # its range is that of the extreme draws, and 20,000 draws are noisy


def distance(p, q, x):
    """Cumulative Jensen-Shannon distance by trapezoids, the larger one of both directions."""

    def one(p, q):
        middle = 0.5 * (p + q)
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(p > 0, p * np.log2(p / middle), 0) + np.where(q > 0, q * np.log2(q / middle), 0)
        return np.sqrt(np.trapezoid(gain, x) / np.trapezoid(p + q, x))

    return max(one(p, q), one(1 - p, 1 - q))


def dense(effects, alpha, part):
    """Sensitivities of mu and tau from the joint density on a grid."""
    mu, tau = np.linspace(-2.5, 2.5, 1501), np.linspace(0.0, 3.0, 1501)
    log_prior = {"mu": MU.log_pdf(mu)[:, None], "tau": TAU.log_pdf(tau)[None]}
    total = effects.v + tau[:, None] ** 2
    log_y = sum(-0.5 * (y - mu[:, None]) ** 2 / s - 0.5 * np.log(s) for y, s in zip(effects.y, total.T, strict=True))

    def cdfs(power):
        a = {name: power if name in part else 1.0 for name in ("mu", "tau", "likelihood")}
        height = a["mu"] * log_prior["mu"] + a["tau"] * log_prior["tau"] + a["likelihood"] * log_y
        mass = np.exp(height - height.max())
        out = []
        for axis, x in ((1, mu), (0, tau)):
            density = np.trapezoid(mass, (tau, mu)[1 - axis], axis=axis)
            below = np.concatenate([[0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(x))])
            out.append(below / below[-1])
        return out

    plain = cdfs(1.0)
    found = []
    for which, x in ((0, mu), (1, tau)):
        inside = (plain[which] >= 1 / 4000) & (plain[which] <= 1 - 1 / 4000)
        moved = [distance(plain[which][inside], cdfs(p)[which][inside], x[inside]) for p in (alpha, 1 / alpha)]
        found.append(sum(moved) / 2 / np.log2(1 / alpha))
    return found


@pytest.mark.parametrize("part", ["prior", "prior_mu", "prior_tau", "likelihood"])
@pytest.mark.parametrize("alpha", [0.8, 0.99])
def test_sensitivities_are_those_of_a_dense_grid(part, alpha):
    effects = table("misconduct")
    found = checks.power_scaling(effects, pw.RandomEffects(MU, TAU), alpha=alpha).frame.set_index("quantity")
    raised = {"prior": ("mu", "tau"), "prior_mu": ("mu",), "prior_tau": ("tau",), "likelihood": ("likelihood",)}[part]
    wanted = dense(effects, alpha, raised)
    assert found.loc[["mu", "tau"], part].to_list() == pytest.approx(wanted, rel=DENSE)


def test_sensitivities_are_those_that_arviz_estimates():
    result = pw.fit(table("misconduct"), pw.RandomEffects(MU, TAU), pw.Exact(draws=5000))
    wanted = az.psense_summary(result.to_datatree(), var_names=["mu", "tau"], alphas=(0.8, 1.25), round_to=6)
    found = checks.power_scaling(table("misconduct"), pw.RandomEffects(MU, TAU), alpha=0.8).frame.set_index("quantity")
    for name in ("mu", "tau"):
        pair = wanted.loc[name, ["prior", "likelihood"]].astype(float).to_list()
        assert found.loc[name, ["prior", "likelihood"]].to_list() == pytest.approx(pair, rel=ARVIZ)


def test_a_strong_prior_is_said_to_be_strong():
    narrow = checks.power_scaling(table("misconduct"), pw.RandomEffects(MU, priors.HalfNormal(0.02)))
    tau = narrow.frame.set_index("quantity").loc["tau"]
    assert tau["prior"] > 0.05 > tau["likelihood"]
    assert "for τ the prior is strong" in narrow.sentence
    far = checks.power_scaling(table("dropout"), pw.RandomEffects(priors.Normal(-3, 0.3), TAU))
    assert far.frame.set_index("quantity").loc["mu", "diagnosis"] == "prior and data may be in conflict"


def test_flat_priors_leave_mu_alone():
    found = checks.power_scaling(table("bcg"), pw.RandomEffects(priors.Flat(), TAU)).frame
    assert found["prior_mu"].to_list() == pytest.approx([0, 0, 0], abs=1e-7)


@pytest.mark.parametrize("alpha", [1.0, 0.2, 1, "a"])
def test_alpha_is_checked(alpha):
    with pytest.raises(ModelError, match="alpha"):
        checks.power_scaling(table("bcg"), alpha=alpha)


@pytest.mark.parametrize(
    ("prior", "density"),
    [
        (priors.Normal(0.3, 2), stats.norm(0.3, 2)),
        (priors.StudentT(5, 0.1, 0.43), stats.t(5, 0.1, 0.43)),
        (priors.Cauchy(0, 0.7), stats.cauchy(0, 0.7)),
    ],
    ids=["normal", "t", "Cauchy"],
)
def test_information_is_the_mean_squared_slope(prior, density):
    def squared_slope(x, h=1e-5):
        return density.pdf(x) * ((density.logpdf(x + h) - density.logpdf(x - h)) / (2 * h)) ** 2

    middle = density.median()
    wanted = sum(quad(squared_slope, *ends, limit=200)[0] for ends in ((-np.inf, middle), (middle, np.inf)))
    assert information(prior) == pytest.approx(wanted, rel=1e-6)


def test_information_of_a_mixture():
    same = priors.Mixture([0.5, 0.5], [priors.Normal(0, 2), priors.Normal(0, 2)])
    assert information(same) == pytest.approx(0.25, rel=1e-6)
    robust = priors.Mixture([0.8, 0.2], [priors.Normal(0, 0.2), priors.Normal(0, 1)])
    x = np.linspace(-12, 12, 400_001)
    p = 0.8 * stats.norm.pdf(x, 0, 0.2) + 0.2 * stats.norm.pdf(x, 0, 1)
    slope = -(0.8 * x / 0.04 * stats.norm.pdf(x, 0, 0.2) + 0.2 * x * stats.norm.pdf(x, 0, 1)) / p
    assert information(robust) == pytest.approx(np.trapezoid(p * slope**2, x), rel=1e-5)


def test_a_prior_with_the_information_of_so_many_studies():
    """With equal standard errors and a known tau, Normal(0, sqrt((v + tau^2) / n)) is worth n studies."""
    effects = pw.Effects([0.1, 0.3, 0.2, 0.4], se=[0.2] * 4, scale="SMD")
    model = pw.RandomEffects(priors.Normal(0, np.sqrt((0.04 + 0.09) / 7)), tau_fixed=0.3)
    assert checks.prior_ess(effects, model) == pytest.approx(7.0)
    assert checks.prior_ess(effects, pw.CommonEffect(priors.Normal(0, 0.2))) == pytest.approx(1.0)
    assert checks.prior_ess(effects, pw.RandomEffects(priors.Flat(), TAU)) == 0.0
    assert checks.prior_ess(effects, pw.RandomEffects(priors.Fixed(0.0), TAU)) == np.inf
    tau = pw.fit(effects, pw.RandomEffects(MU, TAU), pw.Exact())["tau"]
    per_study = quad(lambda t: float(tau.pdf(t)) / (0.04 + t**2), 0, 6, epsabs=1e-11, limit=400)[0]
    assert checks.prior_ess(effects, pw.RandomEffects(MU, TAU)) == pytest.approx(1 / per_study, rel=1e-5)


@pytest.mark.parametrize("name", ["mu", "tau"])
def test_hellinger_is_the_integral_it_says(name):
    result = pw.fit(table("bcg"), pw.RandomEffects(MU, TAU), pw.Exact())
    prior, posterior = result.model.named_priors[name], result[name]
    low, high = (-3, 2) if name == "mu" else (0, 5)
    overlap = quad(lambda x: np.sqrt(float(prior.pdf(x) * posterior.pdf(x))), low, high, epsabs=1e-12, limit=400)[0]
    assert checks.hellinger(result, name) == pytest.approx(np.sqrt(1 - overlap), abs=1e-7)
    with pytest.raises(pw.PoolwiseError, match="theta_new"):
        checks.hellinger(result, "theta_new")


def test_the_chance_of_so_large_an_estimate():
    """P(max y_rep >= max y) = 1 - E[prod Phi((max y - mu) / sqrt(tau^2 + v_i))], over many draws."""
    effects = table("bcg")
    result = pw.fit(effects, pw.RandomEffects(MU, TAU), pw.Exact(draws=5000))
    frame = checks.posterior_predictive(result, ("largest", "Q")).frame.set_index("statistic")
    drawn = pw.fit(effects, pw.RandomEffects(MU, TAU), pw.Exact(draws=20000, seed=9)).to_datatree()["posterior"]
    mu, tau = (drawn[name].to_numpy().reshape(-1, 1) for name in ("mu", "tau"))
    wanted = 1 - ndtr((effects.y.max() - mu) / np.hypot(tau, effects.se)).prod(axis=1).mean()
    assert frame.loc["largest", "p"] == pytest.approx(wanted, abs=5 * frame.loc["largest", "mcse"])
    assert frame.loc["Q", "observed"] == pytest.approx(pw.fit(effects, pw.CommonEffect(), pw.ClosedForm())["Q"].point)


def test_a_common_effect_cannot_make_such_scatter():
    result = pw.fit(table("bcg"), pw.CommonEffect(), pw.Exact())
    found = checks.posterior_predictive(result)
    assert found.frame.set_index("statistic").loc["Q", "p"] == 0.0
    assert "Q (p < 0.001)" in found.sentence
    assert len(found.replicated["Q"]) == 4000


def test_a_statistic_of_ones_own():
    result = pw.fit(table("bcg"), pw.RandomEffects(), pw.Exact())
    found = checks.posterior_predictive(result, {"range": lambda y, se: np.ptp(y, axis=-1)})
    assert found.frame["observed"][0] == pytest.approx(np.ptp(table("bcg").y))
    with pytest.raises(ModelError, match="one number for each draw"):
        checks.posterior_predictive(result, {"all": lambda y, se: y})
    with pytest.raises(ModelError, match="statistic='bigest' is unknown"):
        checks.posterior_predictive(result, ("bigest",))
    with pytest.raises(pw.PoolwiseError):
        checks.posterior_predictive(pw.fit(table("bcg"), pw.RandomEffects(), pw.ClosedForm()))
