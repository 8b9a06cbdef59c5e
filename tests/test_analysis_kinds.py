"""Analysis files of every kind of model: what they state, and what is wrong in them, before the first fit."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.analysis import Analysis
from poolwise.errors import AnalysisError
from poolwise.report.content import Content
from poolwise.report.sections.comparison import comparison
from support.pages import text_of
from support.questions import MODELS

HEAD = 'title = "A title"\nquestion = "A question?"\n'
BCG = '[data]\ndataset = "bcg"\n'
EXACT = "[engines]\nexact = {}\n"


def loaded(folder: Path, model: str, data: str = BCG, engines: str = EXACT) -> Analysis:
    path = folder / "question.toml"
    path.write_text(f"{HEAD}{data}[model]\n{model}\n{engines}", encoding="utf-8")
    return pw.load_analysis(path)


def refused(folder: Path, *parts: str) -> str:
    with pytest.raises(AnalysisError) as caught:
        loaded(folder, *parts)
    return str(caught.value)


STATED = [
    (
        'kind = "pet"\nb = { Normal = [0, 1] }\nmoderators = ["ablat"]\nbeta = { Normal = [0, 1] }',
        pw.PET(b=priors.Normal(0, 1), moderators=["ablat"], beta=priors.Normal(0, 1)),
    ),
    (
        'kind = "peese"\ndirection = "negative"\nb = { Cauchy = [0, 5] }\ntau_fixed = 0',
        pw.PEESE(direction="negative", b=priors.Cauchy(0, 5), tau_fixed=0),
    ),
    (
        'kind = "meta-regression"\nmoderators = ["ablat", "alloc"]\ntau = { HalfCauchy = 0.5 }',
        pw.MetaRegression(["ablat", "alloc"], tau=priors.HalfCauchy(0.5)),
    ),
    (
        'kind = "meta-regression"\nmoderators = ["ablat"]\nbeta = { Normal = [0, 1] }\ntau_fixed = 0.2',
        pw.MetaRegression(["ablat"], beta=priors.Normal(0, 1), tau_fixed=0.2),
    ),
    (
        'kind = "meta-regression"\nmoderators = ["ablat"]\nbeta = { ablat = { Normal = [0, 0.1] } }',
        pw.MetaRegression(["ablat"], beta={"ablat": priors.Normal(0, 0.1)}),
    ),
    (
        'kind = "subgroups"\nby = "alloc"\nheterogeneity = "exchangeable"\ntau_spread = { HalfNormal = 0.3 }',
        pw.Subgroups("alloc", heterogeneity="exchangeable", tau_spread=priors.HalfNormal(0.3)),
    ),
    (
        'kind = "three-level"\ncluster = "alloc"\nrho = 0.5\ntau_within = { HalfNormal = 0.2 }',
        pw.ThreeLevel("alloc", tau_within=priors.HalfNormal(0.2), rho=0.5),
    ),
    (
        'kind = "three-level"\ncluster = "alloc"\nmoderators = ["ablat"]\nbeta = { Normal = [0, 1] }',
        pw.ThreeLevel("alloc", moderators=["ablat"], beta=priors.Normal(0, 1)),
    ),
    (
        'kind = "location-scale"\nscale = ["ablat"]\nmoderators = ["year"]\ngamma = { ablat = { Normal = [0, 1] } }',
        pw.LocationScale(["ablat"], ["year"], gamma={"ablat": priors.Normal(0, 1)}),
    ),
    ('kind = "random-effects"\ntau = "Jeffreys"', pw.RandomEffects(tau=priors.Jeffreys())),
    ('kind = "random-effects"\nmu = { StudentT = [5, 0, 0.43] }', pw.RandomEffects(mu=priors.StudentT(5, 0, 0.43))),
]


BY_NUTS = [
    (
        'kind = "meta-regression"\nmoderators = ["ablat", "year"]\nbeta = { RegularizedHorseshoe = [0.1, 0.5, 4] }',
        pw.MetaRegression(["ablat", "year"], beta=priors.RegularizedHorseshoe(0.1, 0.5)),
    ),
    ('kind = "student-t"\nnu = { Gamma = [2, 0.1] }', pw.StudentTRandomEffects(nu=priors.Gamma(2, 0.1))),
    ('kind = "skew-normal"\ntau = { HalfNormal = 0.3 }', pw.SkewNormalRandomEffects(tau=priors.HalfNormal(0.3))),
    ('kind = "contaminated"\npi = { Beta = [1, 4] }', pw.ContaminatedRandomEffects(pi=priors.Beta(1, 4))),
    ('kind = "crossed-effects"\nfactors = ["study", "alloc"]', pw.CrossedEffects(["study", "alloc"])),
    (
        'kind = "binomial-normal"\nbaseline = "exchangeable"\nslope = { Normal = [0, 1] }',
        pw.BinomialNormal(baseline="exchangeable", slope=priors.Normal(0, 1)),
    ),
    (
        'kind = "meta-regression"\nmoderators = ["ablat"]\npooled = ["alloc"]',
        pw.MetaRegression(["ablat"], pooled=["alloc"]),
    ),
    (
        'kind = "meta-regression"\nmoderators = ["ablat"]\nmissing = "model"\nerrors = { ablat = "year" }',
        pw.MetaRegression(["ablat"], missing="model", errors={"ablat": "year"}),
    ),
]


@pytest.mark.parametrize(("text", "model"), BY_NUTS, ids=lambda one: one.split('"')[1] if isinstance(one, str) else "")
def test_the_file_states_models_that_nuts_alone_answers(tmp_path, text, model):
    analysis = loaded(tmp_path, text, BCG, "[engines]\nexact = { model = 'random-effects' }\nnuts = { seed = 1 }\n")
    assert analysis.model == model.resolved(analysis.effects)
    beside, nuts = analysis.fits
    assert nuts.model == analysis.model
    tau = analysis.model.tau if isinstance(analysis.model.tau, priors.Prior) else None
    assert beside.model == pw.RandomEffects(analysis.model.mu if "ablat" not in text else None, tau).resolved(
        analysis.effects
    )


@pytest.mark.slow
def test_the_report_is_about_the_stated_model(tmp_path):
    beside = "closed_form = [{ model = 'random-effects' }]\nexact = { model = 'random-effects' }\n"
    engines = f"[engines]\n{beside}nuts = {{ seed = 1 }}\n"
    analysis = loaded(tmp_path, 'kind = "skew-normal"', BCG, engines)
    done = pw.run(analysis, out=tmp_path / "run")
    labels = [result.label for result in done.results]
    mean = pd.read_csv(done.files["estimates.csv"]).query("quantity == 'mu'").set_index("label")["point"]
    assert f"a risk ratio of {math.exp(mean[labels[2]]):.2f}" in text_of(done.report).split("Forest plot")[0]


def test_a_threshold_of_mean_effects_is_none_of_coefficients(tmp_path):
    regression = 'kind = "meta-regression"\nmoderators = ["ablat"]'
    message = refused(tmp_path, regression, BCG, f"{EXACT}[report]\nthreshold = 0.1\n")
    assert "report.threshold: found 0.1, and the answers are coefficients" in message


def test_counts_in_a_file_of_ones_own(tmp_path):
    frame = pd.DataFrame(
        {"study": list("abc"), "e1": [4, 0, 9], "e0": [11, 3, 8], "n1": [40, 50, 60], "n0": [40, 50, 60]}
    )
    frame.to_csv(tmp_path / "counts.csv", index=False)
    csv = '{ file = "counts.csv", events = ["e1", "e0"], totals = ["n1", "n0"] }'
    nuts = "[engines]\nnuts = { seed = 1 }\n"
    analysis = loaded(tmp_path, 'kind = "binomial-normal"', f'[data]\ncsv = {csv}\nscale = "log OR"\n', nuts)
    same = pw.Effects.from_counts(frame[["e1", "e0"]], frame[["n1", "n0"]], study=list("abc"))
    np.testing.assert_array_equal(analysis.effects.y, same.y)
    assert analysis.effects.study == ("a", "b", "c")
    wrong = csv.replace('"n0"', '"n2"')
    message = refused(tmp_path, 'kind = "binomial-normal"', f'[data]\ncsv = {wrong}\nscale = "SMD"\n', nuts)
    assert "data.csv.totals: 'counts.csv' has no column 'n2'" in message
    assert "data.scale: 'SMD' is no scale of counts" in message
    message = refused(
        tmp_path, 'kind = "binomial-normal"', '[data]\ncsv = { file = "counts.csv", events = ["e1", "e0"] }\n'
    )
    assert "'events' without 'totals'" in message


@pytest.mark.parametrize(("text", "model"), STATED, ids=lambda one: one if isinstance(one, str) else "")
def test_the_file_states_the_very_model(tmp_path, text, model):
    analysis = loaded(tmp_path, text)
    assert analysis.model == model.resolved(analysis.effects)
    assert [fit.model for fit in analysis.fits] == [analysis.model]


SELECTED = [
    ('kind = "pet"\ndirection = "negative"', pw.PET(direction="negative")),
    (
        'kind = "step-selection"\nsteps = [0.025, 0.5]\ndirection = "negative"\nweights = [1, 0.5, 0.2]',
        pw.StepSelection((0.025, 0.5), direction="negative", weights=(1, 0.5, 0.2)),
    ),
    (
        'kind = "step-selection"\nsides = 2\nweights = { Beta = [1, 1] }\ntau_fixed = 0',
        pw.StepSelection(sides=2, weights=priors.Beta(1, 1), tau_fixed=0),
    ),
    (
        'kind = "weight-function"\nfunction = "negexp"\ndirection = "negative"\nprec = "sei"\nmoderators = ["ablat"]',
        pw.WeightFunction("negexp", direction="negative", prec="sei", moderators=["ablat"]),
    ),
]


@pytest.mark.parametrize(("text", "model"), SELECTED, ids=lambda one: one if isinstance(one, str) else "")
def test_the_file_states_the_very_model_of_publication_bias(tmp_path, text, model):
    analysis = loaded(tmp_path, text, engines="[engines]\nnuts = { seed = 1 }\n")
    assert analysis.model == model.resolved(analysis.effects)


def test_a_file_says_in_which_direction_results_are_published(tmp_path):
    nuts = "[engines]\nnuts = { seed = 1 }\n"
    for text in ('kind = "step-selection"', 'kind = "weight-function"\nfunction = "beta"'):
        assert "model: no direction is given" in refused(tmp_path, text, BCG, nuts)
    assert "neither a prior for b nor a direction" in refused(tmp_path, 'kind = "pet"', BCG, nuts)


def test_joint_outcomes_take_all_outcomes(tmp_path):
    data = '[data]\ndataset = "working_alliance"\n'
    analysis = loaded(tmp_path, 'kind = "joint-outcomes"\nmu_spread = { HalfNormal = 0.3 }', data)
    assert analysis.model.mu_spread == priors.HalfNormal(0.3)
    assert len(analysis.effects.outcomes) == 3


# Each row: the section [model], and what the message must tell: the key, what was found, what would do.
WRONG = [
    ('kind = "meta-regresion"\nmoderators = ["ablat"]', "model.kind", "meta-regresion", "meta-regression"),
    ('kind = "meta-regression"', "model", "no 'moderators'", "names of the columns"),
    ('kind = "meta-regression"\nmoderators = ["ablet"]', "model", "no moderator 'ablet'", "did you mean 'ablat'"),
    ('kind = "meta-regression"\nmoderators = []', "model.moderators", "[]", "names of the columns"),
    ('kind = "meta-regression"\nmoderators = ["ablat"]\nby = "alloc"', "model", "'by' is given", "kind = 'subgroups'"),
    ('kind = "random-effects"\nmoderators = ["ablat"]', "model", "'moderators' is given", "kind = 'meta-regression'"),
    ('kind = "subgroups"', "model", "no 'by'", "name of the column"),
    ('kind = "subgroups"\nby = "ablat"', "model", "'ablat' is numeric", "meta-regression"),
    ('kind = "subgroups"\nby = "alloc"\nheterogeneity = "own"', "model.heterogeneity", "own", "separate"),
    ('kind = "three-level"\ncluster = "labb"', "model", "no column 'labb'", "known"),
    ('kind = "three-level"\nmoderators = ["ablatt"]', "model", "no moderator 'ablatt'", "ablat"),
    ('kind = "three-level"\nmoderators = ["ablat"]\nmu = "Flat"', "model", "beside the moderators", "beta"),
    ('kind = "three-level"\nrho = 1.0', "model.rho", "1.0", "below 1"),
    ('kind = "three-level"\nmu = { StudentT = [3, 0, 1] }', "engines.exact", "StudentT", "normal or flat"),
    ('kind = "location-scale"', "model", "no 'scale'", "between-study sd"),
    ('kind = "meta-regression"\nmoderators = ["ablat"]\nbeta = { ablot = "Flat" }', "model", "'ablot'", "ablat"),
    ('kind = "meta-regression"\nmoderators = ["ablat"]\nbeta = { Normal = 1 }', "model.beta", "Normal", "sd"),
    ('kind = "joint-outcomes"', "model", "one outcome", "two outcomes or more"),
    ('kind = "student-t"', "engines.exact", "t random effects by Exact does not exist", "nuts = "),
    ('kind = "crossed-effects"', "model", "no 'factors'", "columns that group"),
    ('kind = "contaminated"\npi = { HalfNormal = 1 }', "model.pi", "HalfNormal", "Beta"),
]


@pytest.mark.parametrize(("text", *["key", "found", "advice"]), WRONG, ids=[row[0] for row in WRONG])
def test_a_mistake_is_found_before_the_first_fit(tmp_path, text, key, found, advice):
    message = refused(tmp_path, text)
    assert f"{key}: " in message
    assert found in message
    assert advice in message


def test_a_panel_or_another_mu_where_there_is_none(tmp_path):
    regression = 'kind = "meta-regression"\nmoderators = ["ablat"]'
    message = refused(tmp_path, regression, BCG, f'{EXACT}[sensitivity]\nprior_panel = true\nmu = ["Flat"]\n')
    assert "no panel for kind = 'meta-regression'" in message
    assert "sensitivity.mu[0]: 'mu' lists priors, and the model has coefficients" in message


def test_nuts_and_closed_form_only_where_they_exist(tmp_path):
    engines = "[engines]\nclosed_form = [{ tau2 = 'REML' }]\nnuts = { seed = 1 }\n"
    message = refused(tmp_path, 'kind = "three-level"\ncluster = "alloc"', BCG, engines)
    assert "engines.closed_form[0]: three-level by ClosedForm does not exist" in message


def test_a_file_of_ones_own_lends_the_columns_that_the_model_names(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"y": rng.normal(size=12), "se": 0.3, "dose": np.arange(12.0), "site": list("abc") * 4})
    frame.to_csv(tmp_path / "own.csv", index=False)
    data = '[data]\ncsv = "own.csv"\nscale = "SMD"\n'
    analysis = loaded(tmp_path, 'kind = "meta-regression"\nmoderators = ["dose", "site"]', data)
    assert list(analysis.effects.moderators) == ["dose", "site"]
    message = refused(tmp_path, 'kind = "subgroups"\nby = "sight"', data)
    assert "model.by: 'own.csv' has no column 'sight'" in message
    assert "'site'" in message


SEVERAL = '[data]\ncsv = "several.csv"\nscale = "SMD"\n'


def with_outcomes(folder: Path, dose: list[float] | None = None) -> None:
    frame = pd.DataFrame({"study": list("ABCDEFGHIJKL"), "y": np.linspace(-0.2, 0.6, 12) ** 2, "se": 0.3})
    frame = frame.assign(outcome=list("aaabbbbbbccc"), dose=np.arange(12.0) if dose is None else dose)
    frame.to_csv(folder / "several.csv", index=False)


@pytest.mark.filterwarnings("ignore:every cluster has one effect")
def test_three_levels_over_outcomes_say_that_they_are_pooled(tmp_path):
    with_outcomes(tmp_path)
    analysis = loaded(tmp_path, 'kind = "three-level"', SEVERAL)
    with pytest.warns(pw.PoolwiseWarning, match="3 outcomes"):
        done = pw.run(analysis, out=tmp_path / "run")
    assert any(note.startswith("3 outcomes (a, b, c) are pooled as one") for note in done.results[0].report.notes)


@pytest.mark.parametrize("told", ['meta-regression"\nmoderators = ["outcome", "dose"]', 'subgroups"\nby = "outcome"'])
def test_a_model_that_tells_outcomes_apart_takes_several(tmp_path, told):
    with_outcomes(tmp_path)
    analysis = loaded(tmp_path, f'kind = "{told}', SEVERAL)
    assert analysis.effects.outcomes == ("a", "b", "c")
    result = pw.fit(analysis.effects, analysis.model, pw.Exact())
    assert not any("pooled as one" in note for note in result.report.notes)


def test_outcomes_under_one_mean_effect_are_refused(tmp_path):
    with_outcomes(tmp_path)
    for told in ('random-effects"', 'meta-regression"\nmoderators = ["dose"]'):
        message = refused(tmp_path, f'kind = "{told}', SEVERAL)
        assert "data.outcome: the data have 3 outcomes. Expected: one of a, b, c." in message
        assert "'three-level'" in message


def test_a_missing_moderator_is_named_by_its_row_in_the_file_in_note_and_error(tmp_path):
    with_outcomes(tmp_path, [0, 1, 2, 3, 4, 5, np.nan, 7, 8, 9, 10, 11])
    data = SEVERAL + 'outcome = "b"\n'
    with pytest.warns(pw.PoolwiseWarning, match=r"'dose' is missing for 'G' \(row 7\)"):
        message = refused(tmp_path, 'kind = "meta-regression"\nmoderators = ["dose"]', data)
    assert "model: the moderator 'dose' is missing for 'G' (row 7)." in message
    assert "a model without 'dose', or missing='model' by NUTS()." in message


@pytest.mark.parametrize("given", ['"~ dose + log(se)"', '["~ dose + log(se)"]'])
def test_a_formula_in_a_file_is_one_problem(tmp_path, given):
    with_outcomes(tmp_path)
    message = refused(tmp_path, f'kind = "meta-regression"\nmoderators = {given}', SEVERAL + 'outcome = "b"\n')
    assert "problems" not in message
    assert "model.moderators: " in message
    assert "formulas come from Python callers only. Expected: a list of names of columns." in message


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        ('meta-regression"\nmoderators = ["dose"]', "Try: tau = { HalfNormal = s } with"),
        ('three-level"\nmu = "Flat"', "Try: tau_between = { HalfNormal = s }, tau_within = { HalfNormal = s } with"),
        ('common-effect"', "Try: mu = 'Flat'; defaults"),
    ],
)
def test_a_scale_without_defaults_asks_for_the_priors_of_the_very_model(tmp_path, told, advice):
    with_outcomes(tmp_path)
    data = SEVERAL.replace("SMD", "MD") + 'outcome = "b"\n'
    assert advice in refused(tmp_path, f'kind = "{told}', data)


@pytest.mark.parametrize("name", ["bcg_latitude", "raudenbush_weeks", "joint_outcomes"])
def test_a_run_writes_every_quantity_and_shows_the_answers(name, tmp_path):
    done = pw.run(pw.load_analysis(MODELS / f"{name}.toml"), out=tmp_path)
    assert not done.failed
    estimates = pd.read_csv(tmp_path / "estimates.csv")
    for result in done.results:
        own = estimates[estimates["label"] == result.label]
        assert own["quantity"].tolist() == list(result)
    page = text_of(tmp_path / "report.html")
    regression = name != "joint_outcomes"
    assert ("Effects against the moderator" in page) == regression == (tmp_path / "bubble.png").is_file()
    assert ("Coefficient: " if regression else "Mean effect: misconduct") in page
    assert ("Reconstructed data" in page) == (not regression)
    studies = pd.read_csv(tmp_path / "studies.csv")
    assert studies["theta"].notna().all()


def test_subgroups_run_in_closed_form_and_exactly(tmp_path):
    engines = "[engines]\nclosed_form = [{ tau2 = 'REML' }]\nexact = {}\n"
    done = pw.run(loaded(tmp_path, 'kind = "subgroups"\nby = "alloc"', BCG, engines), out=tmp_path / "run")
    page = text_of(done.report)
    assert "Contrast: random − alternate" in page
    assert "Mean effect: systematic" in page
    assert not (tmp_path / "run" / "bubble.png").exists()


def test_the_comparison_names_an_engine_once_and_shares_as_percentages(tmp_path):
    engines = "[engines]\nclosed_form = [{ tau2 = 'REML', interval = 'wald' }]\nexact = {}\n"
    analysis = loaded(tmp_path, 'kind = "meta-regression"\nmoderators = ["ablat"]', BCG, engines)
    done = pw.run(analysis, out=tmp_path / "run")
    groups = {group.title: group.rows for group in comparison(Content(analysis, done.results))}
    assert [row["engine"] for row in groups["Coefficient: ablat"]] == ["frequentist, closed form", ""]
    for title in ("I²", "R²"):
        assert all(str(row["point"]).endswith(" %") for row in groups[title])
