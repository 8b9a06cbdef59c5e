"""A section of a report is one file: what it says, draws and writes; page, files and manifest find it in the list."""

import json
from dataclasses import replace

import pandas as pd
import pytest

import poolwise as pw
from poolwise import plot
from poolwise.errors import AnalysisError
from poolwise.report import faults, sections
from poolwise.report.blocks import Column, Notes, Paragraph, Picture, Statement, Table, Terms, marked, numbers, rows
from poolwise.report.content import Content
from poolwise.report.section import Figure, Passage, Section
from support.pages import text_of
from support.questions import WITHOUT_NUTS

# All of a toy section: a check, its table, its picture, its words.


def largest(content: Content) -> Passage | None:
    effects = content.effects
    if effects.k < 3:
        return None
    frame = pd.DataFrame({"study": effects.study, "size": abs(effects.y)}).sort_values("size", ascending=False)
    cells = ((str(row["study"]), f"{row['size']:.3f}") for row in frame.to_dict("records"))
    return Passage(
        "Largest effects",
        (
            Paragraph(f"The largest effect is that of <{frame['study'].iloc[0]}>."),
            Table((Column("Study"), numbers("Size")), rows(cells), "Sizes of the effects."),
            Picture("largest", "Sizes of the effects"),
        ),
        tables={"largest.csv": frame},
        figures={"largest": Figure("Largest effects", lambda: plot.forest(content.main))},
    )


TOY = Section("largest", largest, tables=("largest.csv",), figures=("largest.svg", "largest.png"))
FILES = {"largest.csv", "largest.svg", "largest.png"}


@pytest.fixture
def analysis(tmp_path):
    """A question of one table that takes a second."""
    path = tmp_path / "question.toml"
    path.write_text(WITHOUT_NUTS, encoding="utf-8")
    return pw.load_analysis(path)


@pytest.fixture
def registered(monkeypatch):
    """The one line of registry."""
    monkeypatch.setattr(sections, "ONE_TABLE", (*sections.ONE_TABLE, TOY))


@pytest.mark.usefixtures("registered")
def test_a_section_in_the_list_is_on_the_page_among_the_files_and_in_the_manifest(analysis, tmp_path):
    done = pw.run(analysis, out=tmp_path / "run")
    page = text_of(done.report)
    assert page.index('<section id="largest">\n<h2>Largest effects</h2>') < page.index('<details id="appendix">')
    largest_study = pd.read_csv(done.files["largest.csv"])["study"].iloc[0]
    assert f"The largest effect is that of &lt;{largest_study}&gt;." in page
    assert '<svg role="img" aria-label="Sizes of the effects"' in page
    assert len(pd.read_csv(done.files["largest.csv"])) == done.analysis.effects.k
    assert set(json.loads(done.files["manifest.json"].read_text(encoding="utf-8"))["files"]) >= FILES
    assert b"Largest effects: " in done.files["largest.png"].read_bytes()
    assert faults(done.folder) == ()


@pytest.mark.usefixtures("registered")
def test_the_files_of_a_section_are_known_before_the_fits(analysis, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "largest.csv").write_text("mine")
    steps = []
    with pytest.raises(AnalysisError, match=r"holds largest\.csv, which no run wrote"):
        pw.run(analysis, out=tmp_path / "run", progress=steps.append)
    assert steps == []
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"largest.csv"}


def test_a_section_that_no_analysis_plans_claims_no_names_and_leaves_them_alone(analysis, tmp_path, monkeypatch):
    unplanned = replace(TOY, planned=lambda analysis: False)
    monkeypatch.setattr(sections, "ONE_TABLE", (*sections.ONE_TABLE, unplanned))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "largest.csv").write_text("mine")
    done = pw.run(analysis, out=tmp_path / "run")
    assert not FILES & set(done.files)
    assert 'id="largest"' not in text_of(done.report)
    assert (tmp_path / "run" / "largest.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("stated", "named"), [({"tables": ()}, r"largest\.csv"), ({"figures": ("other.svg",)}, "would write largest")]
)
def test_a_section_writes_under_no_name_that_it_has_not_stated(analysis, stated, named):
    content = Content(analysis, (pw.fit(analysis.effects, pw.RandomEffects(), pw.ClosedForm()),))
    with pytest.raises(AnalysisError, match=named):
        replace(TOY, **stated).passage_of(content)


@pytest.mark.parametrize("sections_of_a_kind", [sections.ONE_TABLE, sections.OVER_TABLES])
def test_a_name_of_a_file_belongs_to_one_section(sections_of_a_kind):
    owners = {(section.name, name) for section in sections_of_a_kind for name in section.files}
    names = [name for _, name in owners]
    assert len(set(names)) == len(names)
    assert not {"report.html", "manifest.json"} & set(names)


WORDS = "<b> & 'you'"


@pytest.mark.parametrize(
    "block",
    [
        Paragraph(WORDS),
        Table((Column(WORDS), numbers("n")), rows([(WORDS, marked("<i>{word}</i>", word=WORDS))]), WORDS),
        Notes((WORDS,)),
        Terms(((WORDS, WORDS),)),
        Statement((WORDS, WORDS)),
    ],
)
def test_words_are_escaped_in_every_block(analysis, tmp_path, monkeypatch, block):
    toy = Section("words", lambda content: Passage(WORDS, (block,)))
    monkeypatch.setattr(sections, "ONE_TABLE", (toy,))
    page = pw.run(analysis, out=tmp_path / "run").report.read_text(encoding="utf-8")
    assert "<b>" not in page
    assert page.count("&lt;b&gt; &amp; &#39;you&#39;") >= 2
