"""A prior on mu stays where it was stated while the sampler's origin moves to the data."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors

MCSE = 4.0  # Monte Carlo standard errors; the seed is fixed
FAR = pw.Effects([1.5, 1.9, 1.7], se=[0.3, 0.3, 0.3], scale="SMD")  # three prior sds from 0
HALF = priors.HalfNormal(0.5)


T_PRIOR, CAUCHY = priors.StudentT(4, 0.0, 0.5), priors.Cauchy(0.0, 0.2)


@pytest.mark.slow
@pytest.mark.parametrize("model", [pw.RandomEffects(T_PRIOR, HALF), pw.CommonEffect(CAUCHY)], ids=["t", "Cauchy"])
def test_a_prior_that_the_data_disagree_with_pulls_as_far_as_in_the_exact_posterior(model):
    exact = pw.fit(FAR, model, pw.Exact())
    nuts = pw.fit(FAR, model, pw.NUTS(seed=4))
    numbers = nuts.report.diagnostics
    for p, key in ((0.025, "q2.5"), (0.975, "q97.5")):
        assert abs(nuts["mu"].ppf(p) - exact["mu"].ppf(p)) < MCSE * numbers[f"mcse_{key}_mu"]
    assert abs(nuts["mu"].mean - exact["mu"].mean) < MCSE * numbers["mcse_mean_mu"] or np.isnan(exact["mu"].mean)
