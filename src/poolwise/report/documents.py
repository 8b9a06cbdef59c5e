"""A report as a document: Word, Markdown or LaTeX, made by pandoc from the page itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from html import escape, unescape
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from poolwise.errors import AnalysisError, listing, nearest
from poolwise.report import latex, word
from poolwise.report.document_tables import flat, with_widths

type Form = Literal["docx", "md", "latex"]

FORMS: dict[str, str] = {"docx": "report.docx", "md": "report.md", "latex": "report.tex"}
"""Every form of document, with the name of its file."""
PREFERRED: dict[str, tuple[str, ...]] = {"docx": ("png", "svg"), "md": ("svg", "png"), "latex": ("pdf", "png")}
"""Which files of a picture a form shows, the better one first: Word and LaTeX draw no SVG by themselves."""
_TO = {"docx": "docx", "md": "gfm-raw_html", "latex": "latex"}
_FIGURE = re.compile(r"<figure>(.*?)</figure>", re.DOTALL)
_SVG = re.compile(r'<svg role="img" aria-label="([^"]*)"')
_FILE = re.compile(r'<a href="([^"]+)\.(?:svg|png|pdf)">')
_FIRST = re.compile(r"(?:.*?\.(?= [A-Z]|$))|.*", re.DOTALL)  # sentence
_ASIDE = re.compile(r'(?<=[^>\s]) <span class="soft">(.*?)</span>')  # words beside others, in softer type on the page
_GROUP = re.compile(r'(<th scope="rowgroup"[^>]*>)(.*?)</th>', re.DOTALL)
_TITLE = re.compile(r'<p class="eyebrow">.*?</p>|<h1\b.*?</h1>', re.DOTALL)
_OWN_FILE = re.compile(r'<a href="[\w.-]+">(.*?)</a>')  # which lies beside the page, and not beside a document


def check_forms(forms: object) -> tuple[str, ...]:
    """The forms of document, each once, in their own order.

    Raises
    ------
    AnalysisError
        When one is unknown.
    """
    if isinstance(forms, str) or not isinstance(forms, Collection):
        raise AnalysisError(f"formats is {forms!r}", f"some of {listing(FORMS)}", "formats=('docx',)")
    for form in forms:
        if form not in FORMS:
            raise AnalysisError(
                f"the format {form!r} is unknown", f"some of {listing(FORMS)}", nearest(str(form), FORMS)
            )
    return tuple(form for form in FORMS if form in forms)


def pandoc() -> Callable[..., str]:
    """The converter; loaded when the first document is made.

    Raises
    ------
    AnalysisError
        When it is not installed; the message names the extra.
    """
    try:
        import pypandoc
    except ImportError:
        raise AnalysisError(
            "documents are made by pandoc, which is not installed",
            "the extra 'documents'",
            "pip install 'poolwise[documents]'",
        ) from None
    convert: Callable[..., str] = pypandoc.convert_text
    return convert


def document(page: str, form: str, pictures: Mapping[str, bytes]) -> bytes:
    """A page as a document.

    Headings are headings, tables are tables, every picture is a file with the text alternative that it has on the page,
    numbered, with what it is as its caption; what is folded there is open; style, anchors and links to the files of
    pictures are left out. The title of the page is that of the document; in Markdown it is the first heading.

    Parameters
    ----------
    page : str
        The HTML of a report.
    form : {"docx", "md", "latex"}
        What to make.
    pictures : mapping of str to bytes
        The files of the pictures, by name. A document of Word holds them, the others name them: they are to lie beside.

    Returns
    -------
    bytes
        The whole file.

    Raises
    ------
    AnalysisError
        When pandoc is not installed.
    """
    convert = pandoc()
    html = clean(page, form, pictures)
    options = ["--wrap=none", "--quiet"]  # that a picture of lines has no copy in dots is no trouble
    if form == "md":
        return convert(flat(html), _TO[form], format="html", extra_args=options).encode()
    options += ["--standalone", "--shift-heading-level-by=-1"]
    with TemporaryDirectory() as folder:
        if form == "latex":
            preamble = Path(folder) / "header.tex"
            preamble.write_text(latex.header(), encoding="utf-8")
            options += [f"--include-in-header={preamble}", *latex.OPTIONS]
            return convert(with_widths(html), _TO[form], format="html", extra_args=options).encode()
        for name, whole in pictures.items():
            (Path(folder) / name).write_bytes(whole)
        target, html = Path(folder) / FORMS[form], word.with_sizes(with_widths(html, every=True), pictures)
        convert(html, "docx", format="html", outputfile=str(target), extra_args=[*options, f"--resource-path={folder}"])
        return word.dressed(target.read_bytes())


def clean(page: str, form: str, pictures: Collection[str]) -> str:
    """The page without style and script, with files for its drawings and nothing folded: what pandoc reads.

    Parameters
    ----------
    page : str
        The HTML of a report.
    form : {"docx", "md", "latex"}
        For which form.
    pictures : collection of str
        Names of the files of pictures that there are.
    """
    html = re.sub(r"<style>.*?</style>|<meta name=[^>]*>", "", page, flags=re.DOTALL)
    numbers = count(1)
    html = _FIGURE.sub(lambda found: _image(found[1], form, pictures, numbers), html)
    html = re.sub(r'<details class="more"><summary>.*?</summary>(.*?)</details>', r"\1", html, flags=re.DOTALL)
    html = re.sub(r"<summary>(.*?)<span>.*?</span></summary>", r"\1", html, flags=re.DOTALL)
    html = _GROUP.sub(r"\1<b>\2</b></th>", _ASIDE.sub(r" (\1)", html))
    html = re.sub(r"</?(?:details|section|header|main|footer|div)\b[^>]*>", "", html)
    if form != "md":
        html = _TITLE.sub("", html)
        html = _OWN_FILE.sub(r"\1", html)
    return re.sub(r"</?span\b[^>]*>", "", html)


def _image(figure: str, form: str, pictures: Collection[str], numbers: Iterator[int]) -> str:
    """The picture as an image of the best of its files with its caption, or its text alternative without a file."""
    label, stem = _SVG.search(figure), _FILE.search(figure)
    words = unescape(label[1]) if label else ""
    names = [] if stem is None else [f"{stem[1]}.{ending}" for ending in PREFERRED[form]]
    found = next((name for name in names if name in pictures), None)
    if found is None:
        return f"<p><em>{escape(words)}</em></p>"
    caption = f"Figure {next(numbers)}. {escape(_FIRST.match(words)[0])}"  # type: ignore[index]
    image = f'<img src="{escape(found)}" alt="{escape(words)}" style="width:100%">'
    if form == "md":
        return f"<p>{image}</p><p><em>{caption}</em></p>"
    if form == "latex":  # which counts figures itself
        caption = caption.partition(". ")[2]
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
