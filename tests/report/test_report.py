"""What one run writes: every file, each saying what it was made from, and a page that needs only itself."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

import poolwise as pw
from poolwise.report import faults, write
from poolwise.report.content import Content
from poolwise.report.files import Claim
from poolwise.report.sections.comparison import tests as sentences_of_tests
from poolwise.report.words import remark
from poolwise.show import greek, number
from support.pages import text_of
from support.questions import MODELS, ONE_TABLE, WITHOUT_NUTS

FILES = {
    "estimates.csv",
    "studies.csv",
    "sensitivity.csv",
    "forest.svg",
    "forest.png",
    "prior_panel.svg",
    "conditional.svg",
    "posterior.svg",
    "prisma_items.csv",
    "barg.csv",
    "wambs.csv",
    "posterior.nc",
    "report.html",
    "manifest.json",
}
COLUMNS = [
    "label",
    "model",
    "engine",
    "quantity",
    "point",
    "sd",
    "lower",
    "upper",
    "prob",
    "interval",
    "status",
    "prior",
    "data",
    "statistic",
    "df",
    "residual_df",
    "p",
]
OWN_TABLE = WITHOUT_NUTS.replace('dataset = "working_alliance"', 'csv = "my.csv"').replace(
    'outcome = "misconduct"\n', ""
)
DROPOUT = WITHOUT_NUTS.replace('outcome = "misconduct"', 'outcome = "dropout"')
LOADING = {"src", "href", "data", "action", "poster", "srcset", "xlink:href"}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The misconduct question, NUTS included."""
    return pw.run(pw.load_analysis(ONE_TABLE), out=tmp_path_factory.mktemp("run"), quick=True)


def ran(folder: Path, text: str):
    """A run of a file with this text; without NUTS it takes about a second."""
    path = folder / "question.toml"
    path.write_text(text, encoding="utf-8")
    return pw.run(pw.load_analysis(path), out=folder / "run")


