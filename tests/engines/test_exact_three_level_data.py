"""The packaged data of several effects in each study, by the exact engine: other quadrature, and metafor nearby."""

import json
import pathlib

import pytest

import poolwise as pw
from poolwise import priors

REFERENCE = pathlib.Path(__file__).parents[1] / "reference"
LEVELS = [row for row in json.loads((REFERENCE / "posteriors_levels.json").read_text())["rows"] if row["rows"] == 100]
METAFOR = json.loads((REFERENCE / "rma_mv_assink2016.json").read_text())["fits"]
# Posterior sd: what the reference is good to (its `error`), and brentq's last digits on top.
AGREEMENT = 1e-10
# Posterior sd: weak priors and the skewness of a posterior move its median away from a maximum of the restricted
# likelihood, and with 17 studies by less than this.
NEAR = 0.2


def fitted(rho, **given):
    return pw.fit(pw.datasets.load("assink2016"), pw.ThreeLevel("study", rho=rho, **given), pw.Exact())


@pytest.mark.parametrize("row", LEVELS, ids=lambda row: f"rho={row['rho']}")
def test_clusters_are_the_studies(row):
    result = fitted(row["rho"], **{name: priors.make(*prior) for name, prior in row["priors"].items()})
    for name, ours in (("mu", "mu"), ("tau_between",) * 2, ("tau_within",) * 2, ("total", "tau"), ("icc", "ICC")):
        wanted, found = row["quantities"][name], result[ours]
        for p, key in ((0.025, "q025"), (0.5, "median"), (0.975, "q975")):
            assert found.ppf(p) == pytest.approx(wanted[key], abs=AGREEMENT * wanted["sd"]), (name, key)
        assert (found.mean, found.sd) == pytest.approx((wanted["mean"], wanted["sd"]), abs=AGREEMENT * wanted["sd"])
    assert result.log_evidence == pytest.approx(row["log_evidence"], abs=AGREEMENT)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_medians_lie_near_the_restricted_maximum_of_metafor(rho):
    (row,) = (r for r in METAFOR if (r["moderators"], r["method"], r["rho"]) == ("~ 1", "REML", rho))
    result = fitted(rho)
    wanted = {
        "mu": row["beta"][0],
        "tau_between": row["sigma2_between"] ** 0.5,
        "tau_within": row["sigma2_within"] ** 0.5,
    }
    for name, value in wanted.items():
        assert result[name].point == pytest.approx(value, abs=NEAR * result[name].sd), name
