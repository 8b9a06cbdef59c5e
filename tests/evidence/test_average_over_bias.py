"""Averages over models of publication bias: 36 models against figures, symmetry, words, draws, refusals."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.errors import MissingQuantityError, ModelError
from support.tables import table as support_table

REFERENCE = Path(__file__).parents[1] / "reference"
EVIDENCE = 3e-5  # log; the figures are good to 1e-5, with three studies to 1.3e-5
RELATIVE = 1e-4
DISTRIBUTION = 3e-5  # of mu, to which the figures' quantiles are good
NAMES = ("bem2011", "sim15", "normand_k3")


def table(y, se, scale="SMD"):
    return pw.Effects(np.asarray(y), se=np.asarray(se), scale=scale)


@pytest.fixture(scope="module")
def pairs():
    """Each set of figures, and the average over its estimates."""
    found = {}
    for name in NAMES:
        figures = json.loads((REFERENCE / f"psma_{name}.json").read_text())
        effects = table(figures["y"], figures["se"])
        found[name] = (figures, pw.average(effects, bias="PSMA", direction="positive"))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_evidence_is_that_of_the_figures(pairs, name):
    figures, averaged = pairs[name]
    rows = {(r.bias, r.effect, r.random): r for r in averaged.models.itertuples()}
    for model in figures["models"]:
        row = rows[(as_named(model["bias"]), model["effect"], model["random"])]
        assert row.log_evidence == pytest.approx(model["log_evidence"], abs=EVIDENCE)
        assert row.prior == pytest.approx(model["prior"])
        assert row.posterior == pytest.approx(model["post"], rel=RELATIVE, abs=1e-12)


def as_named(bias):
    """The name that the figures give a bias, as `models` gives it."""
    if "sided" not in bias:
        return bias
    side, _, cuts = bias.partition(".sided(")
    steps = ", ".join(cut for cut in cuts.removesuffix(")").split(","))
    return f"{side}-sided ({steps})"


@pytest.mark.parametrize("name", NAMES)
def test_inclusion_bayes_factors_and_means_are_those_of_the_figures(pairs, name):
    figures, averaged = pairs[name]
    for key, factor in averaged.inclusion.items():
        assert math.exp(factor.log) == pytest.approx(figures["inclusion"][key]["BF"], rel=RELATIVE)
    weights = [averaged[key].mean for key in averaged if key.startswith("omega")]
    assert weights == pytest.approx(figures["averaged"]["omega_mean_6"], rel=RELATIVE)
    for key in ("PET", "PEESE"):
        assert averaged[key].mean == pytest.approx(figures["averaged"][f"{key}_mean"], rel=RELATIVE)
    assert averaged["mu"].sd == pytest.approx(figures["averaged"]["mu_sd"], rel=RELATIVE)


@pytest.mark.parametrize("name", NAMES)
def test_quantiles_of_mu_are_those_of_the_figures(pairs, name):
    figures, averaged = pairs[name]
    for part in ("averaged", "conditional"):
        posterior = getattr(averaged, part)["mu"]
        for p, value in figures[part]["mu_quantiles"].items():
            mine = float(posterior.ppf(float(p)))
            close = abs(mine - value) <= RELATIVE * abs(value) + 1e-9
            assert close or abs(float(posterior.cdf(value)) - float(p)) < DISTRIBUTION


@pytest.mark.parametrize("name", NAMES)
def test_stated_errors_are_small_and_cover_what_a_finer_lattice_changes(pairs, name):
    _, averaged = pairs[name]
    assert averaged.models["error"].max() < 2e-4
    assert averaged.numerical_error < 1e-4


def test_the_mirrored_table_gives_the_mirrored_answer(pairs):
    _, averaged = pairs["bem2011"]
    effects = averaged.effects
    mirrored = pw.average(table(-effects.y, effects.se), bias="PSMA", direction="negative")
    assert (mirrored.models["log_evidence"] == averaged.models["log_evidence"]).all()
    assert (mirrored.models["posterior"] == averaged.models["posterior"]).all()
    for one, other in ((mirrored, averaged), (mirrored.conditional, averaged.conditional)):
        for name in ("mu", "theta_new"):
            lower, upper = other[name].interval(0.9)
            assert one[name].interval(0.9) == (-upper, -lower)
            assert (one[name].mean, one[name].sd, one[name].point) == (
                -other[name].mean,
                other[name].sd,
                -other[name].point,
            )
        for name in ("tau", "PET", "omega[.5 < p < .95]"):
            assert one[name].interval() == other[name].interval()
    sides = averaged.to_frame().set_index("quantity").loc["mu", ["p_below", "p_exactly", "p_above"]].to_numpy()
    assert (mirrored.to_frame().set_index("quantity").loc["mu", ["p_above", "p_exactly", "p_below"]] == sides).all(
        axis=None
    )
    assert (mirrored.draws(50)[["mu", "theta_new"]] == -averaged.draws(50)[["mu", "theta_new"]]).all(axis=None)


def test_a_change_of_unit_changes_nothing_but_the_unit(pairs):
    """Estimates in points, 12 to a standard deviation, and the unit said."""
    _, averaged = pairs["normand_k3"]
    effects = averaged.effects
    points = pw.average(
        table(12.0 * effects.y, 12.0 * effects.se, "identity"), bias="PSMA", direction="positive", unit=12.0
    )
    for name, factor in points.inclusion.items():
        assert factor.log == pytest.approx(averaged.inclusion[name].log, abs=1e-6)
    assert points["mu"].interval()[0] / 12.0 == pytest.approx(averaged["mu"].interval()[0], rel=1e-6)
    assert points["PEESE"].mean * 12.0 == pytest.approx(averaged["PEESE"].mean, rel=1e-5)


def test_without_bias_it_is_the_average_over_four_models():
    """Weights that are known to be 1 select nothing, so that both halves say what four models say."""
    effects, model = pw.datasets.load("bcg"), pw.RandomEffects(priors.Normal(0, 1), priors.HalfNormal(0.5))
    four = pw.average(effects, model)
    ones = pw.StepSelection((0.025,), direction="negative", weights=(1.0, 1.0))
    averaged = pw.average(effects, model, bias=[None, ones], direction="negative")
    assert averaged.inclusion["bias"].log == pytest.approx(0.0, abs=1e-6)
    assert averaged.inclusion["effect"].log == pytest.approx(four.effect.log, abs=1e-6)
    assert averaged.inclusion["heterogeneity"].log == pytest.approx(four.heterogeneity.log, abs=1e-6)
    for name in ("mu", "tau", "theta_new"):
        assert averaged[name].interval() == pytest.approx(four[name].interval(), rel=1e-5)
        assert averaged.conditional[name].interval() == pytest.approx(four.conditional[name].interval(), rel=1e-5)


@pytest.mark.parametrize(
    ("mu", "tau"),
    [
        (priors.StudentT(3, 0, 0.5), priors.HalfCauchy(0.5)),
        (priors.TruncatedNormal(0, 1, upper=0.0), priors.Uniform(0, 2)),
        (priors.Cauchy(0, 0.7), priors.LogT(5, -1.72, 1.295)),
        (priors.Mixture((0.5, 0.5), (priors.Normal(0, 1), priors.Normal(-1, 0.3))), priors.DuMouchel()),
    ],
    ids=str,
)
def test_every_prior_of_the_package_is_integrated_as_the_exact_engine_does(mu, tau):
    effects = pw.datasets.load("bcg")
    model = pw.RandomEffects(mu, tau)
    ones = pw.StepSelection((0.025,), direction="negative", weights=(1.0, 1.0))
    averaged = pw.average(effects, model, bias=[None, ones, pw.PET()], direction="negative")
    frame = averaged.models.set_index(["bias", "effect", "random"])
    name = averaged.models["bias"].unique()[1]
    for effect in (False, True):
        for random in (False, True):
            exact, lattice = frame.loc[("none", effect, random)], frame.loc[(name, effect, random)]
            assert lattice["log_evidence"] == pytest.approx(exact["log_evidence"], abs=max(lattice["error"], 1e-8))
    assert frame["error"].max() < 2e-4


def test_limits_of_a_truncated_mean_are_those_of_the_exact_engine():
    for mu in (priors.TruncatedNormal(0, 0.3, lower=0.0), priors.TruncatedNormal(0, 1, lower=-1.0, upper=1.0)):
        effects = table([0.02, 0.1, -0.05, 0.08], [0.1, 0.12, 0.2, 0.15])
        spread = {"mu": mu, "tau": priors.HalfNormal(0.3)}
        exact = pw.fit(effects, pw.RandomEffects(**spread), pw.Exact())
        ones = pw.StepSelection((0.025,), direction="positive", weights=(1.0, 1.0), **spread)
        lattice = pw.fit(effects, ones, pw.Exact())
        for name in ("mu", "theta_new", "tau"):
            assert lattice[name].interval() == pytest.approx(exact[name].interval(), rel=1e-4)


def test_draws_are_from_the_average(pairs):
    _, averaged = pairs["sim15"]
    n = 4000
    draws = averaged.draws(n, seed=3)
    share = np.bincount(draws["model"], minlength=36) / n
    assert np.abs(share - averaged.probabilities).max() < 4.5 * math.sqrt(0.25 / n)
    for name in ("mu", "tau", "theta_new", "omega[.05 < p < .5]", "PET"):
        quantity, values = averaged[name], draws[name].to_numpy()
        for x in (quantity.law.atom, *quantity.ppf(np.array([0.2, 0.5, 0.8, 0.95]))):
            below = float(quantity.cdf(x))
            assert abs((values <= x).mean() - below) < 4.5 * math.sqrt(max(below * (1 - below), 1e-4) / n)
    assert averaged.draws(50, seed=3).equals(averaged.draws(50, seed=3))


def test_a_tree_has_the_weights_by_interval(pairs):
    _, averaged = pairs["normand_k3"]
    posterior = averaged.to_datatree(chains=2, draws=25).posterior
    assert posterior["omega"].shape == (2, 25, 6)
    assert list(posterior["interval"].values)[:2] == ["p < .025", ".025 < p < .05"]
    assert posterior["mu"].shape == (2, 25)


def test_what_is_said_names_the_weight_without_an_effect_beside_the_effect_given_one(pairs):
    _, averaged = pairs["bem2011"]
    assert averaged.sentences[0].startswith(
        "Averaged over 36 models, of which 67.8 % of the posterior weight has no effect, μ has the median"
    )
    assert averaged.sentences[1].startswith("Given an effect, μ has the median 0.140")
    said = " ".join(averaged.sentences)
    assert ".05 < p < .5 (one-sided) against p < .025" in said
    assert "corrected" not in said
    assert "positive" in said
    frame = averaged.to_frame().set_index(["quantity", "posterior"])
    assert frame.loc[("mu", "averaged over 36 models"), "p_exactly"] == pytest.approx(0.67827, abs=1e-4)
    assert frame.loc[("mu", "given an effect"), "p_exactly"] == 0.0
    assert str(averaged) in averaged._repr_html_() or "67.8" in averaged._repr_html_()


def test_sets_have_the_models_that_they_name():
    effects = pw.datasets.load("bcg")
    sizes = {name: len(pw.average(effects, bias=name, direction="negative").models) for name in ("2w", "PP")}
    assert sizes == {"2w": 12, "PP": 12}
    two = pw.average(effects, bias="2w")
    assert "PET-PEESE" not in two.inclusion
    assert "PET" not in two
    with pytest.raises(MissingQuantityError, match="PET"):
        two["PET"]


def test_prior_weights_are_those_of_the_four_models_over_all_biases():
    """Prior odds of an effect of 3 leave its Bayes factor what the evidences say, and move the probabilities."""
    effects = pw.datasets.load("bcg")
    weights = {"common null": 1, "common effect": 3, "random null": 1, "random effect": 3}
    equal, more = pw.average(effects, bias="2w"), pw.average(effects, bias="2w", prior_weights=weights)
    assert more.models.loc[more.models["effect"], "prior"].sum() == pytest.approx(0.75)
    assert more.inclusion["effect"].log == pytest.approx(equal.inclusion["effect"].log, abs=1e-12)
    assert more.inclusion["bias"].log != equal.inclusion["bias"].log
    odds = [one.models.groupby("effect")["posterior"].sum() for one in (equal, more)]
    assert odds[1][True] / odds[1][False] == pytest.approx(3.0 * odds[0][True] / odds[0][False], rel=1e-10)


def one_step(**kw):
    return [None, pw.StepSelection((0.025,), direction="positive", **kw)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"bias": "PSMA"}, "no direction is given"),
        ({"bias": "PSMA", "direction": "up"}, "direction"),
        ({"bias": "PMSA", "direction": "positive"}, "PSMA"),
        ({"bias": [], "direction": "positive"}, "list of models"),
        ({"bias": [None], "direction": "positive"}, "no model of bias"),
        ({"bias": [pw.RandomEffects()], "direction": "positive"}, "StepSelection"),
        ({"bias": one_step(), "direction": "negative"}, "one direction"),
        ({"bias": one_step() * 2, "direction": "positive"}, "twice"),
        ({"bias": one_step(mu=priors.Normal(0, 1)), "direction": "positive"}, "priors of its own"),
        ({"bias": one_step(weights=priors.Beta(1, 1)), "direction": "positive"}, "prior of its own on each weight"),
        ({"bias": "PSMA", "direction": "positive", "unit": -1.0}, "above 0"),
        ({"bias": "PSMA", "direction": "positive", "prior_weights": {}}, "a weight for each of the four models"),
        ({"direction": "positive"}, "no bias"),
        ({"unit": 1.0}, "no bias"),
    ],
)
def test_what_cannot_be_is_refused_in_words(call, words):
    with pytest.raises(ModelError, match=words):
        pw.average(table([0.2, 0.4, 0.1], [0.1, 0.1, 0.2]), **call)


def test_raw_scales_reconstructed_and_dependent_tables_are_refused():
    raw = table([2.0, 4.0, 1.0], [1.0, 1.0, 2.0], "identity")
    with pytest.raises(ModelError, match="unit"):
        pw.average(raw, bias="PSMA", direction="positive")
    with pytest.raises(ModelError, match="PEESE"):
        pw.average(raw, pw.RandomEffects(priors.Normal(0, 9), priors.HalfNormal(4)), bias="PP", direction="positive")
    with pytest.raises(ModelError, match="reconstructed"):
        pw.average(support_table("misconduct"), bias="PSMA", direction="positive")
    five = pw.StepSelection((0.005, 0.01, 0.025, 0.05, 0.5), direction="positive")
    with pytest.raises(ModelError, match="5 free weights"):
        pw.average(table([0.2, 0.4, 0.1], [0.1, 0.1, 0.2]), bias=[None, five], direction="positive")


RNG = np.random.default_rng(4)
ODD = {
    "two studies": ([0.3, 0.5], [0.1, 0.2]),
    "all significant": (0.5 + 0.05 * RNG.random(8), 0.15 + 0.02 * RNG.random(8)),
    "all beside the step": (np.linspace(0.2, 0.22, 8), np.full(8, 0.1)),
    "none significant": (0.05 * RNG.standard_normal(8), 0.2 + 0.1 * RNG.random(8)),
    "equal standard errors": (RNG.normal(0.2, 0.2, 10), np.full(10, 0.2)),
    "one huge study": (np.r_[0.1, RNG.normal(0.5, 0.3, 6)], np.r_[0.002, 0.3 + 0.05 * RNG.random(6)]),
    "far from the prior": ([5.0, 5.2, 4.8], [0.1, 0.1, 0.2]),
    "all the same": (np.full(5, 0.3), np.full(5, 0.1)),
}


WITH_WEIGHTS = ("two studies", "all beside the step", "far from the prior")  # whose weights are looked at as well


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
@pytest.mark.parametrize("name", ODD)
def test_odd_tables_are_answered_with_small_errors(name):
    averaged = pw.average(table(*ODD[name]), bias="PSMA", direction="positive")
    assert np.isfinite(averaged.models.select_dtypes(float)).all(axis=None)
    assert averaged.numerical_error < 2e-4
    every = name in WITH_WEIGHTS
    for quantity in averaged if every else ("mu", "tau", "theta_new"):
        for posterior in (averaged[quantity], averaged.conditional[quantity]):
            lower, upper = posterior.interval()
            assert lower - 1e-9 <= posterior.point <= upper + 1e-9


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_a_single_study_is_answered():
    effects = pw.Effects([0.4], se=[0.15], scale="SMD", allow_single=True)
    averaged = pw.average(effects, bias="PSMA", direction="positive")
    assert averaged.numerical_error < 2e-4
    assert 0.0 < averaged["mu"].cdf(0.4) < 1.0


def test_a_study_on_a_step_is_named():
    averaged = pw.average(table([0.196, 0.1, 0.5], [0.1, 0.1, 0.2]), bias="2w")
    assert averaged.near_cuts == (averaged.effects.labels[0],)
    assert averaged.effects.labels[0] in " ".join(averaged.sentences)
