"""Analysis files ask for every method on publication bias: checked at load time, one section, one CSV."""

import pandas as pd
import pytest

import poolwise as pw
from poolwise.cli import main
from poolwise.errors import AnalysisError
from support.pages import text_of
from support.questions import MODELS

ASKED = 'publication_bias = { direction = "negative" }'
JOINT = 'model = { kind = "joint-outcomes" }'
QUESTION = f"""
title = "BCG"
question = "Does it work?"
data = {{ dataset = "bcg" }}
engines = {{ exact = {{}} }}
[sensitivity]
prior_panel = false
{ASKED}
"""


def loaded(tmp_path, old="", new=""):
    path = tmp_path / "question.toml"
    path.write_text(QUESTION.replace(old, new) if old else QUESTION, encoding="utf-8")
    return pw.load_analysis(path)


def test_a_run_writes_the_frame_and_the_page_has_both_answers_of_the_average(tmp_path):
    analysis = loaded(tmp_path)
    done = pw.run(analysis, out=tmp_path / "run")
    frame = pd.read_csv(done.files["publication_bias.csv"]).set_index(["method", "variant"])
    panel = pw.checks.publication_bias(analysis.effects, direction="negative")
    point = panel.frame.set_index(["method", "variant"]).loc[("PSMA average", "averaged"), "point"]
    assert frame.loc[("PSMA average", "averaged"), "point"] == pytest.approx(point, rel=1e-12)
    page = text_of(done.report)
    for words in ("Averaged over all models", "Given an effect", "o method dominates", "Moved"):
        assert words in page
    assert "corrected" not in page
    assert pw.show.greek(panel.in_short) in page


def test_the_terminal_tells_the_range_of_the_answers(tmp_path, capsys):
    loaded(tmp_path)
    assert main(["run", str(tmp_path / "question.toml"), "--out", str(tmp_path / "run")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "the mean risk ratio lies between" in told
    assert "No method dominates" in told


def test_its_file_is_claimed_before_the_first_fit(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "publication_bias.csv").write_text("mine")
    with pytest.raises(AnalysisError, match=r"publication_bias\.csv"):
        pw.run(loaded(tmp_path), out=tmp_path / "run")


def test_no_file_is_claimed_where_it_is_not_asked_for(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "publication_bias.csv").write_text("mine")
    done = pw.run(loaded(tmp_path, ASKED), out=tmp_path / "run")
    assert "publication_bias.csv" not in done.files


@pytest.mark.parametrize(("given", "words"), [
    ("publication_bias = {}", "direction"), ("publication_bias = true", "publication_bias"),
    ('publication_bias = { direction = "up" }', "one of positive, negative"),
    ('publication_bias = { direction = "positive", unit = 0 }', "unit"),
    ('publication_bias = { direction = "positive", sides = 1 }', "sides"),
])  # fmt: skip
def test_what_it_may_say(tmp_path, given, words):
    with pytest.raises(AnalysisError, match=rf"sensitivity\.publication_bias[\s\S]*{words}"):
        loaded(tmp_path, ASKED, given)


@pytest.mark.parametrize("data", [
    'dataset = "working_alliance", outcome = "dropout"',
    'reconstruct = { published = "working_alliance", outcome = "dropout", tables = 3, seed = 1 }',
])  # fmt: skip
def test_reconstructed_tables_are_refused_at_load_time_with_the_reason(tmp_path, data):
    with pytest.raises(AnalysisError, match=r"sensitivity\.publication_bias: [\s\S]*arbitrary by construction"):
        loaded(tmp_path, 'dataset = "bcg"', data)


def test_several_outcomes_are_not_mixed_in_one_funnel(tmp_path):
    rows = "y,se,study,outcome\n" + "".join(f"0.{i},0.2,s{i},{'xy'[i % 2]}\n" for i in range(1, 7))
    (tmp_path / "my.csv").write_text(rows)
    with pytest.raises(AnalysisError, match=r"2 outcomes \(\w, \w\), which one funnel would mix"):
        loaded(tmp_path, 'data = { dataset = "bcg" }', 'data = { csv = "my.csv", scale = "SMD" }\n' + JOINT)


def test_show_says_in_which_direction(capsys):
    assert main(["show", str(MODELS / "magnesium.toml")]) == 0
    assert "every method, negative results being likelier to be published" in capsys.readouterr().out


def test_of_the_two_packaged_questions_one_has_a_problem():
    verdicts = {}
    for name in ("magnesium", "beta_blockers"):
        analysis = pw.load_analysis(MODELS / f"{name}.toml")
        planned = analysis.publication_bias
        frame = pw.checks.publication_bias(analysis.effects, direction=planned.direction).frame
        verdicts[name] = frame.set_index("method").loc["Egger's test", "value"]
    assert verdicts["magnesium"] < 0.01
    assert verdicts["beta_blockers"] > 0.4
