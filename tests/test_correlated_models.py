"""Models with correlated true effects say what they assume, and refuse what makes no sense."""

import pytest

import poolwise as pw
from poolwise import priors

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")


def test_statements_name_every_term():
    assert pw.CrossedEffects(["study", "lab"], tau={"lab": priors.HalfNormal(0.1)}).statement() == (
        "y_i ~ Normal(theta_i, se_i)",
        "theta_i ~ Normal(mu + u_study[i] + u_lab[i], tau_within)",
        "u_study ~ Normal(0, tau[study])",
        "u_lab ~ Normal(0, tau[lab])",
        "mu ~ default of the scale",
        "tau[study] ~ default of the scale",
        "tau[lab] ~ HalfNormal(0.1)",
        "tau_within ~ default of the scale",
    )
    told = pw.CorrelatedOutcomes(rho=0.5, tau_within=priors.HalfNormal(0.1)).statement()
    assert told[0] == "y_so ~ Normal(theta_so, se_so), sampling errors within a study correlated by 0.5"
    assert told[-2:] == ("R ~ LKJ(2)", "tau_within ~ HalfNormal(0.1), between effects of one theta_so")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: pw.CrossedEffects([]), "names of columns"),
        (lambda: pw.CrossedEffects(["a", "a"]), "each once"),
        (lambda: pw.CrossedEffects(["a"], tau={"b": priors.HalfNormal(1)}), "the name of a factor"),
        (lambda: pw.CorrelatedOutcomes(eta=0.0), "a number above 0"),
        (lambda: pw.CorrelatedOutcomes(rho=1.0), "below 1"),
        (lambda: pw.CorrelatedOutcomes(tau=priors.Normal(0, 1)), r"on \[0, inf\)"),
    ],
)
def test_impossible_models_are_refused(make, said):
    with pytest.raises(pw.PoolwiseError, match=said):
        make()


@pytest.mark.parametrize(
    ("data", "model", "said"),
    [
        ("assink2016", pw.CorrelatedOutcomes("deltype"), "tau_within=priors.HalfNormal"),
        ("assink2016", pw.CorrelatedOutcomes("outcome"), "one outcome"),
        ("bcg", pw.CrossedEffects(["alloc", "alocs"]), "did you mean 'alloc'"),
        ("assink2016", pw.CrossedEffects(["study", "outcome"]), "at least two levels"),
    ],
)
def test_tables_that_do_not_fit_are_refused_before_sampling(data, model, said):
    with pytest.raises(pw.PoolwiseError, match=said):
        pw.fit(pw.datasets.load(data), model, pw.NUTS())


def test_factors_that_group_alike_are_refused():
    labs = {"lab": ["x", "y", "x"]}
    effects = pw.Effects([0.1, 0.2, 0.3], se=[0.1] * 3, study=["a", "b", "a"], moderators=labs, scale="SMD")
    with pytest.raises(pw.PoolwiseError, match="group the effects alike"):
        pw.CrossedEffects(["study", "lab"]).levels(effects)


def test_the_exact_engine_names_the_engine_that_has_them():
    with pytest.raises(pw.PoolwiseError, match=r"NUTS\(\)"):
        pw.fit(pw.datasets.load("bcg"), pw.CrossedEffects(["alloc"]), pw.Exact())
