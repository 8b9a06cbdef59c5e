"""The prior predictive check agrees with the law that the priors have, and says when they are out of place."""

import numpy as np
import pytest
from scipy import integrate, stats

import poolwise as pw
from poolwise import priors

DRAWS = 1000
HALF, UNIT = priors.HalfNormal(0.5), priors.Normal(0, 1)
GROUPS = {
    "joint outcomes": ("working_alliance", pw.JointOutcomes()),
    "subgroups": ("bcg", pw.Subgroups("alloc", UNIT, HALF, "separate")),
    "three levels": ("assink2016", pw.ThreeLevel(mu=UNIT, tau_between=HALF, tau_within=HALF)),
    "regression": ("bcg", pw.MetaRegression("~ ablat", beta={"intercept": UNIT, "ablat": priors.Normal(0, 0.1)})),
    "location and scale": ("bcg", pw.LocationScale("~ ablat", "~ ablat", tau=HALF,
                           beta={"intercept": UNIT, "ablat": priors.Normal(0, 0.1)})),
}  # fmt: skip


def below(x, se, scale):
    """P(y_rep <= x) = integral over tau of Phi(x / sqrt(1 + se^2 + tau^2)) for mu ~ Normal(0, 1)."""
    tau = stats.halfnorm(scale=scale)
    return integrate.quad(lambda t: stats.norm.cdf(x / np.hypot(np.hypot(1.0, se), t)) * tau.pdf(t), 0, np.inf)[0]


@pytest.mark.parametrize("engine", [pw.Exact(), pw.NUTS(draws=200, tune=200, chains=2)], ids=["exact", "NUTS"])
def test_shares_below_are_those_of_the_law(engine):
    fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(mu=UNIT, tau=HALF), engine)
    frame = pw.checks.prior_predictive(fit).frame
    own = frame[frame["kind"] == "estimate"]
    exact = np.array([below(y, se, 0.5) for y, se in zip(own["y"], own["se"], strict=True)])
    assert (np.abs(own["p"] - exact) < 4.0 * np.sqrt(exact * (1 - exact) / DRAWS)).all()
    new = frame[frame["kind"] == "new study"].iloc[0]
    for limit, p in (("lower", 0.025), ("upper", 0.975)):
        assert abs(below(new[limit], 0.0, 0.5) - p) < 4.0 * np.sqrt(0.025 * 0.975 / DRAWS)
        assert new[f"natural_{limit}"] == pytest.approx(np.exp(new[limit]))


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
@pytest.mark.parametrize("name", GROUPS)
def test_every_model_answers(name):
    data, model = GROUPS[name]
    found = pw.checks.prior_predictive(fit := pw.fit(pw.datasets.load(data), model, pw.Exact(draws=50)))
    names = set(found.frame.loc[found.frame["kind"] == "new study", "name"])
    assert names == {one for one in fit if one.startswith("theta_new")}
    assert found.frame[["lower", "upper"]].notna().all().all()


def test_priors_too_wide_or_out_of_place_are_told():
    bcg = pw.datasets.load("bcg")

    def sentence(mu, tau):
        return pw.checks.prior_predictive(pw.fit(bcg, pw.RandomEffects(mu=mu, tau=tau), pw.Exact())).sentence

    assert sentence(UNIT, HALF).startswith("The priors expect effects like these")
    assert "is its unit that of the effects?" in sentence(priors.Normal(0, 100), HALF)
    assert sentence(priors.Normal(3, 0.1), priors.HalfNormal(0.05)).startswith("The priors hardly expect")


def test_an_improper_prior_cannot_be_drawn_from():
    fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(mu=priors.Flat()), pw.Exact())
    with pytest.raises(pw.PoolwiseError, match="improper prior"):
        pw.checks.prior_predictive(fit)
