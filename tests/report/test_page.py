"""The page as a reader meets it: by eye at any width, by ear, on paper; and as a document."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from markupsafe import Markup

import poolwise as pw
from poolwise.cli import main
from poolwise.report import faults
from poolwise.report.blocks import Column, Table, numbers, rows
from poolwise.report.documents import clean
from poolwise.report.drawings import Drawing
from poolwise.report.links import linked
from support.questions import MODELS

QUICK = ("bcg", "bcg_latitude", "magnesium")  # a ratio, a regression, publication bias
VOID = {"meta", "br", "img", "link", "path", "use", "rect", "circle", "line"}
CHROMIUM = shutil.which("chromium")


class Element(HTMLParser):
    """The elements of a page in their order, each with its attributes and the words within."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str], list[str]]] = []
        self.open: list[tuple[str, list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        words: list[str] = []
        self.all.append((tag, dict(attrs), words))
        if tag not in VOID:
            self.open.append((tag, words))

    def handle_startendtag(self, tag, attrs):
        self.all.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, words in self.open:
            words.append(data)

    def of(self, *tags: str) -> list[tuple[dict[str, str], str]]:
        return [(attrs, " ".join("".join(words).split())) for tag, attrs, words in self.all if tag in tags]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of packaged questions without NUTS, in folders beside one another."""
    folder = tmp_path_factory.mktemp("runs")
    for name in QUICK:
        text = re.sub(r"nuts = .*\n", "", (MODELS / f"{name}.toml").read_text(encoding="utf-8"))
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return {name: pw.run(pw.load_analysis(folder / f"{name}.toml"), out=folder / name) for name in QUICK}


@pytest.fixture(params=QUICK)
def page(request, runs):
    return Element(runs[request.param].report.read_text(encoding="utf-8"))


def test_the_answer_comes_first_in_two_sentences_on_the_reading_scale(runs):
    done = runs["bcg"]
    page = Element(done.report.read_text(encoding="utf-8"))
    said, also, *_ = (words for attrs, words in page.of("p") if attrs.get("class") == "answer")
    mu, new = done["exact"]["mu"], done["exact"]["theta_new"]
    point, lower, upper = done.analysis.effects.scale.back([mu.point, *mu.interval(0.95)])
    assert f"a risk ratio of {point:.2f} (95 % credible interval {lower:.2f} to {upper:.2f})" in said
    assert said.endswith(f"below 1 (“favours vaccination”) is {mu.cdf(0.0):.3f}.")
    assert f"below 1 with probability {new.cdf(0.0):.3f}" in also
    assert [words for _, words in page.of("h2")][:3] == ["The answer", "Forest plot", "If you believed otherwise"]


def test_a_slope_is_told_as_what_it_multiplies_the_ratio_by(runs):
    done = runs["bcg_latitude"]
    text = done.report.read_text(encoding="utf-8")
    (exact,) = (one for one in done.results if "exact" in one.label)
    slope = float(done.analysis.effects.scale.back([exact["beta[ablat]"].point])[0])
    assert f"the risk ratio is multiplied by {slope:.3f}" in text
    assert f"falls with ablat is {exact['beta[ablat]'].cdf(0.0):.3f}" in text


def test_headings_run_without_a_gap_under_one_title_within_landmarks(page):
    levels = [int(tag[1]) for tag, _, _ in page.all if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert [tag for tag, _, _ in page.all if tag in ("header", "main", "footer")] == ["header", "main", "footer"]
    assert page.of("html")[0][0]["lang"] == "en"


def test_every_head_of_a_table_has_a_scope_and_every_row_a_head(page):
    assert {attrs.get("scope") for attrs, _ in page.of("th")} == {"col", "row", "rowgroup"}
    heads = [attrs for attrs, _ in page.of("th") if attrs["scope"] == "row"]
    own = [attrs for attrs, _ in page.of("tr") if attrs.get("class") != "below"]  # which goes on with the row above
    bodies = len(own) - len(page.of("thead"))
    assert len(heads) == bodies - sum(attrs["scope"] == "rowgroup" for attrs, _ in page.of("th"))


def test_every_picture_says_what_it_shows_in_numbers(page):
    pictures = page.of("svg")
    assert pictures
    assert all(attrs["role"] == "img" and re.search(r"\d", attrs["aria-label"]) for attrs, _ in pictures)
    assert len(page.of("figure")) <= len(pictures)


def test_type_of_each_picture_can_be_read_in_print_and_on_a_phone(runs):
    across, down = 516.0, 709.0  # points of a page of A4 within its margins, below a heading
    for done in runs.values():
        text = done.report.read_text(encoding="utf-8")
        found = re.findall(r'<div class="(page|column)" style="--wide: [\d.]+pt">(<svg.*?</svg>)', text, re.DOTALL)
        assert [place for place, _ in found] == ["page", "column"] * text.count("<figure>")
        for place, element in found:
            one = Drawing("one", element, place)
            if place == "page":
                assert one.smallest * min(1.0, across / one.wide, down / one.high) >= 6.95  # points
            else:
                assert one.smallest * 358.0 / one.wide >= 9.0  # pixels of a phone of 390


def test_no_type_of_a_printed_page_is_set_below_seven_points(page):
    style = next(words for _, words in page.of("style") if "@media print" in words)
    printed = style[style.index("@media print") :].partition("@media screen")[0]
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)pt", printed)]
    assert len(sizes) > 5
    assert min(sizes) >= 7.0


def test_numbers_are_broken_over_lines_only_in_a_table_that_is_too_broad_for_a_page():
    columns = (Column("Method"), *(numbers("95 % interval") for _ in range(6)))
    in_one, short, in_two = "−0.01 [−0.1123, 0.1234]", "[−0.11, 0.12]", Markup("−0.01<br>[−0.1123, 0.1]")
    broad = [Table(columns, rows([("REML", *[each] * 6)])).broad for each in (in_one, short, in_two)]
    assert broad == [True, False, False]


def test_in_print_words_fill_the_first_page_where_the_forest_has_no_room_below_the_answer(runs):
    placed = {}
    for name, done in runs.items():
        page = Element(done.report.read_text(encoding="utf-8"))
        places = {attrs["id"]: attrs.get("style", "") for attrs, _ in page.of("section")}
        placed[name] = sorted(places, key=lambda each: int(places[each].rpartition(" ")[2] or 0))[:5]
    assert placed["bcg"] == ["answer", "methods", "results", "forest", "prior-panel"]
    assert placed["bcg_latitude"][:2] == ["answer", "forest"]  # which has room there
    assert placed["magnesium"][:3] == ["answer", "methods", "forest"]  # which needs all of the second page


def test_an_identifier_is_used_once_and_every_reference_finds_it(page):
    names = [attrs["id"] for _, attrs, _ in page.all if "id" in attrs]
    assert len(set(names)) == len(names)
    values = [(name, value) for _, attrs, _ in page.all for name, value in attrs.items() if value]
    asked = {value[1:] for name, value in values if name.endswith("href") and value.startswith("#")}
    asked |= {found for _, value in values for found in re.findall(r"url\(#([^)]+)\)", value)}
    assert asked <= set(names)


@pytest.mark.parametrize("name", QUICK)
def test_every_file_and_every_doi_is_a_link_and_nothing_is_loaded(runs, name):
    text = runs[name].report.read_text(encoding="utf-8")
    page = Element(text)
    targets = {attrs["href"] for attrs, _ in page.of("a")}
    assert set(runs[name].files) - {"report.html"} <= targets
    dois = set(re.findall(r"\b10\.\d{4,9}/[^\s<>\"]*[^\s<>\".,;:)]", " ".join(words for _, words in page.of("body"))))
    assert dois
    assert {f"https://doi.org/{doi}" for doi in dois} <= targets
    assert not {"script", "link", "iframe", "img", "object"} & {tag for tag, _, _ in page.all}


def test_a_doi_is_linked_whole_and_no_further():
    assert 'href="https://doi.org/10.1000/a(1)b"' in linked("(see 10.1000/a(1)b).")
    assert linked("(see 10.1000/ab).").endswith("</a>).")
    assert linked("doi:10.1000/182") == '<a href="https://doi.org/10.1000/182">doi:10.1000/182</a>'
    assert linked("<b>10 of 12</b>") == "&lt;b&gt;10 of 12&lt;/b&gt;"


def test_no_line_of_a_page_ends_within_an_equation_a_percentage_or_short_brackets():
    words = linked("p < 0.001 with Q = 38.2, 95 % [0.1, 0.2] and k − 1 (τ = 0)")
    assert str(words).count("\u00a0") == 10
    assert str(linked(Markup('<span class="a b">x = 1</span>'))).startswith('<span class="a b">')


def test_no_sentence_or_cell_of_a_page_holds_names_of_code(runs):
    for done in runs.values():
        page = Element(done.report.read_text(encoding="utf-8"))
        said = " ".join(words for _, words in page.of("p", "li", "td", "th", "caption"))
        assert not re.search(r"Exact\(\)|NUTS\(\)|ThreeLevel\(|interval='|pw\.|sqrt\(| - \d", said)


def test_methods_with_the_same_numbers_share_a_row(runs):
    page = Element(runs["bcg"].report.read_text(encoding="utf-8"))
    heads = [words for attrs, words in page.of("th") if attrs["scope"] == "row"]
    shared = [words for words in heads if "REML, Hartung-Knapp" in words and "ad hoc" in words]
    assert any(
        words.startswith("REML, Hartung-Knapp") and "and REML, Hartung-Knapp ad hoc" in words for words in shared
    )


def test_a_verdict_is_told_once(runs):
    page = Element(runs["bcg"].report.read_text(encoding="utf-8"))
    words = " ".join(words for _, words in page.of("p", "li"))
    assert words.count("The side does not depend on the prior") == 1


def test_the_appendix_is_folded_on_a_screen_and_open_in_print(page):
    ((attrs, words),) = [one for one in page.of("details") if one[0].get("id") == "appendix"]
    assert "open" not in attrs
    assert "Model" in words
    assert "Diagnostics" in words
    assert re.search(
        r"@media print \{.*details::details-content \{ content-visibility: visible", page.of("style")[0][1]
    )


def test_what_pandoc_reads_has_files_for_pictures_and_nothing_folded(runs):
    text = runs["bcg"].report.read_text(encoding="utf-8")
    html = clean(text, "docx", runs["bcg"].files)
    images = Element(html).of("img")
    assert [attrs["src"] for attrs, _ in images] == [
        "forest.png",
        "prior_panel.svg",
        "conditional.svg",
        "operating_characteristics.png",
    ]
    assert all(re.search(r"\d", attrs["alt"]) for attrs, _ in images)
    assert "0.49" in images[0][0]["alt"]
    assert not {"style", "svg", "details", "summary", "script"} & {tag for tag, _, _ in Element(html).all}


def test_a_finished_run_becomes_a_document_of_word_with_headings_tables_and_pictures(runs, capsys):
    pypandoc = pytest.importorskip("pypandoc")
    folder = runs["magnesium"].folder
    assert main(["report", str(folder), "--docx", "--md", "--latex"]) == 0
    assert capsys.readouterr().out.split() == [
        str(folder / name) for name in ("report.docx", "report.md", "report.tex")
    ]
    assert faults(folder) == ()
    html = pypandoc.convert_file(str(folder / "report.docx"), "html")
    document = Element(html)
    assert "Publication bias" in [words for _, words in document.of("h1")]
    assert len(document.of("table")) == len(Element(runs["magnesium"].report.read_text(encoding="utf-8")).of("table"))
    assert all(re.search(r"\d", attrs["alt"]) for attrs, _ in document.of("img"))
    assert "\\section" in (folder / "report.tex").read_text(encoding="utf-8")
    assert "![" in (folder / "report.md").read_text(encoding="utf-8")


def test_a_run_writes_the_documents_that_it_is_told_to_write_and_removes_them_again(tmp_path):
    pytest.importorskip("pypandoc")
    analysis = pw.load_analysis(MODELS / "adherence.toml")
    done = pw.run(analysis, out=tmp_path / "run", formats=("docx", "latex"))
    assert {"report.docx", "report.tex", "forest.pdf", "prior_panel.png"} <= set(done.files)
    assert faults(done.folder) == ()
    assert not {"report.docx", "forest.pdf"} & set(pw.run(analysis, out=tmp_path / "run").files)
    assert not (done.folder / "report.docx").exists()


def test_an_unknown_format_and_a_missing_pandoc_are_told_before_any_fit(tmp_path, monkeypatch):
    analysis, steps = pw.load_analysis(MODELS / "adherence.toml"), []
    for wrong in (("word",), "docx", ("docx", 3)):
        with pytest.raises(pw.errors.AnalysisError, match="format"):
            pw.run(analysis, out=tmp_path / "run", formats=wrong, progress=steps.append)
    monkeypatch.setitem(sys.modules, "pypandoc", None)
    with pytest.raises(pw.errors.AnalysisError, match=r"poolwise\[documents\]"):
        pw.run(analysis, out=tmp_path / "run", formats=("docx",), progress=steps.append)
    assert steps == []


@pytest.mark.parametrize("arguments", [["--docx"], []])
def test_a_folder_without_a_finished_run_has_no_report(tmp_path, capsys, arguments):
    assert main(["report", str(tmp_path), *arguments]) == 2
    assert "Try: poolwise r" in capsys.readouterr().err


@pytest.mark.skipif(CHROMIUM is None, reason="no browser")
def test_a_browser_shows_the_page_without_a_message(runs, tmp_path):
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=390,2000"]
    picture = Path(tmp_path) / "page.png"
    command = [str(CHROMIUM), *options, f"--screenshot={picture}", runs["bcg"].report.as_uri()]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr
    assert "CONSOLE" not in told
    assert picture.stat().st_size > 10_000
