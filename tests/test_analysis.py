"""An analysis file is checked to the end before the first fit, and what comes out is what will run."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

import poolwise as pw
from poolwise.analysis.spec import Spec, schema
from poolwise.errors import AnalysisError, PoolwiseWarning
from support.pages import text_of
from support.questions import ALL_NAMES, MISCONDUCT, MODELS, NAMES, ONE_TABLE


def written(folder: Path, text: str) -> Path:
    path = folder / "question.toml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str) -> str:
    assert MISCONDUCT.count(old) == 1, f"'{old}' stands {MISCONDUCT.count(old)} times in the file"
    return MISCONDUCT.replace(old, new)


def own_csv(line: str = 'csv = "my.csv"') -> str:
    """The question about a CSV file that names no outcomes."""
    return changed('dataset = "working_alliance"', line).replace('outcome = "misconduct"\n', "")


def refused(folder: Path, text: str) -> str:
    with pytest.raises(AnalysisError) as caught:
        pw.load_analysis(written(folder, text))
    message = str(caught.value)
    assert "question.toml" in message
    return message


@pytest.mark.parametrize("name", ALL_NAMES)
def test_a_packaged_question_is_short_and_plain(name):
    text = (MODELS / f"{name}.toml").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert set(tomllib.loads(text)) <= set(Spec.model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_a_packaged_question_holds_the_very_objects_that_will_run(name):
    analysis = pw.load_analysis(MODELS / f"{name}.toml")
    assert analysis.name == name
    assert isinstance(analysis.effects, pw.Effects)
    assert isinstance(analysis.model, pw.RandomEffects)
    assert [type(fit.engine).__name__ for fit in analysis.fits] == ["ClosedForm"] * 3 + ["Exact"] * 2 + ["NUTS"]
    assert all(fit.model == fit.model.resolved(analysis.effects) for fit in analysis.fits)


def test_the_misconduct_file_states_its_model():
    analysis = pw.load_analysis(ONE_TABLE)
    assert analysis.effects.k == 3
    assert analysis.effects.reconstructed
    assert analysis.statement() == (
        "y_i ~ Normal(theta_i, se_i)",
        "theta_i ~ Normal(mu, tau)",
        "mu ~ Normal(0, 1)",
        "tau ~ HalfNormal(0.5)",
    )
    assert analysis.fits[-1].engine == pw.NUTS(draws=1000, tune=1000, chains=4, seed=1)
    assert not analysis.fits[4].model.mu.proper


def test_an_analysis_never_changes():
    analysis = pw.load_analysis(ONE_TABLE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        analysis.prob = 0.9


# Each row: what stands in the file, what a typo makes of it, and what the message must tell: the key path,
# the value found, the expectation and the nearest name ("" where there is none to offer).
TYPOS = [
    ('title = "', 'titel = "', "titel", '"Working', "question", "title"),
    ("[sensitivity]", "[sensitivty]", "sensitivty", '"prior_panel"', "report", "sensitivity"),
    ("dataset =", "datset =", "data.datset", "working_alliance", "outcome", "dataset"),
    ('"working_alliance" ', '"working_aliance" ', "data.dataset", "working_aliance", "", "working_alliance"),
    ('outcome = "misconduct"', 'outcome = "misconducts"', "data.outcome", "misconducts", "recidivism", "misconduct"),
    ('outcome = "misconduct"', "", "data.outcome", "3 outcomes", "dropout, misconduct, recidivism", ""),
    ('scale = "SMD"', 'scale = "SDM"', "data.scale", "SDM", "", "SMD"),
    ('scale = "SMD"', 'scale = "log RR"', "data.scale", "log RR", "SMD", ""),
    ('"random-effects"', '"random-effect"', "model.kind", '"random-effect"', "common-effect", "random-effects"),
    ("mu = { Normal = [0, 1] }", "mu = { Normal = [0] }", "model.mu", '{"Normal": [0]}', "mean, sd", ""),
    ("mu = { Normal = [0, 1] }", "mu = { Normal = [0, -1] }", "model.mu", "-1", "finite sd above 0", ""),
    ("mu = { Normal = [0, 1] }", "mu = { HalfNormal = 1 }", "model.mu", "HalfNormal", "whole line", ""),
    ("HalfNormal = 0.5", "HalfNormale = 0.5", "model.tau", "HalfNormale", "", "HalfNormal"),
    ("HalfNormal = 0.5", "HalfNormal = 0", "model.tau", '{"HalfNormal": 0}', "finite scale above 0", ""),
    ("HalfNormal = 0.5", 'HalfNormal = "0.5"', "model.tau", '"0.5"', "a family with its parameters", ""),
    ("{ HalfNormal = 0.5 }", "0.5", "model.tau", "0.5", "a family with its parameters", ""),
    ("{ HalfNormal = 0.5 }", "{ Normal = [0, 1] }", "model.tau", "Normal", "[0, inf)", ""),
    ("{ HalfNormal = 0.5 }", "{ HalfNormal = 0.5 }\ntau_fixed = 0.1", "model", "tau_fixed", "one of the two", ""),
    (
        '"REML", interval = "hartung-knapp" }',
        '"REMLL" }',
        "engines.closed_form[1].tau2",
        '"REMLL"',
        "REML, DL, PM",
        "REML",
    ),
    ('interval = "hartung-knapp" }', 'interval = "knapp" }', "engines.closed_form[1].interval", "knapp", "wald", ""),
    ('{ model = "common-effect" }', '{ modle = "x" }', "engines.closed_form[0].modle", '"x"', "tau2", "model"),
    (
        '{ model = "common-effect" }',
        '{ model = "common-effect", tau2 = "DL" }',
        "engines.closed_form[0]",
        "common-effect",
        "random-effects",
        "",
    ),
    ("exact = {}", "exakt = {}", "engines.exakt", "{}", "closed_form", "exact"),
    ("draws = 1000", "drawz = 1000", "engines.nuts.drawz", "1000", "target_accept", "draws"),
    ("draws = 1000", "draws = 0", "engines.nuts.draws", "0", "whole number", ""),
    ("draws = 1000", "draws = 10.5", "engines.nuts.draws", "10.5", "whole number", ""),
    ("draws = 1000", "draws = true", "engines.nuts.draws", "true", "whole number", ""),
    ("chains = 4", "chains = -1", "engines.nuts.chains", "-1", "whole number", ""),
    ("seed = 1 }", 'seed = "one" }', "engines.nuts.seed", '"one"', "whole number", ""),
    (", seed = 1 }", " }", "engines.nuts.seed", "missing", "seed of the draws", ""),
    ("prior_panel = true", "prior_panel = 1", "sensitivity.prior_panel", "1", "true", ""),
    ("prior_panel = true", "prior_pannel = true", "sensitivity.prior_pannel", "true", "mu", "prior_panel"),
    ('mu = ["Flat"]', 'mu = ["Flt"]', "sensitivity.mu[0]", "Flt", "", "Flat"),
    ('mu = ["Flat"]', "tau = [{ HalfNormal = -1 }]", "sensitivity.tau[0]", "-1", "above 0", ""),
    ("prob = 0.95", "prob = 95", "report.prob", "95", "between 0 and 1", ""),
    ("rope = [-0.1, 0.1]", "rope = [0.1, -0.1]", "report", "0.1 to -0.1", "lower < 0 < upper", ""),
    ("rope = [-0.1, 0.1]", "rope = [1]", "report.rope", "missing", "region of practical equivalence", ""),
    ("rope = [-0.1, 0.1]", "ropes = [-0.1, 0.1]", "report.ropes", "[-0.1, 0.1]", "prob", "rope"),
]


@pytest.mark.parametrize(("old", "new", "key", "found", "expected", "near"), TYPOS)
def test_a_wrong_key_or_value_is_named_with_what_was_expected_and_the_nearest_name(
    tmp_path, old, new, key, found, expected, near
):
    message = refused(tmp_path, changed(old, new))
    assert f"{key}:" in message or f"{key} " in message or f"{key}[" in message
    assert found in message
    assert expected in message
    assert not near or f"did you mean '{near}'?" in message


def test_every_problem_of_a_file_is_told_at_once(tmp_path):
    text = changed("HalfNormal = 0.5", "HalfNormale = 0.5").replace("draws = 1000", "drawz = 1000")
    text = text.replace('outcome = "misconduct"', 'outcome = "misconducts"').replace("prob = 0.95", "prob = 95")
    message = refused(tmp_path, text)
    assert "has 4 problems" in message
    assert all(key in message for key in ("data.outcome", "model.tau", "engines.nuts.drawz", "report.prob"))


def test_a_file_that_is_not_there_names_the_nearest_one(tmp_path):
    written(tmp_path, MISCONDUCT)
    with pytest.raises(AnalysisError, match=r"cannot read .*qestion\.toml.*did you mean .*question\.toml"):
        pw.load_analysis(tmp_path / "qestion.toml")


def test_broken_toml_tells_the_line(tmp_path):
    assert "line 3" in refused(tmp_path, 'title = "a"\nquestion = "b"\n[data\n')


def test_a_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "question.toml"
    path.write_bytes('title = "Röver"'.encode("latin-1"))
    with pytest.raises(AnalysisError, match="UTF-8"):
        pw.load_analysis(path)


def test_an_improper_posterior_is_refused_before_the_first_fit(tmp_path):
    rows = "study,y,se\na,0.1,0.2\nb,0.3,0.2\n"
    (tmp_path / "my.csv").write_text(rows, encoding="utf-8")
    text = own_csv().replace("{ HalfNormal = 0.5 }", '"Flat"')
    with pytest.warns(PoolwiseWarning, match="2 studies"):
        message = refused(tmp_path, text.replace("mu = { Normal = [0, 1] }", 'mu = "Flat"'))
    assert "engines.exact" in message
    assert "improper posterior" in message


def test_log_evidence_asks_for_proper_priors(tmp_path):
    text = changed("mu = { Normal = [0, 1] }", 'mu = "Flat"').replace("prob = 0.95", "prob = 0.95\nevidence = true")
    message = refused(tmp_path, text)
    assert "model.mu" in message
    assert "improper" in message


def test_one_changed_line_puts_the_users_own_table_in_the_place_of_the_packaged_one(tmp_path):
    own = pw.datasets.load("working_alliance").select(outcome="misconduct")
    frame = own.to_frame().assign(y=[0.1, 0.4, 0.6], provenance="reported")
    frame.to_csv(tmp_path / "my.csv", index=False)
    text = changed('dataset = "working_alliance"', 'csv = "my.csv"')
    assert sum(a != b for a, b in zip(text.splitlines(), MISCONDUCT.splitlines(), strict=True)) == 1
    analysis = pw.load_analysis(written(tmp_path, text))
    assert analysis.effects.y.tolist() == [0.1, 0.4, 0.6]
    assert not analysis.effects.reconstructed
    assert analysis.effects.directions == (
        "better alliance, more misconduct",
        "better alliance, less misconduct",
    )


def test_a_table_with_names_of_its_own_takes_one_line_too(tmp_path):
    (tmp_path / "my.csv").write_text("author,d,var_d\na,0.1,0.04\nb,0.3,0.09\nc,0.2,0.01\n", encoding="utf-8")
    line = 'csv = { file = "my.csv", study = "author", y = "d", v = "var_d" }'
    effects = pw.load_analysis(written(tmp_path, own_csv(line))).effects
    assert effects.study == ("a", "b", "c")
    assert effects.se.tolist() == pytest.approx([0.2, 0.3, 0.1], rel=1e-12)


def test_a_reconstructed_table_stays_reconstructed_when_it_comes_from_a_csv(tmp_path):
    pw.datasets.load("working_alliance").to_frame().to_csv(tmp_path / "my.csv", index=False)
    text = changed('dataset = "working_alliance"', 'csv = "my.csv"')
    effects = pw.load_analysis(written(tmp_path, text)).effects
    assert effects.k == 3
    assert effects.reconstructed


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "there is no file"),
        ("", "is empty"),
        ("study,y,se\n", "no rows"),
        ("study,y,y,se\na,1,1,1\n", "more than once"),
        ("study,d,se\na,0.1,0.2\nb,0.2,0.2\n", "data.csv.y: 'my.csv' has no column 'y'"),
        ("study,y,se\na,0.1,0\nb,0.2,0.2\n", "data.csv: "),
        ("study,y,se,outcome\na,0.1,0.1,x\nb,0.2,0.2,y\nc,0.3,0.2,y\n", "data.outcome"),
    ],
)
def test_a_bad_csv_is_refused_with_its_reason(tmp_path, content, found):
    if content is not None:
        (tmp_path / "my.csv").write_text(content, encoding="utf-8")
    assert found in refused(tmp_path, changed('dataset = "working_alliance"', 'csv = "my.csv"'))


def test_an_outcome_of_a_table_without_outcomes_is_refused(tmp_path):
    (tmp_path / "my.csv").write_text("study,y,se\na,0.1,0.2\nb,0.2,0.2\nc,0.3,0.1\n", encoding="utf-8")
    message = refused(tmp_path, changed('dataset = "working_alliance"', 'csv = "my.csv"'))
    assert "data.outcome: the outcome 'misconduct' is asked for, and 'my.csv' has no column 'outcome'" in message
    bcg = changed('dataset = "working_alliance"', 'dataset = "bcg"').replace('scale = "SMD"', 'scale = "log RR"')
    assert "data.outcome: the outcome 'misconduct' is asked for, and the data name no outcomes" in refused(
        tmp_path, bcg
    )
    assert pw.load_analysis(written(tmp_path, own_csv())).effects.k == 3


def test_a_csv_needs_a_scale(tmp_path):
    (tmp_path / "my.csv").write_text("study,y,se\na,0.1,0.2\nb,0.2,0.2\n", encoding="utf-8")
    text = own_csv().replace('scale = "SMD"', "")
    assert "data.scale" in refused(tmp_path, text)


def test_a_scale_without_defaults_asks_for_priors(tmp_path):
    (tmp_path / "my.csv").write_text("study,y,se\na,10,2\nb,12,2\nc,9,1\n", encoding="utf-8")
    text = own_csv().replace('scale = "SMD"', 'scale = "MD"')
    without = text.replace("mu = { Normal = [0, 1] }\ntau = { HalfNormal = 0.5 }\n", "")
    assert "no prior for tau is given" in refused(tmp_path, without)
    assert "no prior panel for the scale 'MD'" in refused(tmp_path, text)
    given = text.replace("prior_panel = true", "tau = [{ HalfNormal = 1 }, { HalfCauchy = 2 }]")
    assert len(pw.load_analysis(written(tmp_path, given)).panel.priors) == 2


CLOSED_FORM_ONLY = """
title = "Fertiliser"
question = "How much more does a field yield?"
data = { csv = { file = "my.csv", decimal = "," }, scale = "MD" }
engines.closed_form = [{ tau2 = "REML" }, { model = "common-effect" }]
"""


def test_closed_form_fits_need_no_priors_on_any_scale(tmp_path):
    (tmp_path / "my.csv").write_text("study;y;se\na;1,5;0,2\nb;1,2;0,2\nc;0,9;0,1\n", encoding="utf-8")
    analysis = pw.load_analysis(written(tmp_path, CLOSED_FORM_ONLY))
    assert analysis.effects.y.tolist() == [1.5, 1.2, 0.9]
    assert analysis.panel is None
    assert analysis.statement() == ("y_i ~ Normal(theta_i, se_i)", "theta_i ~ Normal(mu, tau)")
    with pytest.warns(PoolwiseWarning, match="prediction interval rests on 3 studies"):
        done = pw.run(analysis, out=tmp_path / "results")
    report = text_of(done.report)
    assert "default of the scale" not in report
    assert f"mean difference of {done['REML, Hartung-Knapp ad hoc']['mu'].point:.2f}" in report


def test_advice_is_given_in_the_words_of_the_file(tmp_path):
    (tmp_path / "my.csv").write_text("study;y;se\na;1,5;0,2\nb;1,2;0,2\nc;0,9;0,1\n", encoding="utf-8")
    with_exact = CLOSED_FORM_ONLY + "engines.exact = {}\n"
    assert "mu = 'Flat', tau = { HalfNormal = s }" in refused(tmp_path, with_exact)
    with_priors = with_exact + "model = { mu = 'Flat', tau = { HalfNormal = 1 } }\n"
    assert "sensitivity.tau = [{ HalfNormal = s }, ...], or prior_panel = false" in refused(tmp_path, with_priors)
    assert "decimal = ','" in refused(tmp_path, CLOSED_FORM_ONLY.replace('decimal = ","', 'decimal = "."'))


def test_columns_of_a_csv_speak_for_themselves(tmp_path):
    rows = "study,y,vi,timepoint\na,0.1,0.04,1\na,0.3,0.09,2\nc,0.2,0.01,1\n"
    (tmp_path / "my.csv").write_text(rows, encoding="utf-8")
    line = 'csv = { file = "my.csv", se = "vi" }'
    with pytest.warns(PoolwiseWarning) as caught:
        effects = pw.load_analysis(written(tmp_path, own_csv(line))).effects
    assert any("column 'vi' looks like variances" in str(warning.message) for warning in caught)
    assert effects.moderators["timepoint"].tolist() == [1, 2, 1]
    (tmp_path / "my.csv").write_text(rows.replace("0.09,2", "0.09,1"), encoding="utf-8")
    assert "timepoint occur twice" in refused(tmp_path, own_csv(line))


def test_priors_for_a_panel_need_a_model_with_a_prior_on_tau(tmp_path):
    text = changed("tau = { HalfNormal = 0.5 }", "tau_fixed = 0.1")
    assert pw.load_analysis(written(tmp_path, text)).panel is None
    listed = text.replace("prior_panel = true", "tau = [{ HalfNormal = 1 }]")
    assert "no prior on tau" in refused(tmp_path, listed)


def test_a_common_effect_question_is_answered_by_every_engine(tmp_path):
    text = changed("random-effects", "common-effect").replace("tau = { HalfNormal = 0.5 }\n", "")
    text = text.replace(', "hartung-knapp-adhoc"', "")
    rows = [line for line in text.splitlines() if "REML" not in line]
    analysis = pw.load_analysis(written(tmp_path, "\n".join(rows)))
    assert {type(fit.model) for fit in analysis.fits} == {pw.CommonEffect}
    assert analysis.panel is None
    assert set(analysis.fits[0].settings) == {"interval"}
    assert analysis.fits[-1].settings["draws"] == 1000


def test_the_schema_knows_every_section_and_every_family():
    described = schema()
    assert set(described["properties"]) == set(Spec.model_fields)
    assert all(name in str(described) for name in pw.priors.FAMILIES)
    assert described["additionalProperties"] is False
