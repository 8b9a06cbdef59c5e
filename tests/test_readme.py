"""The README tells the truth: its code prints what it says, its table is the table of pairs."""

import contextlib
import io
import pathlib
import re

import matplotlib as mpl
import pytest

import poolwise as pw
from poolwise.errors import ModelError
from poolwise.fit import ENGINES, exceptions, pairs_table
from poolwise.model.needs import EXCHANGEABLE, POOLED, UNCERTAIN

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUTS_LAST_DIGIT = 0.011  # NUTS figures may differ in the last printed digit between machines


def block(language):
    return re.search(rf"```{language}\n(.*?)```", README, re.DOTALL).group(1)


@pytest.mark.slow
def test_the_ten_lines_print_what_the_readme_says():
    mpl.use("agg")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(block("python"), "README.md", "exec"), {})
    found, said = out.getvalue().strip().splitlines(), block("text").strip().splitlines()
    assert len(found) == len(said)
    for here, there in zip(found, said, strict=True):
        if "NUTS" not in there:
            assert here.split() == there.split()
            continue
        numbers = [[float(word) for word in re.findall(r"-?\d+\.\d+", line)] for line in (here, there)]
        assert numbers[0] == pytest.approx(numbers[1], abs=NUTS_LAST_DIGIT)


@pytest.mark.parametrize("head", ["## Your own data", "## Publication bias", "## Which interval can I trust?"])
def test_a_section_tells_what_its_code_prints(head):
    mpl.use("agg")
    section = README.partition(head)[2]
    code, said = (
        re.search(rf"```{language}\n(.*?)```", section, re.DOTALL).group(1) for language in ("python", "text")
    )
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    assert out.getvalue() == said


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


@pytest.mark.parametrize("path", re.findall(r"(?:notebooks|models)/[\w/]+\.\w+|[A-Z]+\.(?:md|cff)", README))
def test_the_files_it_names_exist(path):
    assert (ROOT / path).is_file()
