"""The documentation: every example runs, every picture and how-to has its place, every public name its page."""

import contextlib
import io
import pathlib
import re
import sys
import warnings

import matplotlib as mpl
import pytest

import poolwise as pw

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in (*DOCS.glob("*.md"), *DOCS.glob("howto/*.md")) if "mystnb" in page.read_text("utf-8"))


def code(page):
    return re.findall(r"```\{code-cell\} python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_example_runs(page, monkeypatch):
    mpl.use("agg")
    from matplotlib import pyplot

    monkeypatch.chdir(page.parent)
    names = {}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        for cell in code(page):
            exec(compile(cell, page.name, "exec"), names)
            pyplot.close("all")


def test_every_picture_is_in_the_gallery():
    shown = set(re.findall(r"pw\.plot\.(\w+)\(", (DOCS / "pictures.md").read_text(encoding="utf-8")))
    drawn = {name for name in pw.plot.__all__ if not name.endswith(("_frame", "_caption"))}
    assert drawn - shown - {"close", "dark", "numeric_moderators"} == set()


def test_every_page_is_in_a_table_of_contents():
    listed = (DOCS / "index.md").read_text(encoding="utf-8") + (DOCS / "api" / "index.md").read_text(encoding="utf-8")
    assert all(f"howto/{page.stem}\n" in listed for page in DOCS.glob("howto/*.md"))


def test_every_public_name_has_a_page(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import tables

    sys.modules.pop("tables")
    named = {name.partition(".")[0] for _, _, names in tables.GROUPS.values() for name in names}
    named |= {model.__name__ for model in tables.models()}
    wings = {"bias", "checks", "coding", "measures", "plot", "priors", "simulate", "datasets"}
    assert set(pw.__all__) - named - wings - {"PoolwiseError", "PoolwiseWarning"} == set()
    assert all(f"| `{model.__name__}` |" in tables.model_table() for model in tables.models())
