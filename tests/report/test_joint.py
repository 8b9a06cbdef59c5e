"""One page over several analyses."""

import re

import pandas as pd
import pytest

import poolwise as pw
from poolwise import cli, report
from poolwise.errors import AnalysisError
from support.pages import text_of

POOLED = """title = "All studies"
question = "Does it work?"
data = { dataset = "bcg", scale = "log RR" }
model = { kind = "random-effects", mu = { Normal = [0, 2] }, tau = { HalfNormal = 1 } }
engines = { exact = {} }
report = { prob = 0.95 }
"""
GROUPS = """title = "By allocation"
question = "Does it depend on the allocation?"
data = { dataset = "bcg", scale = "log RR" }
model = { kind = "subgroups", by = "alloc", mu = { Normal = [0, 2] }, tau = { HalfNormal = 1 } }
engines = { exact = {}, closed_form = [{ tau2 = "REML" }] }
report = { prob = 0.95 }
"""


@pytest.fixture(scope="module")
def joint(tmp_path_factory):
    """The folder of results of two files in one command."""
    folder = tmp_path_factory.mktemp("joint")
    for name, text in (("pooled", POOLED), ("groups", GROUPS)):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    out = folder / "out"
    files = [str(folder / "pooled.toml"), str(folder / "groups.toml")]
    assert cli.main(["report", *files, "--out", str(out)]) == 0
    return folder


def test_moderators_are_those_of_the_fit(joint):
    frame = pd.read_csv(joint / "out" / "report" / "moderators.csv")
    result = pw.fit(*_planned(joint / "groups.toml"))
    means = frame[~frame["contrast"]].set_index("level")
    assert means["k_low"].sum() == 13
    for level, row in means.iterrows():
        assert row["point_low"] == pytest.approx(result[f"mu[{level}]"].point)
        assert (row["lower"], row["upper"]) == pytest.approx(result[f"mu[{level}]"].interval(0.95))


def _planned(path):
    analysis = pw.load_analysis(path)
    exact = next(one for one in analysis.fits if isinstance(one.engine, pw.Exact))
    return analysis.effects, exact.model, exact.engine


def test_what_both_did_is_told_once_and_each_work_once(joint):
    page = text_of(joint / "out" / "report" / "report.html")
    methods = re.search(r'id="methods">(.*?)</section>', page, re.DOTALL)[1]
    assert methods.count("All computations were made with") == 1
    works = re.findall(r"<li>(.*?)</li>", re.search(r'id="references">(.*?)</section>', page, re.DOTALL)[1])
    assert len(works) == len(set(works)) > 3
    assert page.index('id="references"') > page.index('id="results"')


def test_a_page_over_several_needs_several(tmp_path):
    with pytest.raises(AnalysisError, match="two analyses or more"):
        report.write_joint([], tmp_path)


RANGED = """title = "{outcome}"
question = "Is {outcome} rarer?"
[data]
reconstruct = {{ published = "working_alliance", outcome = "{outcome}", tables = 4, seed = 1, restarts = 0 }}
[model]
kind = "random-effects"
mu = {{ Normal = [0, 1] }}
tau = {{ HalfNormal = 0.5 }}
[engines]
exact = {{}}
[sensitivity]
prior_panel = false
"""


def test_ranges_of_several_analyses_are_one_picture_that_tells_each_answer(tmp_path):
    outcomes = ("dropout", "recidivism")
    for name in outcomes:
        (tmp_path / f"{name}.toml").write_text(RANGED.format(outcome=name), encoding="utf-8")
    out = tmp_path / "out"
    assert cli.main(["report", *(str(tmp_path / f"{name}.toml") for name in outcomes), "--out", str(out)]) == 0
    page = text_of(out / "report" / "report.html")
    told = re.search(r'aria-label="(Ranges over all tables[^"]*)"', page)[1]
    assert all(f"{name}: Over all 4 tables" in told for name in outcomes)
    assert (out / "report" / "summary_ranges.svg").is_file()
    assert not (out / "report" / "summary_forest.svg").exists()
