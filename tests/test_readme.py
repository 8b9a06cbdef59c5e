"""The README tells the truth: its code prints what it says, its table is the table of pairs."""

import contextlib
import io
import pathlib
import re
import warnings

import matplotlib as mpl
import pytest

import poolwise as pw
from poolwise.errors import ModelError
from poolwise.fit import ENGINES, exceptions, pairs_table
from poolwise.model import MODELS
from poolwise.model.needs import EXCHANGEABLE, POOLED, UNCERTAIN

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUTS_LAST_DIGIT = 0.011  # NUTS figures may differ in the last printed digit between machines


BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", README, re.DOTALL)
TEXTS = [pytest.param(code, said, marks=[pytest.mark.slow] if "NUTS" in code else []) for code, said in BLOCKS if said]
OTHERS = [code for code, said in BLOCKS if not said]


def printed(code):
    """What a block prints; the warnings that it turns off are on again after it."""
    mpl.use("agg")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        exec(compile(code, "README.md", "exec"), {"pw": pw})
    return out.getvalue()


@pytest.mark.parametrize(("code", "said"), TEXTS)
def test_a_block_prints_what_the_readme_says(code, said, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    found = printed(code).splitlines()
    assert len(found) == len(said.splitlines())
    for here, there in zip(found, said.splitlines(), strict=True):
        if not there.strip().startswith("NUTS"):
            assert here.split() == there.split()
            continue
        numbers = [[float(word) for word in re.findall(r"-?\d+\.\d+", line)] for line in (here, there)]
        assert numbers[0] == pytest.approx(numbers[1], abs=NUTS_LAST_DIGIT)


def test_the_other_blocks_run_on_a_table_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = ["author;d;se;setting", "Ash 2001;0,31;0,15;ward", "Birch 2005;0,42;0,20;home", "Elm 2014;0,25;0,18;ward"]
    (tmp_path / "trials.csv").write_text("\n".join(rows), encoding="utf-8")
    assert len(OTHERS) == 1
    printed(OTHERS[0])


def test_the_shortest_file_is_in_order(tmp_path):
    (tmp_path / "trials.csv").write_text("study,y,se\nAsh,0.31,0.15\nBirch,0.42,0.2\nElm,0.25,0.18\n", encoding="utf-8")
    file = tmp_path / "question.toml"
    file.write_text(re.search(r"```toml\n(.*?)```", README, re.DOTALL)[1], encoding="utf-8")
    assert len(pw.load_analysis(file).fits) == 2


def test_every_model_says_what_it_is_for():
    assert all(10 < len(model.purpose) < 90 for model in MODELS)


def test_the_table_of_pairs_is_generated():
    assert pairs_table() in README


EXCEPTIONAL = {
    UNCERTAIN: pw.MetaRegression("~ ablat", missing="model"),
    POOLED: pw.MetaRegression("~ 1", pooled=["alloc"]),
    EXCHANGEABLE: pw.Subgroups("alloc", heterogeneity="exchangeable"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("need", EXCEPTIONAL)
def test_what_the_table_excepts_is_what_a_fit_refuses(need, engine):
    model = EXCEPTIONAL[need]
    assert need in model.needs
    assert (need in exceptions(type(model), engine)) == (need not in engine.can)
    if need not in engine.can:
        with pytest.raises(ModelError, match=r"Expected: .*"):
            pw.fit(pw.datasets.load("bcg"), model, engine())


@pytest.mark.parametrize("path", re.findall(r"(?:notebooks|models|docs|tests)/[\w/]+\.\w+|[A-Z]+\.(?:md|cff)", README))
def test_the_files_it_names_exist(path):
    assert (ROOT / path).is_file()
