"""PyMC, in and out: the model that NUTS samples, and draws from anywhere."""

import warnings

import numpy as np
import pymc as pm
import pytest
import xarray as xr

import poolwise as pw
from poolwise import priors as p
from poolwise.errors import ModelError

BCG = pw.datasets.load("bcg")
UNIT, HALF = p.Normal(0.0, 1.0), p.HalfNormal(0.5)
RANDOM = pw.RandomEffects(UNIT, HALF)
TWO = pw.Effects(
    [0.3, 0.5, 0.1, 0.4, 0.6, 0.2], se=[0.2] * 6, study=["i", "j", "k"] * 2, outcome=["b"] * 3 + ["a"] * 3, scale="SMD"
)
MISSING = BCG.moderators.assign(ablat=BCG.moderators["ablat"].astype(float), alloc=BCG.moderators["alloc"].astype(str))
MISSING.loc[MISSING.index[2], "ablat"], MISSING.loc[MISSING.index[3], "alloc"] = np.nan, None
with warnings.catch_warnings(action="ignore"):  # that values are missing
    GAPS = pw.Effects(BCG.y, se=BCG.se, study=BCG.study, moderators=MISSING, scale="log RR")
BY_LATITUDE = {"intercept": UNIT, "ablat": UNIT}
MODELS = {
    "random effects": (BCG, RANDOM, {"study"}),
    "known mean, prior by table": (BCG, pw.RandomEffects(p.Fixed(-0.5), p.Lomax(2.0, 0.5)), {"study"}),
    "regression": (BCG, pw.MetaRegression("~ ablat", beta=BY_LATITUDE, tau=HALF), {"study", "coefficient"}),
    "location and scale": (
        BCG, pw.LocationScale("~ ablat", "~ ablat", beta=BY_LATITUDE, tau=HALF, gamma={"ablat": UNIT}),
        {"study", "coefficient", "scale_coefficient"},
    ),
    "subgroups": (BCG, pw.Subgroups("alloc", UNIT, HALF, heterogeneity="separate"), {"study", "subgroup"}),
    "three levels": (BCG, pw.ThreeLevel("alloc", UNIT, HALF, HALF), {"study", "effect", "cluster"}),
    "joint": (TWO, pw.JointOutcomes(UNIT, HALF, HALF, HALF), {"study", "outcome"}),
    "correlated": (TWO, pw.CorrelatedOutcomes(mu=UNIT, tau=HALF), {"effect", "outcome"}),
    "crossed": (BCG, pw.CrossedEffects(("alloc",), UNIT, HALF, HALF), {"effect", "level", "factor"}),
    "t": (BCG, pw.StudentTRandomEffects(UNIT, HALF), {"study"}),
    "missing levels": (GAPS, pw.MetaRegression("~ alloc", UNIT, HALF, missing="model"), {"coefficient"}),
    "counts": (BCG, pw.BinomialNormal("log OR", UNIT, HALF), {"study"}),
}  # fmt: skip
MCSE = 4.0


def made_up(model, rng):
    """Draws of every unknown of a PyMC model, not from its posterior."""
    draws = {}
    for rv in [*model.free_RVs, *model.deterministics]:
        size = (2, 60, *(int(n) for n in rv.shape.eval(mode="FAST_COMPILE")))
        draws[rv.name] = np.abs(rng.normal(0.3, 0.05, size))
        if rv.name.startswith("pi["):
            draws[rv.name] /= draws[rv.name].sum(axis=-1, keepdims=True)
    if "root" in draws:
        draws["root"] = np.linalg.cholesky(np.broadcast_to([[1.0, 0.3], [0.3, 1.0]], (2, 60, 2, 2)))
    return draws


@pytest.mark.parametrize("name", MODELS)
def test_each_model_goes_out_with_its_dimensions_and_its_draws_come_back(name):
    effects, model, dims = MODELS[name]
    out = pw.pymc_model(effects, model)
    assert dims <= set(out.coords)
    first = pw.read_draws(effects, model, made_up(out, np.random.default_rng(3)))
    again = pw.read_draws(effects, model, first.to_datatree())
    assert first.quantities.keys() == again.quantities.keys()
    for quantity in first.quantities:
        assert again[quantity].point == pytest.approx(first[quantity].point, abs=1e-12)
    assert any("made elsewhere" in note for note in first.report.notes)
    assert len(pw.compare(first)) >= len(pw.summary(first)) > 0


def test_labels_are_those_of_the_table():
    assert pw.pymc_model(BCG, RANDOM).coords["study"] == BCG.labels
    assert pw.pymc_model(TWO, MODELS["correlated"][1]).coords["outcome"] == ("b", "a")
    assert pw.pymc_model(*MODELS["three levels"][:2]).coords["cluster"] == ("alternate", "random", "systematic")


@pytest.mark.slow
def test_a_term_that_is_added_counts_as_it_does_in_the_exact_posterior():
    model = pw.pymc_model(BCG, RANDOM)
    with model:
        pm.Potential("what an expert saw", pm.logp(pm.Normal.dist(model["mu"], 0.25), 0.1))
        tree = pm.sample(1000, tune=600, chains=4, random_seed=2, nuts_sampler="nutpie", progressbar=False, cores=2)
    result = pw.read_draws(BCG, RANDOM, tree)
    sd = (1.0 + 1.0 / 0.25**2) ** -0.5
    exact = pw.fit(BCG, pw.RandomEffects(p.Normal(sd**2 * 0.1 / 0.25**2, sd), HALF), pw.Exact())
    numbers = result.report.diagnostics
    for quantity in ("mu", "tau", "theta_new"):
        for prob, key in ((0.025, "q2.5"), (0.975, "q97.5")):
            error = numbers[f"mcse_{key}_{quantity}"]
            assert abs(result[quantity].ppf(prob) - exact[quantity].ppf(prob)) < MCSE * error
    theta = result.studies["Aronson 1948"]
    assert theta.point == pytest.approx(exact.studies["Aronson 1948"].point, abs=0.05)
    assert result.report.status == "ok"
    assert result.report.diagnostics["divergences"] == 0
    assert pw.checks.diagnose(result).passed


