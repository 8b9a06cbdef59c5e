"""Documents of a report: whole tables in Markdown, columns as wide as their words in Word, one title, captions."""

import re
from io import BytesIO
from zipfile import ZipFile

import pytest

from poolwise.report.document_tables import flat
from poolwise.report.documents import clean, document

CELL = 'REML <span class="soft">frequentist</span><br><span class="soft">confidence (Wald)</span>'
TABLE = (
    "<table><caption>All methods.</caption><thead><tr><th>Method</th><th>Mean<br>as a ratio</th></tr></thead>"
    '<tbody><tr class="head"><th scope="rowgroup" colspan="2">Mean effect</th></tr>'
    f"<tr><th>{CELL}</th><td>0.49<br>[0.33, 0.73]<br>−0.71</td></tr></tbody></table>"
)
SVG = '<svg role="img" aria-label="Forest plot of 2 studies. The mean is 0.49."></svg>'
PICTURE = f'<figure>{SVG}<a href="forest.svg">x</a></figure>'
PAGE = (
    '<html lang="en"><head><meta name="viewport" content="width=device-width"><title>Trials</title></head><body>'
    f'<p class="eyebrow">Meta-analysis report</p><h1>Trials</h1><section><h2>Results</h2>{TABLE}{PICTURE}'
    '<p>All numbers: <a href="estimates.csv">estimates.csv</a></p></section></body></html>'
)


def test_a_table_of_markdown_has_every_cell_in_one_line():
    assert "<br" not in flat(clean(PAGE, "md", ()))
    pytest.importorskip("pypandoc")
    text = re.sub(" +", " ", document(PAGE, "md", {"forest.svg": b""}).decode())
    assert "| REML (frequentist); confidence (Wald) | 0.49 \\[0.33, 0.73\\]; −0.71 |" in text
    assert "| Method | Mean as a ratio |" in text
    assert "| **Mean effect** | |" in text
    assert "*Figure 1. Forest plot of 2 studies.*" in text
    assert text.startswith("Meta-analysis report\n\n# Trials")  # no preamble of a web page
    assert "[TABLE]" not in text


def test_word_gets_one_title_widths_of_columns_a_page_and_whole_rows():
    pytest.importorskip("pypandoc")
    whole = document(PAGE, "docx", {})
    with ZipFile(BytesIO(whole)) as parts:
        text, styles = parts.read("word/document.xml").decode(), parts.read("word/styles.xml").decode()
    assert len(re.findall("Trials", text)) == 1
    first, second = (int(width) for width in re.findall(r'<w:gridCol w:w="(\d+)"', text))
    assert first > second  # as the words are longer
    assert text.count("<w:cantSplit/>") == text.count("<w:tr>") == 3
    assert 'w:w="11906"' in text
    assert re.search(r'w:styleId="Compact".*?<w:sz w:val="17"/>', styles, re.DOTALL)
    assert "estimates.csv</w:t></w:r></w:hyperlink>" not in text  # the file does not travel with the document


def test_latex_numbers_its_figures_itself_and_keeps_them_in_place():
    pytest.importorskip("pypandoc")
    text = document(PAGE, "latex", {"forest.pdf": b""}).decode()
    assert "\\caption{Forest plot of 2 studies.}" in text
    assert "\\floatplacement{figure}{H}" in text
    assert text.count("\\section{Results}") == 1
