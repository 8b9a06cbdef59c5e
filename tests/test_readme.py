"""The README tells the truth: its code prints what it says, its table is the table of pairs."""

import contextlib
import io
import pathlib
import re

import matplotlib as mpl
import pytest

from poolwise.fit import pairs_table

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


def test_the_table_of_pairs_is_generated():
    assert pairs_table() in README


@pytest.mark.parametrize("path", re.findall(r"(?:notebooks|models)/[\w/]+\.\w+|[A-Z]+\.(?:md|cff)", README))
def test_the_files_it_names_exist(path):
    assert (ROOT / path).is_file()