@pytest.mark.slow
def test_draws_of_nuts_give_the_same_quantities_when_they_are_read():
    nuts = pw.fit(BCG, RANDOM, pw.NUTS(draws=300, tune=300, seed=5))
    read = pw.read_draws(BCG, RANDOM, nuts.to_datatree())
    assert {name: read[name].interval(0.95) for name in read.quantities} == {
        name: nuts[name].interval(0.95) for name in nuts.quantities
    }
    assert read.studies["Aronson 1948"].point == nuts.studies["Aronson 1948"].point


def test_integrated_moderators_and_coefficients_come_back_from_the_variables_of_the_model():
    uncertain = pw.MetaRegression("~ ablat", UNIT, HALF, missing="model")
    pooled = pw.MetaRegression("~ ablat", tau=HALF, pooled={"alloc": HALF})
    for effects, model, dim in ((GAPS, uncertain, "moderator"), (BCG, pooled, "factor")):
        out = pw.pymc_model(effects, model)
        assert out.coords[dim] == (("ablat",) if dim == "moderator" else ("alloc",))
        result = pw.read_draws(effects, model, made_up(out, np.random.default_rng(3)))
        assert "beta[ablat]" in result.quantities
        with pytest.raises(ModelError, match="the draws have no"):
            pw.read_draws(effects, model, result.to_datatree())


DRAWS = {"mu": np.full((2, 50), -0.7), "tau": np.full((2, 50), 0.5)}
DRAWS_OF_PRIOR = {"mu": (("chain", "draw"), DRAWS["mu"])}
GROUPS = MODELS["subgroups"][1]


@pytest.mark.parametrize(
    ("draws", "words"),
    [
        ({"mu": DRAWS["mu"]}, r"no tau; they have mu.*pymc_model"),
        (DRAWS | {"tau": -DRAWS["tau"]}, r"tau has draws below 0"),
        (DRAWS | {"tau": DRAWS["tau"] * np.nan}, r"tau is not finite in draw 0 of chain 0"),
        (DRAWS | {"tau": DRAWS["tau"][:, :9]}, r"tau has the shape \(2, 9\).*\(2, 50\)"),
        (DRAWS | {"theta": np.zeros((2, 50, 3))}, r"theta has the shape \(2, 50, 3\).*\(2, 50, 13\)"),
        ({"mu": np.zeros(50), "tau": np.ones(50)}, r"mu has the shape \(50,\)"),
        ({"mu": "many", "tau": 1}, r"mu is 'many'"),
        (xr.Dataset({"mu": ("draw", np.zeros(9))}), r"chain and draw among them"),
        (DRAWS | {"mu": DRAWS["mu"] + 1j}, r"an array of numbers"),
        (DRAWS | {"mu": np.ma.masked_less(DRAWS["mu"], 0.0)}, r"mu is not finite in draw 0"),
        (xr.DataTree.from_dict({"prior": xr.Dataset(DRAWS_OF_PRIOR)}), r"no posterior"),
        ({}, r"no posterior"),
        (17, r"no posterior"),
    ],
)  # fmt: skip
def test_draws_that_are_not_those_of_the_model_are_refused_in_words(draws, words):
    with pytest.raises(ModelError, match=words):
        pw.read_draws(BCG, RANDOM, draws)


def test_labels_that_stand_in_another_order_are_put_in_order_and_others_are_refused():
    names, rng = ["systematic", "random", "alternate"], np.random.default_rng(1)
    dims, mu = ("chain", "draw", "subgroup"), rng.normal([3.0, 2.0, 1.0], 0.1, (2, 50, 3))
    data = xr.Dataset({"mu": (dims, mu), "tau": (dims, np.ones((2, 50, 3)))}, coords={"subgroup": names})
    result = pw.read_draws(BCG, GROUPS, data)
    assert [round(result[f"mu[{name}]"].point) for name in sorted(names)] == [1, 2, 3]
    with pytest.raises(ModelError, match=r"has x, y, z along subgroup\. Expected: alternate, random"):
        pw.read_draws(BCG, GROUPS, data.assign_coords(subgroup=["x", "y", "z"]))


def test_draws_from_elsewhere_cannot_be_made_again():
    read = pw.read_draws(BCG, RANDOM, DRAWS | {"tau": DRAWS["tau"] + np.linspace(0.0, 0.1, 50)})
    with pytest.raises(ModelError, match="engine"):
        pw.refit(read, BCG)
    with pytest.raises(ModelError, match="cannot refit draws"):
        pw.checks.leave_one_out(read)
    assert not np.isnan(pw.checks.loo(read, refit_above=None).elpd)


def test_what_is_no_table_no_model_and_leaves_nothing_unknown_is_said():
    with pytest.raises(ModelError, match="pymc_model was given"):
        pw.pymc_model(RANDOM, BCG)
    with pytest.raises(ModelError, match="nothing unknown"):
        pw.read_draws(BCG, pw.CommonEffect(p.Fixed(0.0)), DRAWS)
