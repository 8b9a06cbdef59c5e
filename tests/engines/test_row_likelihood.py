"""A `RowLikelihood` that no model of the package states, a model of selection, is read by what reads all others."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from scipy import integrate, special, stats

import poolwise as pw
from poolwise import priors
from poolwise.engines.draws.row_draws import RowDraws
from poolwise.engines.draws.row_likelihood import Completed, RowLikelihood
from poolwise.engines.draws.row_tree import row_tree

STEP = 1.96  # z above which every study is published; below it one in five is
WEIGHT = 0.2
EFFECTS = pw.Effects([0.5, 0.1, 0.7], se=[0.2, 0.3, 0.25], study=list("ABC"))


@dataclass(frozen=True)
class Selected:
    """y ~ Normal(mu, v + tau^2), published with probability 1 where y > 1.96 se and 0.2 elsewhere."""

    effects: pw.Effects
    model: pw.RandomEffects
    absent = {"I2": "the studies that were published are selected"}  # noqa: RUF012
    notes = ()

    @cached_property
    def cut(self):
        return STEP * self.effects.se

    def moments(self):
        return {"mu": 4, "tau": 4, "tau2": 2, "theta_new": 4}

    def log_likelihood(self, parameters):
        mu, tau = (parameters[name][..., None] for name in ("mu", "tau"))
        sd = np.hypot(tau, self.effects.se)
        published = WEIGHT + (1.0 - WEIGHT) * special.ndtr((mu - self.cut) / sd)
        weight = np.where(self.effects.y > self.cut, 1.0, WEIGHT)
        return stats.norm.logpdf(self.effects.y, mu, sd) + np.log(weight) - np.log(published)

    def complete(self, parameters, drawn, rng):
        mu, tau = (parameters[name][..., None] for name in ("mu", "tau"))
        share = tau**2 / (tau**2 + self.effects.v)  # selection depends on theta through y alone
        noise = np.sqrt(share * self.effects.v) * rng.standard_normal(share.shape)
        theta = mu + share * (self.effects.y - mu) + noise
        return Completed(theta, self.new_effects(parameters, 1, rng)[..., 0], 1.0 / (tau**2 + self.effects.v))

    def new_effects(self, parameters, size, rng):
        mu, tau = (parameters[name][..., None] for name in ("mu", "tau"))
        return mu + tau * rng.standard_normal((*mu.shape[:-1], size))

    def replicates(self, parameters, rest, rng):
        out = np.full((*parameters["mu"].shape, self.effects.k), np.nan)
        while np.isnan(out).any():
            y = self.new_effects(parameters, self.effects.k, rng)
            y = y + self.effects.se * rng.standard_normal(y.shape)
            seen = np.isnan(out) & (rng.random(y.shape) < np.where(y > self.cut, 1.0, WEIGHT))
            out[seen] = y[seen]
        return {"y": out}

    def observed(self):
        return {"y": self.effects.y}

    def derived(self, parameters, rest):
        return {}

    def own_prior(self, size, rng):
        return {}


@pytest.fixture(scope="module")
def draws():
    model = pw.RandomEffects(priors.Normal(0.0, 1.0), priors.HalfNormal(0.5))
    likelihood: RowLikelihood = Selected(EFFECTS, model)
    rng = np.random.default_rng(3)
    parameters = {"mu": rng.normal(0.3, 0.1, (2, 500)), "tau": np.abs(rng.normal(0.0, 0.2, (2, 500)))}
    return RowDraws.completed(likelihood, parameters, {}, rng)


def test_its_density_with_the_normalising_constant_integrates_to_1():
    at = {"mu": np.array(0.2), "tau": np.array(0.3)}

    def density(y):
        one = pw.Effects([y, 0.0, 0.5], se=[0.2, 0.2, 0.2])
        return float(np.exp(Selected(one, pw.RandomEffects()).log_likelihood(at)[0]))

    whole = sum(integrate.quad(density, *ends)[0] for ends in ((-3.0, STEP * 0.2), (STEP * 0.2, 3.5)))
    assert whole == pytest.approx(1.0, abs=1e-8)


def test_draws_of_it_have_quantities_studies_and_weights(draws):
    quantities = draws.quantities(draws.likelihood.moments())
    assert list(quantities) == ["mu", "tau", "tau2", "theta_new"]
    assert quantities["tau"].pdf(-0.1) == 0.0
    assert quantities["mu"].point == pytest.approx(np.median(draws.parameters["mu"]))
    assert draws.studies()["B"].mean == pytest.approx(draws.rest.theta[..., 1].mean())
    assert sum(draws.weights().values()) == pytest.approx(1.0)


def test_its_tree_has_every_group_and_replicates_what_is_published(draws):
    tree = row_tree(draws, "selected", np.random.default_rng(4))
    assert {"posterior", "log_likelihood", "log_prior", "posterior_predictive", "prior"} < set(tree.children)
    assert "sample_stats" not in tree.children
    y = tree["posterior_predictive"]["y"].to_numpy()
    mu, sd = draws.parameters["mu"][..., None], np.hypot(draws.parameters["tau"][..., None], EFFECTS.se)
    above = special.ndtr((mu - STEP * EFFECTS.se) / sd)
    expected = (above / (WEIGHT + (1.0 - WEIGHT) * above)).mean(axis=(0, 1))
    assert (y > STEP * EFFECTS.se).mean(axis=(0, 1)) == pytest.approx(expected, abs=4.0 * 0.5 / np.sqrt(1000))