class Page(HTMLParser):
    """The tags of a page, what they would load, and the words between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag != "a":  # a link loads nothing until it is followed
            self.loads += [value for name, value in attrs if name in LOADING and not value.startswith("#")]

    def handle_data(self, data):
        self.words.append(data)


def test_a_run_writes_every_file_and_nothing_else(done):
    assert {path.name for path in done.folder.iterdir()} == {*FILES, "fits"}  # what a later run need not repeat
    assert set(done.files) == FILES
    assert faults(done.folder) == ()


def test_estimates_have_a_row_for_each_result_and_quantity(done):
    frame = pd.read_csv(done.files["estimates.csv"])
    assert set(frame.columns) == set(COLUMNS)
    assert set(frame["engine"]) == {"closed form", "exact", "NUTS"}
    expected = sum(len(result.quantities) for result in done.results)
    assert len(frame) == expected
    row = frame[(frame["label"] == "exact") & (frame["quantity"] == "mu")].iloc[0]
    assert (row["lower"], row["upper"]) == done["exact"]["mu"].interval(0.95)


def test_every_file_made_from_reconstructed_data_says_so(done):
    for name in FILES - {"posterior.nc"}:
        assert b"reconstructed" in done.files[name].read_bytes(), name
    with xr.open_datatree(done.files["posterior.nc"], engine="h5netcdf") as tree:
        assert tree.attrs["data"] == "reconstructed"
    for name in ("estimates.csv", "studies.csv", "sensitivity.csv"):
        assert set(pd.read_csv(done.files[name])["data"]) == {"reconstructed"}


def test_the_draws_are_those_of_nuts_and_open_in_arviz(done):
    import arviz as az

    nuts = next(result for result in done.results if result.label == "NUTS")
    with xr.open_datatree(done.files["posterior.nc"], engine="h5netcdf") as tree:
        assert tree.attrs["label"] == "NUTS"
        assert tree["posterior"]["mu"].sizes == nuts.to_datatree()["posterior"]["mu"].sizes
        assert tree["posterior"]["mu"].sizes["draw"] >= 1000
        rows = az.summary(tree, var_names=["mu", "tau"], ci_prob=0.95, ci_kind="eti")
    assert list(rows.index) == ["mu", "tau"]


def test_the_manifest_tells_versions_seeds_hashes_and_seconds(done):
    facts = json.loads(done.files["manifest.json"].read_text(encoding="utf-8"))
    assert {"poolwise", "python", "numpy", "pymc"} <= set(facts["versions"])
    assert facts["data"]["hash"] == done.analysis.effects.data_hash
    assert facts["data"]["label"] == "reconstructed"
    assert facts["analysis"]["sha256"] == done.analysis.spec_hash
    assert [fit["seed"] for fit in facts["fits"] if fit["engine"] == "NUTS"] == [1]
    assert facts["seconds"] > 0
    assert set(facts["files"]) == FILES - {"manifest.json"}
    assert str(done.folder) not in json.dumps(facts)


def test_the_page_loads_nothing_from_elsewhere(done):
    text = text_of(done.report)
    page = Page(text)
    assert page.loads == []
    assert not {"script", "link", "iframe", "img", "object", "embed"} & set(page.tags)
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", text)
    assert page.tags.count("figure") == 4


def test_the_page_tells_kind_probability_and_prior_of_every_interval(done):
    words = " ".join(" ".join(Page(text_of(done.report)).words).split())
    for expected in (
        "confidence (Hartung-Knapp)",
        "credible (equal-tailed)",
        "95 % interval",
        "A confidence interval is not a probability statement",
        "μ ~ Normal(0, 1)",
        "τ ~ HalfNormal(0.5)",
        done.panel.sentence.split(":")[0],
        done.analysis.effects.citation,
        done.analysis.spec_hash,
    ):
        assert expected in words, expected


def test_the_page_has_the_sentence_of_every_finding(done):
    words = " ".join(Page(text_of(done.report)).words)
    findings = [finding for result in done.results for finding in result.report.findings]
    assert {finding.status for finding in findings} >= {"boundary_tau"}
    assert all(remark(greek(finding.sentence)) in words for finding in findings)


def test_with_fewer_than_5_studies_the_prior_panel_comes_first(done):
    text = text_of(done.report)
    assert "There are only 3 studies" in text
    assert text.index('id="prior-panel"') < text.index('id="answer"') < text.index('id="comparison"')


def test_misconduct_depends_on_the_prior_and_the_page_names_which(done):
    assert done.panel.verdict == "prior-dependent"
    flipping = done.panel.frame.loc[done.panel.frame["flips"], "prior"]
    assert len(flipping) > 0
    text = text_of(done.report)
    assert text.count('class="flips"') == len(flipping)


def test_words_of_the_user_are_escaped(tmp_path):
    rows = "study,y,se\n<script>alert(1)</script>,0.1,0.2\nB & C,0.3,0.2\nمثال $x_1$,0.2,0.1\n"
    (tmp_path / "my.csv").write_text(rows, encoding="utf-8")
    done = ran(tmp_path, OWN_TABLE.replace('title = "Working', 'title = "<img src=x> & Working'))
    page = Page(text_of(done.report))
    assert not {"script", "img"} & set(page.tags)
    assert "<script>alert(1)</script>" in "".join(page.words)
    assert "مثال" in "".join(page.words)


def test_reported_data_are_not_called_reconstructed(tmp_path):
    (tmp_path / "my.csv").write_text("study,y,se\nA,0.1,0.2\nB,0.3,0.2\nC,0.2,0.1\n", encoding="utf-8")
    done = ran(tmp_path, OWN_TABLE)
    for name in set(done.files) - {"posterior.nc"}:
        assert b"reconstructed" not in done.files[name].read_bytes(), name


def test_a_second_run_writes_the_same_numbers(tmp_path):
    first = ran(tmp_path, WITHOUT_NUTS)
    before = {name: path.read_bytes() for name, path in first.files.items() if name.endswith((".csv", ".png"))}
    second = ran(tmp_path, WITHOUT_NUTS)
    assert {name: second.files[name].read_bytes() for name in before} == before
    assert faults(second.folder) == ()


def test_files_that_a_run_does_not_make_any_more_are_removed(tmp_path):
    assert "sensitivity.csv" in ran(tmp_path, DROPOUT).files
    done = ran(tmp_path, DROPOUT.replace("prior_panel = true", "prior_panel = false"))
    assert "sensitivity.csv" not in done.files
    assert not (done.folder / "sensitivity.csv").exists()
    assert not (done.folder / "prior_panel.svg").exists()


def test_with_fewer_than_5_studies_a_file_cannot_do_without_the_prior_panel(tmp_path):
    done = ran(tmp_path, WITHOUT_NUTS.replace("prior_panel = true", "prior_panel = false"))
    page = text_of(done.report)
    assert len(pd.read_csv(done.files["sensitivity.csv"])) == len(done.panel.frame) == 10
    assert "The analysis file asks for no prior panel. With so few studies it is shown all the same" in page
    closed = re.sub(r"exact = .*\n", "", WITHOUT_NUTS).replace('mu = ["Flat"]', "")
    assert ran(tmp_path, closed.replace("prior_panel = true", "prior_panel = false")).panel is not None


def test_probabilities_and_the_panel_of_a_report_are_about_the_threshold_of_the_file(tmp_path):
    done = ran(tmp_path, DROPOUT.replace("[report]", "[report]\nthreshold = 0.2"))
    page = text_of(done.report)
    effects = pw.datasets.load("working_alliance").select(outcome="dropout")
    exact = pw.fit(effects, pw.RandomEffects(mu=pw.priors.Normal(0, 1), tau=pw.priors.HalfNormal(0.5)), pw.Exact())
    below, new = float(exact["mu"].cdf(0.2)), float(exact["theta_new"].cdf(0.2))
    assert f"the posterior probability that it is above 0.2 is {1.0 - below:.3f}." in page
    assert "below 0.2</th>" in page
    assert f'<td class="n">{below:.3f}</td><td class="n">{1.0 - below:.3f}</td>' in page
    told = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert f"P(μ above 0.2) = {1.0 - below:.3f}" in told  # the forest plot
    assert f"below 0.2) = {new:.3f}" in told or f"above 0.2) = {1.0 - new:.3f}" in told
    row = done.panel.frame[done.panel.frame["prior"] == "HalfNormal(0.5)"].iloc[0]
    assert row["p_positive"] == pytest.approx(1.0 - below, abs=1e-6)
    assert (done.panel.frame["excludes_zero"] == "above").equals(done.panel.frame["mu_lower"] > 0.2)


def test_a_report_says_where_a_limit_s_side_of_the_threshold_is_noise(done, tmp_path):
    (drawn,) = (one for one in done.results if one.tree is not None and "NUTS" in one.label)
    edge = float(drawn["mu"].ppf(0.975))
    about = replace(done.analysis, threshold=edge)
    files = write(Content(about, done.results, done.panel), Claim(tmp_path))
    words = " ".join(Page(text_of(files["report.html"])).words)
    assert f"Within 2 Monte Carlo standard errors of {number(edge)}: the 97.5 % limit of" in words
    assert "Within 2 Monte Carlo" not in " ".join(Page(text_of(done.report)).words)


def test_a_threshold_is_told_as_a_ratio_too_and_leaves_contrasts_at_0(tmp_path):
    head = 'title = "BCG"\nquestion = "Does it matter?"\n[data]\ndataset = "bcg"\n[engines]\nexact = {}\n'
    done = ran(tmp_path, head + '[model]\nkind = "subgroups"\nby = "alloc"\n[report]\nthreshold = -0.5\n')
    page = text_of(done.report)
    assert "risk ratio below 0.607" in page
    assert "The posterior probability that it is below 0.607 is" in page
    assert page.count("(below and above 0)") == 2  # contrasts of three groups


def test_a_run_without_any_posterior_has_a_report_too(tmp_path):
    text = re.sub(r"exact = .*\n", "", WITHOUT_NUTS).replace('mu = ["Flat"]', "")
    done = ran(tmp_path, text.replace("prior_panel = true", "prior_panel = false"))
    assert "posterior.nc" not in done.files
    assert "Posterior probabilities" not in text_of(done.report)


def test_log_evidence_is_told_when_asked_for(tmp_path):
    done = ran(tmp_path, WITHOUT_NUTS.replace("[report]", "[report]\nevidence = true"))
    assert "Log evidence, Bayesian, exact" in text_of(done.report)


def test_progress_is_told_step_by_step(tmp_path):
    (tmp_path / "question.toml").write_text(WITHOUT_NUTS, encoding="utf-8")
    steps = []
    pw.run(pw.load_analysis(tmp_path / "question.toml"), out=tmp_path / "run", progress=steps.append)
    assert [step.number for step in steps] == list(range(1, steps[0].total + 1))
    assert steps[-1].label == "files"


def test_a_joint_fit_reports_what_each_outcome_borrows(tmp_path):
    done = pw.run(pw.load_analysis(MODELS / "joint_outcomes.toml"), out=tmp_path)
    frame = pd.read_csv(done.files["borrowing.csv"]).set_index("outcome")
    assert frame.loc["misconduct", "mu_point"] == done.results[0]["mu[misconduct]"].point
    alone = pw.fit(done.analysis.effects.select(outcome="misconduct"), pw.RandomEffects(), pw.Exact())["mu"]
    joint = done.results[0]["mu[misconduct]"]
    assert frame.loc["misconduct", "mu_borrowed"] == pytest.approx(1.0 - (joint.sd / alone.sd) ** 2, rel=1e-9)
    page = text_of(done.report)
    assert "What the outcomes borrow from one another" in page
    assert page.count(greek(done.borrowed.sentence)) == 1


def test_a_fit_of_one_outcome_borrows_nothing_and_says_nothing_of_it(done):
    assert done.borrowed is None
    assert "borrow from one another" not in text_of(done.report)


def test_a_regression_reports_coefficients_first_and_the_tests_of_its_moderators(tmp_path):
    done = pw.run(pw.load_analysis(MODELS / "bcg_latitude.toml"), out=tmp_path)
    page = text_of(done.report)
    hartung, wald = (one["QM"] for one in done.results[:2])
    assert f"Test of the moderators ({done.results[0].label}): F = {hartung.point:.2f} on 1 and 11 degrees" in page
    assert f"Test of the moderators ({done.results[1].label}): Q = {wald.point:.2f} on 1 degree of freedom" in page
    assert f"Test of residual heterogeneity: QE = {done.results[0]['QE'].point:.2f} on 11 degrees" in page
    assert page.index("Coefficient: ablat <span>") < page.index("Between-study standard deviation <span>")
    assert ">below 0<" in page
    assert "risk ratio below 1" not in page, "a slope is no risk ratio"


@pytest.mark.parametrize(("outcome", "said"), [("dropout", True), ("misconduct", True), ("recidivism", False)])
def test_a_large_p_of_q_is_not_read_as_homogeneity(outcome, said):
    effects = pw.datasets.load("working_alliance").select(outcome=outcome)
    reml = pw.fit(effects, pw.RandomEffects(), pw.ClosedForm())
    analysis = replace(pw.load_analysis(MODELS / "bcg.toml"), effects=effects)
    (sentence,) = sentences_of_tests(Content(analysis, (reml,)))
    assert said == (reml["Q"].p_value >= 0.05)
    assert sentence.endswith(f" With {effects.k} studies such a p does not show that τ is 0.") == said
