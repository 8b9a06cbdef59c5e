"""Analysis files ask for refits: checked at load time, a section and a CSV for each."""

import pandas as pd
import pytest

import poolwise as pw
from poolwise.errors import AnalysisError
from support.pages import text_of

ASKED = 'leave_one_out = true\ncumulative = "year"\nspecifications = true'
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


def test_a_run_writes_a_frame_a_picture_and_a_section_for_each(tmp_path):
    analysis = loaded(tmp_path)
    done = pw.run(analysis, out=tmp_path / "run")
    steps = pd.read_csv(done.files["cumulative.csv"])
    check = pw.checks.cumulative(pw.fit(analysis.effects), by="year")
    assert steps["mu_upper"].to_numpy() == pytest.approx(check.frame["mu_upper"].to_numpy(), abs=1e-9)
    assert len(pd.read_csv(done.files["specifications.csv"])) == 65
    assert {"leave_one_out.svg", "cumulative.svg", "specification_curve.svg"} <= set(done.files)
    page = text_of(done.report)
    for words in ("Without each study", "As the studies came in", "Every specification", "Estimator of τ²"):
        assert words in page


def test_nothing_is_written_or_claimed_unasked(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "cumulative.csv").write_text("mine")
    with pytest.raises(AnalysisError, match=r"cumulative\.csv"):
        pw.run(loaded(tmp_path), out=tmp_path / "run")
    done = pw.run(loaded(tmp_path, ASKED), out=tmp_path / "run")
    assert "cumulative.csv" not in done.files


@pytest.mark.parametrize(("old", "new", "words"), [
    ('cumulative = "year"', 'cumulative = "yaer"', "did you mean 'year'"),
    ('cumulative = "year"', "cumulative = 1990", "sensitivity.cumulative"),
    ("specifications = true", "specifications = 1", "sensitivity.specifications"),
    ("exact = {}", "closed_form = [{}]", "sensitivity.leave_one_out"),
    ("[sensitivity]", "[model]\nkind = 'subgroups'\nby = 'alloc'\n[sensitivity]", "several answers"),
])  # fmt: skip
def test_what_has_no_answer_is_found_at_load_time(tmp_path, old, new, words):
    with pytest.raises(AnalysisError, match=words):
        loaded(tmp_path, old, new)
