"""Two arms with counts: the PyMC model has the probabilities of scipy, up to what depends on the counts alone."""

import numpy as np
import pytest
from scipy import special, stats

from poolwise.engines.nuts.arm_likelihood import Arms
from poolwise.priors import HalfNormal, Normal
from poolwise.pymc_models.two_arms import two_arms

EVENTS = np.array([[0.0, 3.0], [5.0, 9.0], [12.0, 12.0]])
TOTALS = np.array([[10.0, 12.0], [20.0, 25.0], [12.0, 40.0]])  # an empty cell, and one arm all of events


@pytest.mark.parametrize("measure", ["log OR", "log RR", "log IRR"])
def test_counts_have_the_probabilities_of_scipy_up_to_a_constant(measure):
    import pytensor

    table = Arms(EVENTS, TOTALS, measure).table() | {"base_mean": -1.0, "base_sd": 1.0}
    model = two_arms(table, measure, {"mu": Normal(0, 1), "tau": HalfNormal(1)})
    wanted = [model[name] for name in ("baseline", "theta", "events_obs")]
    at = pytensor.function(model.free_RVs, wanted, mode="FAST_COMPILE", on_unused_input="ignore")
    rng, apart = np.random.default_rng(1), []
    for _ in range(5):
        baseline, theta, found = at(rng.standard_normal(), rng.gamma(2.0), *rng.standard_normal((2, 3)))
        apart.append(float(found) - _log_probability(measure, baseline, theta))
    assert np.ptp(apart) < 1e-9  # all numbers are below 1,000


def _log_probability(measure, baseline, theta):
    (a, c), (n, m) = EVENTS.T, TOTALS.T
    if measure == "log IRR":
        rates = n * np.exp(baseline + theta), m * np.exp(baseline)
        return sum(stats.poisson.logpmf(x, rate).sum() for x, rate in zip((a, c), rates, strict=True))
    control = special.expit(baseline)
    treated = special.expit(baseline + theta) if measure == "log OR" else control * np.exp(theta)
    return stats.binom.logpmf(a, n, treated).sum() + stats.binom.logpmf(c, m, control).sum()
