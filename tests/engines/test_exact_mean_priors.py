"""Exact fits under t, Cauchy, truncated and mixture priors on a mean effect, against quadrature over (mu, tau)."""

import json
import pathlib
import warnings

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors

FILE = pathlib.Path(__file__).parents[1] / "reference" / "posteriors_mu_prior.json"
AGREEMENT = 1e-6  # half-widths of the 95 % interval: what two nonlinear parameters promise


def cases():
    found = json.loads(FILE.read_text())
    return [pytest.param(found["tables"], row, id=f"{row['data']}-{i}") for i, row in enumerate(found["rows"])]


def prior(row):
    family, *parameters = row
    if family == "NormalMixture":
        parts = parameters[0]
        return priors.Mixture([w for w, *_ in parts], [priors.Normal(mean, sd) for _, mean, sd in parts])
    if family == "TruncatedNormal":
        ends = (end if end is not None else sign * np.inf for end, sign in zip(parameters[2:], (-1, 1), strict=True))
        return priors.TruncatedNormal(*parameters[:2], *ends)
    return priors.make(family, *parameters)


def fitted(tables, row):
    found = tables[row["data"]]
    k = row.get("rows", len(found["y"]))
    y, se = np.array(found["y"][:k]), np.sqrt(found["v"][:k])
    tau = prior(row["priors"]["tau"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        if row["model"] == "RandomEffects":
            return pw.fit(pw.Effects(y, se=se), pw.RandomEffects(prior(row["priors"]["mu"]), tau), pw.Exact())
        name = row["names"][1]
        given = {one: prior(spec) for one, spec in row["priors"]["beta"].items()}
        effects = pw.Effects(y, se=se, moderators=pw.datasets.load(row["data"]).moderators[[name]])
        return pw.fit(effects, pw.MetaRegression([name], beta=given, tau=tau), pw.Exact())


def quantity(result, name, at):
    if name.startswith("theta["):
        return result.studies[result.effects.labels[int(name[6:-1])]]
    if at is not None and name in ("mu", "theta_new"):
        return result.linear(np.array(at), new=name == "theta_new")
    return result[name]


@pytest.mark.parametrize(("tables", "row"), cases())
def test_every_law_agrees_with_quadrature_over_mu_and_tau(tables, row):
    result = fitted(tables, row)
    assert result.report.status in ("ok", "moment_does_not_exist")
    for name, wanted in row["quantities"].items():
        found = quantity(result, name, row.get("at"))
        half = 0.5 * (wanted["q975"] - wanted["q025"])
        lower, upper = found.interval(0.95)
        ours = [lower, found.point, upper]
        np.testing.assert_allclose(
            ours, [wanted[q] for q in ("q025", "median", "q975")], atol=AGREEMENT * half, err_msg=name
        )
        for moment in ("mean", "sd"):
            if wanted.get(moment) is not None and not np.isnan(getattr(found, moment)):
                assert getattr(found, moment) == pytest.approx(wanted[moment], abs=AGREEMENT * half), name
    if not np.isnan(result.evidence):
        assert result.log_evidence == pytest.approx(row["log_evidence"], abs=1e-8)


def test_a_restricted_mean_is_known_to_be_alone_and_its_shortest_interval_ends_at_the_limit():
    prior = pw.priors.TruncatedNormal(0, 1, -5, 0)
    model = pw.RandomEffects(mu=prior, tau=pw.priors.HalfNormal(1))
    mu = pw.fit(pw.datasets.load("bcg"), model, pw.Exact())["mu"]
    assert not mu.law._rest.any()  # a rounding error of the correlation leaves nothing open
    lower, upper = mu.interval(0.9999, "shortest")
    assert upper == 0.0
    assert mu.cdf(lower) == pytest.approx(1e-4, rel=1e-6)
