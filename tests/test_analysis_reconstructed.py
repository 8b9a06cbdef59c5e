"""Analysis files whose study table is not public: checked before the first fit, run on every table, told as ranges."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

import poolwise as pw
from poolwise.analysis.spec import schema
from poolwise.cli import main
from poolwise.errors import AnalysisError, MissingQuantityError
from poolwise.report import faults
from support.pages import text_of
from support.questions import MODELS

SETTING = (
    (MODELS / "recidivism_setting.toml")
    .read_text(encoding="utf-8")
    .replace("tables = 200", "tables = 12")
    .replace("nuts = {", "# nuts = {")
    .replace(", nuts_tables = 3", "")
    .replace("seed = 1 }", "seed = 1, restarts = 0 }", 1)
)
SEARCHED = (
    re.sub(r"nuts = .*\n", "", (MODELS / "misconduct.toml").read_text(encoding="utf-8"))
    .replace("tables = 200", "tables = 12")
    .replace(", nuts_tables = 3, restarts = 4", ", restarts = 1")
    .replace('mu = ["Flat"]', "tau = [{ HalfNormal = 0.25 }, { HalfNormal = 0.5 }]")
)
PAPER = ("jurisdiction", "measure", "role", "sample", "setting")


def written(folder: Path, text: str) -> Path:
    path = folder / "question.toml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(old: str, new: str) -> str:
    assert SETTING.count(old) == 1, f"'{old}' stands {SETTING.count(old)} times in the file"
    return SETTING.replace(old, new)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranges")
    (folder / "run").mkdir()
    (folder / "run" / "estimates.csv").write_text("of the user's own")
    return pw.run(pw.load_analysis(written(folder, SETTING)), out=folder / "run")


@pytest.mark.parametrize("moderator", PAPER)
def test_every_moderator_of_the_paper_that_can_be_divided_has_its_question(moderator):
    analysis = pw.load_analysis(MODELS / f"recidivism_{moderator}.toml")
    assert analysis.tables is not None
    assert analysis.tables.factor == moderator
    assert analysis.tables.check()["agrees"].all()
    assert len(analysis.tables) == 200
    assert {type(fit.engine).__name__ for fit in analysis.fits} == {"ClosedForm", "Exact", "NUTS"}


@pytest.mark.parametrize(
    ("moderator", "why"),
    [("rater", "overlap"), ("developmental group", "published without its standard error")],
)
def test_the_other_moderators_say_why_they_cannot_be_divided(tmp_path, moderator, why):
    text = changed('moderator = "setting"', f'moderator = "{moderator}"').replace('"setting"', f'"{moderator}"')
    with pytest.raises(AnalysisError, match=rf"data\.reconstruct: .*{why}"):
        pw.load_analysis(written(tmp_path, text))


# Each row: what stands in the file, what becomes of it, the key that the message names, and what it tells.
WRONG = [
    ('"working_alliance"', '"bcg"', "data.reconstruct.published", ["for 'bcg'", "one of working_alliance"]),
    ('"recidivism"', '"recidivsm"', "data.reconstruct.outcome", ["recidivsm", "did you mean 'recidivism'"]),
    ('outcome = "recidivism", ', "", "data.reconstruct.outcome", ["missing", "dropout, misconduct, recidivism"]),
    ('moderator = "setting"', 'moderator = "seting"', "data.reconstruct.moderator", ["seting", "'setting'"]),
    ("tables = 12", "tables = 1", "data.reconstruct.tables", ["found 1", "from 2 to 2000"]),
    ("tables = 12", "tables = 12.5", "data.reconstruct.tables", ["12.5", "whole number"]),
    ("tables = 12", "tabels = 12", "data.reconstruct.tabels", ["unknown key", "did you mean 'tables'"]),
    ("tables = 12, seed = 1", "tables = 12", "data.reconstruct.seed", ["missing", "seed of the tables"]),
    ("tables = 12, seed", "tables = 12, nuts_tables = 13, seed", "data.reconstruct", ["13 of 12 tables"]),
    ("tables = 12, seed", "tables = 12, nuts_tables = 2, seed", "data.reconstruct.nuts_tables", ["without NUTS"]),
    ("[data]\n", '[data]\ndataset = "bcg"\n', "data", ["'dataset' and 'reconstruct' are both given"]),
    ("[data]\n", '[data]\noutcome = "recidivism"\n', "data", ["'outcome' is given beside 'reconstruct'"]),
    ("[data]\n", '[data]\nscale = "log RR"\n', "data.scale", ["log RR", "'SMD', the scale of 'working_alliance'"]),
    ('by = "setting"', 'by = "role"', "model", ["no moderator 'role'", "setting"]),
    ('"common"', '"separate"', "engines.closed_form", ["tables a level has one study", "heterogeneity = 'common'"]),
    ("mu = { Normal = [0, 1] }\ntau = { HalfNormal = 0.5 }", 'mu = "Flat"\ntau = "Flat"\nheterogeneity = "separate"',
     "engines.exact", ["improper"]),
    ("prob = 0.95", "prob = 0.95\nevidence = true", "report.evidence", ["belongs to one table"]),
    ("[report]", "[sensitivity]\nprior_panel = true\n[report]", "sensitivity", ["prior panel", "many tables"]),
    ("[report]", "[report]\nthreshold = 0.2", "report.threshold", ["0.2", "held against 0"]),
    ('kind = "subgroups"\nby = "setting"\n', 'kind = "joint-outcomes"\n', "model", ["heterogeneity"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "told"), WRONG, ids=[f"{row[2]}: {row[1][:30]}" for row in WRONG])
def test_a_mistake_is_found_before_the_first_fit(tmp_path, old, new, key, told):
    text = changed(old, new)
    if text.count("heterogeneity =") > 1:
        text = text.replace('heterogeneity = "common" ', "# ")
    with pytest.raises(AnalysisError) as caught:
        pw.load_analysis(written(tmp_path, text))
    message = str(caught.value)
    assert f"{key}: " in message
    for words in told:
        assert words in message


def test_nuts_alone_is_refused(tmp_path):
    text = SETTING.replace("exact = {}", "").replace("# nuts", "nuts")
    head, _, tail = text.partition("closed_form = [")
    text = head + tail.partition("]\n")[2]
    with pytest.raises(AnalysisError, match="NUTS alone"):
        pw.load_analysis(written(tmp_path, text))


def test_the_schema_knows_reconstruct():
    described = schema()["$defs"]["Reconstruct"]
    assert set(described["properties"]) == {
        "published", "outcome", "moderator", "tables", "seed", "nuts_tables", "restarts", "se_min", "se_max", "d_max",
    }  # fmt: skip
    assert set(described["required"]) == {"published", "seed"}


def test_show_tells_the_tables_and_how_many_studies_each_level_has(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["show", str(written(tmp_path, SETTING.replace("# nuts", "nuts")))]) == 0
    printed = capsys.readouterr().out
    for words in (
        "12 tables of 15 studies, reconstructed from published figures, seed 1",
        "Studies by setting: community ",
        "NUTS answers the first 3 tables only",
        "θ_i ~ Normal(μ[g], τ), g = setting of study i",
        "ranges over 12 tables of 95 % intervals",
    ):
        assert words in printed


def test_a_run_gives_ranges_and_no_table_s_own_answer(done):
    assert done.results == ()
    assert done.ranges.tables == 12
    with pytest.raises(MissingQuantityError, match="no result of one table"):
        done["exact"]
    checklists = {"prisma_items.csv", "barg.csv", "wambs.csv"}
    pictures = {"ranges.svg", "ranges.png"}
    assert set(done.files) == {"ranges.csv", "levels.csv", "report.html", "manifest.json"} | pictures | checklists
    assert {path.name for path in done.folder.iterdir()} == {*done.files, "estimates.csv", "fits"}
    assert (done.folder / "estimates.csv").read_text() == "of the user's own"
    assert faults(done.folder) == ()


def test_every_file_says_that_the_data_are_reconstructed(done):
    for name in ("ranges.csv", "levels.csv"):
        assert set(pd.read_csv(done.files[name])["data"]) == {"reconstructed"}
    manifest = json.loads(done.files["manifest.json"].read_text(encoding="utf-8"))
    assert manifest["data"]["label"] == "reconstructed"
    assert (manifest["data"]["tables"], manifest["data"]["seed"]) == (12, 1)
    assert manifest["data"]["hash"] == done.analysis.data_hash
    assert manifest["verdicts"] == list(done.ranges.verdicts)
    assert "reconstructed data" in done.files["ranges.svg"].read_text(encoding="utf-8")
    assert b"reconstructed data" in done.files["ranges.png"].read_bytes()


def test_the_report_tells_the_verdict_the_levels_and_the_published_rows(done):
    page = text_of(done.report)
    assert "Reconstructed data." in page
    assert done.ranges.levels_sentence in page
    assert "includes 0 in every one: the published figures do not tell the side" in " ".join(page.split())
    assert "below 0: better alliance, more recidivism; above 0: better alliance, less recidivism" in page
    assert "P(−0.1 to 0.1)" in page
    assert page.count("Effects between −0.1 and 0.1 were regarded as practically equivalent to none.") == 2
    assert "0.081" in page
    assert 'src="' not in page
    assert "<svg" in page


def test_the_caption_of_ranges_says_probability_and_kind_of_each_interval(done):
    page = text_of(done.report)
    assert "Limits are those of 95 % intervals, whose kind stands below each method" in page
    assert "credible ones are under the priors of the model below" in page
    assert "credible (equal-tailed)" in page
    assert "The analysis file asks for no prior panel" not in page


def test_the_same_seed_gives_the_same_ranges(done, tmp_path):
    again = pw.run(pw.load_analysis(written(tmp_path, SETTING)), out=tmp_path / "again")
    assert again.files["ranges.csv"].read_bytes() == done.files["ranges.csv"].read_bytes()
    other = pw.load_analysis(written(tmp_path, changed("tables = 12, seed = 1", "tables = 12, seed = 2")))
    assert other.data_hash != done.analysis.data_hash


def test_one_table_s_prior_is_not_carried_to_another(tmp_path):
    """A prior that is made from the sampling variances is made anew for each table."""
    text = changed("tau = { HalfNormal = 0.5 }", 'tau = "DuMouchel"').replace("tables = 12", "tables = 3")
    analysis = pw.load_analysis(written(tmp_path, text))
    found = pw.run(analysis, out=tmp_path / "run").ranges
    points = [pw.fit(table, pw.Subgroups("setting", mu=analysis.model.mu, tau=pw.priors.DuMouchel()), pw.Exact())
              for table in analysis.tables]  # fmt: skip
    assert found.row("tau")["point_high"] == pytest.approx(max(one["tau"].point for one in points), rel=1e-12)


def test_the_command_line_prints_ranges(tmp_path, capsys):
    assert (
        main(["run", str(written(tmp_path, SETTING.replace("tables = 12", "tables = 3"))), "--out", str(tmp_path)]) == 0
    )
    printed = capsys.readouterr().out
    assert "reconstructed data, 3 tables of 15 studies" in " ".join(printed.split())
    assert "Bayesian, exact" in printed
    assert "μ[custodial] −" in printed
    assert "0 of 3" in printed


def test_an_outcome_without_a_moderator_has_ranges_too(tmp_path):
    text = changed(', moderator = "setting"', "")
    text = text.replace('kind = "subgroups"\nby = "setting"\n', 'kind = "random-effects"\n')
    text = "\n".join(line for line in text.splitlines() if not line.startswith("heterogeneity"))
    found = pw.run(pw.load_analysis(written(tmp_path, text)), out=tmp_path / "run")
    assert found.ranges.factor == ""
    assert len(found.ranges.verdicts) == 1
    assert "levels.csv" not in found.files


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    return pw.run(pw.load_analysis(written(folder, SEARCHED)), out=folder / "run")


@pytest.mark.parametrize("outcome", ["dropout", "misconduct", "recidivism"])
def test_every_outcome_of_the_paper_answers_over_tables_and_extremes(outcome):
    analysis = pw.load_analysis(MODELS / f"{outcome}.toml")
    assert analysis.tables is not None
    assert (len(analysis.tables), analysis.restarts) == (200, 4)
    assert analysis.panel is not None
    assert [type(fit.engine).__name__ for fit in analysis.fits] == ["ClosedForm"] * 3 + ["Exact"] * 2 + ["NUTS"]


def test_ranges_hold_the_tables_found_and_counts_those_drawn(searched):
    found = searched.ranges
    row = found.row("mu")
    exact = found.answers[(found.answers["label"] == "exact") & (found.answers["quantity"] == "mu")]
    assert (row["tables"], row["found"]) == (12, len(exact) - 12)
    assert row["lower_low"] == exact["lower"].min()
    assert row["lower_low"] < exact[exact["table"] <= 12]["lower"].min()
    assert row["lower_median"] == exact[exact["table"] <= 12]["lower"].median()
    first = found.searches.iloc[0]
    assert first["value"] - first["beaten"] == pytest.approx(exact["point"].min())


def test_equal_weights_are_named_the_optimistic_edge_wherever_they_are_shown(searched):
    row, page = searched.ranges.row("mu"), text_of(searched.report)
    edge = pw.fit(searched.analysis.tables.reference(), searched.analysis.model, pw.Exact())["mu"].interval(0.95)
    assert (row["lower_edge"], row["upper_edge"]) == pytest.approx(edge)
    assert "Equal weights<br>(optimistic edge)" in page
    assert "optimistic edge and not an answer" in searched.ranges.edge_sentence
    assert "an optimistic edge" in searched.files["ranges.svg"].read_text(encoding="utf-8")


def test_a_panel_that_the_file_does_not_ask_for_is_said(tmp_path):
    text = re.sub(r"tau = \[.*\]\n", "", SEARCHED).replace("panel = true", "panel = false")
    text = text.replace("restarts = 1", "restarts = 0")
    run = pw.run(pw.load_analysis(written(tmp_path, text.replace("tables = 12", "tables = 3"))), out=tmp_path / "run")
    assert run.analysis.panel.unasked
    page = text_of(run.report)
    assert "asks for no prior panel. With so few studies it is shown all the same" in page


def test_with_three_studies_the_headline_is_what_can_be_said_under_each_prior(searched):
    panel = searched.ranges.panel.set_index("prior")
    assert searched.ranges.sentences[0] == searched.ranges.panel_sentence
    assert "no prior on tau is to be read alone" in searched.ranges.panel_sentence
    tables = [*searched.analysis.tables, searched.analysis.tables.reference()]
    single = pd.concat([pw.checks.prior_panel(one, priors=[pw.priors.HalfNormal(0.25)]).frame for one in tables])
    wide = panel.loc["HalfNormal(0.25)"]
    drawn, edge = single.iloc[:-1], single.iloc[-1]
    assert wide["lower_low"] <= drawn["mu_lower"].min()
    assert wide["p_above_high"] >= drawn["p_positive"].max()
    assert wide["tau_upper_high"] >= drawn["tau_upper"].max()
    assert wide["lower_edge"] == pytest.approx(edge["mu_lower"], abs=1e-9)
    assert set(pd.read_csv(searched.files["prior_panel.csv"])["data"]) == {"reconstructed"}


def test_the_extreme_tables_are_among_the_files_and_print_as_published(searched):
    frame, searches = (pd.read_csv(searched.files[name]) for name in ("extreme_tables.csv", "searches.csv"))
    assert set(searches["table"]) == set(frame["table"])
    for _, table in frame.groupby("table"):
        w = table["se"] ** -2.0
        d = (w * table["y"]).sum() / w.sum()
        assert f"{d:.3f}" == "0.374"
        assert f"{w.sum() ** -0.5:.3f}" == "0.124"
        assert f"{(w * (table['y'] - d) ** 2).sum():.3f}" == "0.940"
    assert set(frame["data"]) == {"reconstructed"}


def test_a_search_is_kept_and_taken_again_and_made_anew_when_asked(searched, tmp_path):
    fits = searched.folder / "fits"

    def run_again():
        """With another picture to draw, and without the ranges that are kept besides."""
        (searched.folder / "ranges.svg").unlink()
        (fits / "ranges.kept").unlink()
        return pw.run(searched.analysis, out=searched.folder)

    expected = searched.files["ranges.csv"].read_bytes()
    again = run_again()
    assert any("search for extremes was taken" in sentence for sentence in again.kept)
    assert again.files["ranges.csv"].read_bytes() == expected
    search = fits / "search.kept"
    search.write_text(search.read_text(encoding="utf-8").replace("0.1", "0.2", 1), encoding="utf-8")
    damaged = run_again()
    assert "run again, as 'search.kept' cannot be read" in damaged.kept[0]
    assert "is now called 'search.kept.damaged'" in damaged.kept[1]
    pd.testing.assert_frame_equal(damaged.ranges.frame, searched.ranges.frame)


def test_narrower_limits_can_be_stated_and_wrong_ones_are_refused(tmp_path):
    text = SEARCHED.replace("restarts = 1", "restarts = 0, se_min = 0.1, se_max = 0.4, d_max = 1.0")
    drawn = pw.load_analysis(written(tmp_path, text)).tables
    assert drawn.se.min() >= 0.1
    assert drawn.se.max() <= 0.4
    with pytest.raises(AnalysisError, match="se_min below se_max"):
        pw.load_analysis(written(tmp_path, text.replace("se_min = 0.1", "se_min = 0.5")))
