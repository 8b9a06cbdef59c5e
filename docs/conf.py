"""How the documentation is built: `make docs`, without a network, from docstrings, these pages and the notebooks."""

from __future__ import annotations

import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from tables import write_tables  # noqa: E402, beside this file

project, author = "poolwise", "The poolwise developers"
release = metadata.version("poolwise")
copyright = author

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_design",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "poolwise"
html_static_path = ["_static"]
html_css_files = ["poolwise.css"]
html_show_sourcelink = False
html_copy_source = False
templates_path = ["_templates"]

# Pages of Markdown are run while the site is built; notebooks show the outputs that are stored in them.
nb_execution_mode = "auto"
nb_execution_excludepatterns = ["notebooks/*"]
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove"  # warnings name the file of a kernel; what they say stands in the text
nb_ipywidgets_js = {}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings tell shapes and scales, which types do not
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
suppress_warnings = ["myst.xref_missing", "mystnb.unknown_mime_type"]

_ROOT = HERE.parent
_DOI = re.compile(r"(?<![\w/])(10\.\d{4,9}/[^\s,;`\"<>]+[^\s,;.`\"<>)])")


_LITERAL = re.compile(r"(``.+?``)")
_MARKS = re.compile(r"(?<!\\)\||(?<=\w)_(?=\W|$)|\*(?=\w|\[|\*)")


def _plain(_app: object, _what: str, _name: str, _of: object, _options: object, lines: list[str]) -> None:
    """Formulas in docstrings are text, whatever reStructuredText makes of bars and stars; a DOI is a link."""
    for at, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...", ".. ", ":")):
            continue
        parts = _LITERAL.split(line)
        parts[::2] = [_DOI.sub(_link, _MARKS.sub(lambda found: "\\" + found[0], part)) for part in parts[::2]]
        lines[at] = "".join(parts)


def _link(found: re.Match[str]) -> str:
    if found.string[found.end() : found.end() + 1] == "<":  # one of the old ones that hold brackets
        return found[0]
    return f"`{found[1]} <https://doi.org/{found[1]}>`__"


def _copies() -> None:
    """Notebooks, the changelog and pages of figures, which live elsewhere."""
    folder = HERE / "notebooks"
    folder.mkdir(exist_ok=True)
    for path in sorted((_ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(path, folder / path.name)
    write_tables(HERE)


_copies()  # before the pages of the reference are looked for


def setup(app: object) -> None:
    """Hook into the build."""
    app.connect("autodoc-process-docstring", _plain, priority=100)  # type: ignore[attr-defined]
