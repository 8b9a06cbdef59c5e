"""A report for LaTeX: letters that its fonts lack, and tables that fit the page."""

import re
import shutil
import subprocess

import pytest

from poolwise.report import document_tables, latex
from poolwise.report.documents import document

LONG = "told at length, " * 20
PAGE = (
    "<html><head><title>τ</title></head><body><h1>μ − τ ≥ 0</h1>"
    "<table><caption>Ω</caption><thead><tr><th>Item</th>"
    f"<th>τ²</th></tr></thead><tbody><tr><td>1</td><td>{LONG}</td></tr></tbody></table>"
    "<pre>y ~ Normal(θ, τ)</pre></html>"
)


def widths(page):
    return [float(each) for each in re.findall(r"width: ([\d.]+)%", document_tables.with_widths(page))]


def test_a_wide_table_gets_columns_that_wrap_and_a_narrow_one_is_left():
    short, long = widths(PAGE)
    assert short + long == pytest.approx(100.0, abs=0.2)
    assert short < 15 < long
    assert widths(PAGE.replace(LONG, "told")) == []


def test_every_greek_letter_is_declared_once():
    declared = re.findall(r"DeclareUnicodeCharacter\{(\w+)\}", latex.header())
    assert len(declared) == len(set(declared))
    assert {f"{ord(letter):04X}" for letter in "αβγδεζηθικλμνξοπρςστυφχψωΔΘΣΩ−≥≤"} <= set(declared)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_latex_sets_the_letters_of_a_report(tmp_path):
    pytest.importorskip("pypandoc")
    (tmp_path / "report.tex").write_bytes(document(PAGE, "latex", {}))
    subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"],
        cwd=tmp_path, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
