"""A numeric argument beyond floating point, and a flag that is none, are refused in words."""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import poolwise as pw
from poolwise import checks, priors
from poolwise.engines.draws.normal_tree import normal_tree
from poolwise.engines.draws.row_tree import row_tree
from poolwise.settings import as_number
from poolwise.simulate import calibration

HUGE = 10**5000
EFFECTS = pw.Effects([0.1, 0.4, 0.3, 0.2], se=[0.1, 0.2, 0.15, 0.1], moderators={"x": [1.0, 2.0, 3.0, 5.0]})
MODEL = pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5))


def posterior():
    return pw.fit(EFFECTS, MODEL, pw.Exact())["mu"]


def slope():
    return pw.fit(EFFECTS, pw.MetaRegression(["x"]), pw.ClosedForm())


@pytest.mark.parametrize(
    "call",
    [
        lambda: priors.HalfNormal(HUGE),
        lambda: priors.Normal(HUGE, 1),
        lambda: priors.TruncatedNormal(0, 1, 0, HUGE),
        lambda: priors.Mixture((HUGE, 1), (priors.Normal(0, 1), priors.Normal(0, 2))),
        lambda: priors.Density(lambda tau: -tau, "x", upper=HUGE),
        lambda: priors.Density(lambda tau: -tau, "x", points=[HUGE]),
        lambda: priors.HalfNormal(1).ppf(HUGE),
        lambda: priors.HalfNormal(1).sample(HUGE, seed=1),
        lambda: pw.ClosedForm(tau2=HUGE),
        lambda: pw.Exact(tolerance=HUGE),
        lambda: pw.NUTS(target_accept=HUGE),
        lambda: pw.ThreeLevel(rho=HUGE),
        lambda: posterior().interval(HUGE),
        lambda: posterior().cdf([HUGE, 1]),
        lambda: posterior().probability(0, HUGE),
        lambda: posterior().sample(HUGE, seed=1),
        lambda: pw.predict(slope(), {"x": [HUGE]}),
        lambda: slope().contrast({"beta[x]": HUGE}),
        lambda: checks.prior_panel(EFFECTS, threshold=HUGE),
    ],
)
def test_a_number_of_5000_digits_is_refused_in_a_short_sentence(call):
    with pytest.raises(pw.errors.PoolwiseError) as error:
        call()
    assert len(str(error.value)) < 300


def test_what_no_floating_point_number_holds_is_none():
    assert as_number(2) == 2.0
    assert all(math.isnan(as_number(value)) for value in (HUGE, -HUGE, True, "2", None, 1j))


@pytest.mark.parametrize(
    "call",
    [
        lambda: pw.NUTS(progress="yes"),
        lambda: pw.NUTS(progress=1),
        lambda: priors.Density(lambda tau: -tau, "x", proper="no"),
        lambda: pw.fit(EFFECTS, MODEL, strict="yes"),
        lambda: pw.fit_batch([[0.1, 0.2]], [[0.1, 0.1]], MODEL, pw.Exact(), theta_new="yes"),
    ],
)
def test_a_flag_is_true_or_false(call):
    with pytest.raises(pw.errors.PoolwiseError, match="Expected: True or False"):
        call()


def huge_tree():
    engine = pw.Exact(draws=10**7)
    many = pw.Effects(np.linspace(0, 1, 2000), se=np.ones(2000))
    return pw.fit(many, pw.CommonEffect(mu=priors.Flat()), engine).to_datatree()


@pytest.mark.parametrize(
    "call",
    [
        huge_tree,
        lambda: pw.fit_batch(np.broadcast_to(0.1, (10**11, 5)), np.broadcast_to(0.1, (10**11, 5)), MODEL, pw.Exact()),
        lambda: calibration(MODEL, pw.Exact(), EFFECTS, simulations=10**13),
    ],
)
def test_memory_is_asked_for_before_it_is_taken(call):
    with pytest.raises(pw.errors.ModelError, match=r"would take at least .* of memory"):
        call()


OF_TWO = pw.Effects([0.1, 0.4, 0.3, 0.2], se=[0.1, 0.2, 0.15, 0.1], outcome=list("aabb"), scale="SMD")
SAMPLED = SimpleNamespace(effects=EFFECTS, model=MODEL, shape=(4, 1000))
ROWS = SimpleNamespace(likelihood=SAMPLED, shape=(4, 1000))


@pytest.mark.filterwarnings("ignore::poolwise.PoolwiseWarning")
@pytest.mark.parametrize(
    "ready",
    [
        lambda: partial(normal_tree, SAMPLED, "", np.random.default_rng(1)),
        lambda: partial(row_tree, ROWS, "", np.random.default_rng(1)),
        lambda: pw.fit(OF_TWO, pw.JointOutcomes(), pw.Exact()).to_datatree,
        lambda: pw.fit(EFFECTS, MODEL, pw.Exact()).to_datatree,
    ],
    ids=["normal", "rows", "joint", "exact"],
)
def test_each_tree_of_draws_asks_for_its_memory_first(ready, monkeypatch):
    tree = ready()
    monkeypatch.setattr("poolwise.settings._memory", lambda: 100_000)  # 4 chains of 1000 draws take more
    with pytest.raises(pw.errors.ModelError, match=r"to_datatree\(\) of . chains of .* for 4 studies would take"):
        tree()
