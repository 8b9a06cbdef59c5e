"""What the exact engine promises for proper priors, on 20 tables of 2 to 102 real studies under 11 priors of tau."""

import math
import warnings

import pytest

import poolwise as pw
from poolwise import priors
from support.agreement import of_result, worst
from support.oracle_log_tau import LogTauOracle, log_prior
from support.tables import table

# Posterior sd. The engine promises 1e-8. The oracle is good to 1e-12 and less (halving its step shows it), but for
# log-t priors: it ends at tau = e^-340, below which 8e-12 of the prior lie, and at k = 2 the square of tau times the
# density falls above e^340 as slowly.
PROMISE = 1e-8
AGREEMENT = 1e-10
MU = (0.1, 2.0)
PRIORS = (
    ("HalfNormal", 0.5), ("HalfCauchy", 0.3), ("HalfT", 3.0, 0.5), ("HalfLogistic", 0.3), ("Exponential", 2.0),
    ("Lomax", 3.0, 1.0), ("Rayleigh", 0.4), ("Uniform", 0.0, 2.5), ("LogNormal", -1.07, 0.87),
    ("LogT", 5.0, -1.72, 1.295), ("InverseGamma", 1.71, 0.4),
)  # fmt: skip
TABLES = {
    "bcg_k2": 2, "hackshaw1998_k2": 2, "normand1999_k2": 2, "bcg_k3": 3, "hine1989_k3": 3, "raudenbush1985_k3": 3,
    "misconduct": 3, "hine1989": 6, "eight_schools": 8, "normand1999": 9, "dropout": 9, "bcg": 13, "recidivism": 15,
    "molloy2014": 16, "raudenbush1985": 19, "li2007": 22, "hackshaw1998": 37, "bangertdrowns2004": 48,
    "assink2016": 100, "curtis1998": 102,
}  # fmt: skip
ROW = 1  # whose theta is looked at


def fitted(name, prior):
    effects = pw.datasets.load(name) if name == "assink2016" else table(name)
    model = pw.RandomEffects(mu=priors.Normal(*MU), tau=priors.make(*prior))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)  # few studies, effects that share a study
        return pw.fit(effects, model, pw.Exact())


@pytest.mark.parametrize("prior", PRIORS, ids=str)
@pytest.mark.parametrize("name", TABLES)
def test_every_figure_is_as_good_as_promised(name, prior):
    result = fitted(name, prior)
    effects = result.effects
    assert effects.k == TABLES[name]
    end = prior[2] if prior[0] == "Uniform" else math.inf
    oracle = LogTauOracle(effects.y, effects.v, log_prior(*prior), *MU, end=end)
    apart = of_result(result, oracle.figures(ROW), ROW, float(effects.y[0]))
    assert worst(apart) < AGREEMENT < PROMISE, apart
    assert result.log_evidence == pytest.approx(oracle.log_evidence, abs=AGREEMENT)
    assert result.report.diagnostics["grid_error"] < PROMISE
