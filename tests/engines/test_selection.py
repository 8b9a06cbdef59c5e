"""Selection models by NUTS and as they are stated: against dense grids, integrals and simulation written out here."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special

import poolwise as pw
from poolwise import priors
from poolwise.engines.draws.selection_likelihood import SelectionLikelihood
from poolwise.errors import ModelError
from support.pymc_points import log_posterior_of

Y = np.array([0.62, 0.35, 0.48, 0.05, 0.51, -0.12, 0.80, 0.22])
SE = np.array([0.22, 0.15, 0.20, 0.18, 0.24, 0.30, 0.33, 0.12])
EFFECTS = pw.Effects(Y, se=SE, scale="SMD", moderators={"x": np.arange(8.0)})
AT = {"mu": np.array(0.2), "tau": np.array(0.3)}
STEPS = pw.StepSelection((0.025, 0.5), direction="positive")
SMOOTH = {"beta": (0.7, 1.3), "halfnorm": (4.0,), "negexp": (3.0,), "logistic": (5.0,), "power": (2.0,)}
MCSES = 5.0  # Monte Carlo standard errors of NUTS


def normal(x, mean, sd):
    return math.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * math.sqrt(2.0 * math.pi))


def functions(model, sign=1.0):
    """A model of one smooth weight, its parameters, and its weight as the papers print it, of y and se."""
    delta = SMOOTH[model]

    def omega(y, se, scale=1.0):
        p = special.ndtr(-sign * y / se)
        p = min(max(p, 1e-5), 1.0 - 1e-5) if model in ("beta", "power") else p
        return {
            "beta": p ** (delta[0] - 1.0) * (1.0 - p) ** (delta[-1] - 1.0),
            "halfnorm": math.exp(-delta[0] * scale * p**2),
            "negexp": math.exp(-delta[0] * scale * p),
            "logistic": 2.0 / (1.0 + math.exp(delta[0] * scale * p)),
            "power": (1.0 - p) ** delta[0],
        }[model]

    return omega


def test_the_density_of_step_weights_is_the_selected_normal_one():
    omegas, cuts = (1.0, 0.6, 0.2), (-special.ndtri(0.025), 0.0)
    parameters = AT | dict(zip(STEPS.free_weights, map(np.array, omegas[1:]), strict=True))
    ours = SelectionLikelihood.of(EFFECTS, STEPS.resolved(EFFECTS)).log_likelihood(parameters)
    for y, se, log in zip(Y, SE, ours, strict=True):
        sd, knots = math.hypot(se, 0.3), [0.2 - 9.0, 0.0, cuts[0] * se, 0.2 + 9.0]
        parts = [integrate.quad(normal, a, b, (0.2, sd), points=[0.2])[0] for a, b in pairwise(knots)]
        own = omegas[0] if y >= cuts[0] * se else omegas[1] if y >= 0.0 else omegas[2]
        assert log == pytest.approx(math.log(normal(y, 0.2, sd) * own / np.dot(parts, omegas[::-1])), abs=1e-9)


@pytest.mark.parametrize("kind", SMOOTH)
def test_the_density_of_smooth_weights_is_the_selected_normal_one(kind):
    scaled = kind in ("halfnorm", "negexp", "logistic")
    model = pw.WeightFunction(kind, direction="negative", prec="sei" if scaled else None)
    parameters = AT | dict(zip(model.parameters, map(np.array, SMOOTH[kind]), strict=True))
    ours = SelectionLikelihood.of(EFFECTS, model.resolved(EFFECTS)).log_likelihood(parameters)
    omega = functions(kind, -1.0)
    for y, se, log in zip(Y, SE, ours, strict=True):
        sd, edge, scale = math.hypot(se, 0.3), -special.ndtri(1e-5) * se, se / SE.max() if scaled else 1.0
        knots = sorted({0.2 - 12 * sd, 0.2 + 12 * sd, *np.linspace(-edge, edge, 7)})
        published = sum(
            integrate.quad(lambda x, se=se, sd=sd, c=scale: normal(x, 0.2, sd) * omega(x, se, c), a, b, epsrel=1e-11)[0]
            for a, b in pairwise(knots)
        )
        assert log == pytest.approx(math.log(normal(y, 0.2, sd) * omega(y, se, scale) / published), abs=1e-9)


@pytest.mark.parametrize(
    ("model", "point"),
    [
        (STEPS, {"ratio": [0.6, 0.5]}),
        (pw.StepSelection((0.05, 0.1), direction="positive", sides=2), {"ratio": [0.6, 0.5]}),
        (pw.StepSelection((0.025, 0.5), direction="negative", weights=(1.0, 1.5, 0.2)), {}),
        (pw.StepSelection(direction="negative", weights=priors.HalfNormal(2.0)), {"weight[0]": 1.4}),
        (pw.WeightFunction("beta", direction="positive"), {"delta[1]": 0.7, "delta[2]": 1.3}),
        (pw.WeightFunction("halfnorm", direction="negative", prec="sei"), {"delta": 4.0}),
        (pw.WeightFunction("logistic", direction="negative", sides=2), {"delta": 4.0}),
    ],
)
def test_the_pymc_model_is_what_the_likelihood_says(model, point):
    resolved = model.resolved(EFFECTS)
    likelihood = SelectionLikelihood.of(EFFECTS, resolved)
    log_posterior = log_posterior_of(pw.pymc_model(EFFECTS, model))

    def gap(mu, tau):
        own = {name: np.array(value) for name, value in zip(likelihood.free[2:], _weights(point), strict=False)}
        ours = likelihood.log_likelihood({"mu": np.array(mu), "tau": np.array(tau)} | own).sum()
        prior = resolved.mu.log_pdf(mu) + resolved.tau.log_pdf(tau)
        return log_posterior(mu=mu, tau=tau, **point) - ours - prior

    # what is left is the prior of the weights, which does not know of mu and tau: far out in both tails too
    here = gap(0.2, 0.3)
    assert [gap(1.5, 0.4), gap(-3.0, 0.05)] == pytest.approx([here, here], abs=1e-6)


def _weights(point):
    return np.cumprod(point["ratio"]) if "ratio" in point else list(point.values())


@pytest.fixture(scope="module")
def drawn():
    model = pw.StepSelection(direction="positive", mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5))
    return pw.fit(EFFECTS, model, pw.NUTS(draws=1500, seed=3))


def grid():
    """The posterior under one step on a dense grid of mu, tau and omega: weights, and the three axes."""
    mu, tau, omega = np.linspace(-2.5, 1.5, 241), np.linspace(0.0025, 2.0, 160), (np.arange(60) + 0.5) / 60.0
    m, t, w = mu[:, None, None], tau[None, :, None], omega[None, None, :]
    log = -0.5 * m**2 - 0.5 * (t / 0.5) ** 2 + 0.0 * w
    for y, se in zip(Y, SE, strict=True):
        sd, cut = np.hypot(t, se), -special.ndtri(0.025) * se
        above = special.ndtr((m - cut) / sd)
        log = log - 0.5 * ((y - m) / sd) ** 2 - np.log(sd) - np.log(above + w * (1.0 - above))
        log = log + (0.0 if y >= cut else np.log(w))
    p = np.exp(log - log.max())
    return p / p.sum(), {"mu": mu, "tau": tau, "omega[p > .025]": omega}


def test_nuts_agrees_with_a_dense_grid_within_its_monte_carlo_error(drawn):
    import arviz as az

    p, axes = grid()
    posterior = drawn.to_datatree()["posterior"]
    for axis, (name, values) in enumerate(axes.items()):
        law = p.sum(axis=tuple(j for j in range(3) if j != axis))
        expected = float(law @ values)
        assert float(posterior[name].mean()) == pytest.approx(expected, abs=MCSES * float(az.mcse(posterior[name])))


def test_true_effects_given_the_estimates_know_nothing_of_the_selection(drawn):
    posterior = drawn.to_datatree()["posterior"]
    mu, tau = (posterior[name].to_numpy() for name in ("mu", "tau"))
    share = tau**2 / (tau**2 + SE[2] ** 2)
    expected = (mu + share * (Y[2] - mu)).mean()
    noise = np.sqrt((share * SE[2] ** 2).mean() / mu.size)
    assert drawn.studies[EFFECTS.labels[2]].mean == pytest.approx(expected, abs=MCSES * noise)


def test_replicates_are_drawn_from_what_is_published(drawn):
    posterior, y = drawn.to_datatree()["posterior"], drawn.to_datatree()["posterior_predictive"]["y"].to_numpy()
    mu, tau, omega = (posterior[name].to_numpy() for name in ("mu", "tau", "omega[p > .025]"))
    for i, se in enumerate(SE):
        cut = -special.ndtri(0.025) * se
        above = special.ndtr((mu - cut) / np.hypot(tau, se))
        expected = float((above / (above + omega * (1.0 - above))).mean())
        assert (y[..., i] >= cut).mean() == pytest.approx(expected, abs=4.0 * 0.5 / np.sqrt(mu.size))


def test_a_result_names_weights_and_says_why_there_is_no_i2(drawn):
    assert {"mu", "tau", "tau2", "omega[p > .025]", "omega[p < .025]", "theta_new"} == set(drawn.quantities)
    assert drawn["omega[p < .025]"].point == 1.0
    with pytest.raises(Exception, match="those that were published are selected"):
        drawn["I2"]
    assert "omega" not in drawn.prior
    assert pw.checks.loo(drawn, refit_above=None).elpd < 0.0


def test_several_effects_of_one_study_and_reconstructions_are_refused():
    with pytest.warns(pw.PoolwiseWarning, match="several effects from one study"):
        twice = pw.Effects(Y, se=SE, scale="SMD", study=["A", "A", *"CDEFGH"])
    reconstructed = pw.datasets.load("working_alliance").select(outcome="dropout")
    for model in (STEPS, pw.WeightFunction("beta", direction="positive")):
        with pytest.raises(ModelError, match=r"cluster-robust.*multilevel"):
            pw.fit(twice, model, pw.NUTS())
        with pytest.raises(ModelError, match="reconstructed: their p-values are a choice"):
            pw.fit(reconstructed, model, pw.NUTS())


def test_draws_that_were_made_elsewhere_are_read_and_come_back_from_their_own_tree():
    rng, shape = np.random.default_rng(4), (2, 50)
    draws = {"mu": rng.normal(0.2, 0.1, shape), "tau": np.abs(rng.normal(0.2, 0.1, shape))}
    omega = np.stack([np.ones(shape), rng.random(shape)], axis=-1)
    read = pw.read_draws(EFFECTS, pw.StepSelection(direction="positive"), draws | {"omega": omega})
    again = pw.read_draws(EFFECTS, pw.StepSelection(direction="positive"), read.to_datatree())
    assert again["omega[p > .025]"].point == read["omega[p > .025]"].point == np.median(omega[..., 1])
    with pytest.raises(ModelError, match="the draws have no omega"):
        pw.read_draws(EFFECTS, pw.StepSelection(direction="positive"), draws)
