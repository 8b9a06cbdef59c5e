"""Tables of the documentation that are made from the package itself, so that they are never out of date."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import poolwise as pw
from poolwise.bias import __all__ as bias_names
from poolwise.checks import __all__ as check_names
from poolwise.coding import __all__ as coding_names
from poolwise.evidence import __all__ as evidence_names
from poolwise.fit import ENGINES, pairs_table
from poolwise.measures import __all__ as measure_names
from poolwise.model import MODELS
from poolwise.plot import __all__ as plot_names
from poolwise.priors import FAMILIES
from poolwise.show import statement
from poolwise.simulate import __all__ as simulate_names

GROUPS = {
    "data": ("Study tables", "poolwise", ("Effects", "Scale", "read_csv", "design", "datasets.load")),
    "models": ("Models", "poolwise", ()),
    "engines": (
        "Engines and results",
        "poolwise",
        ("fit", "refit", "fit_batch", "ClosedForm", "Exact", "NUTS", "Result"),
    ),
    "tables": ("Tables and files", "poolwise", ("summary", "compare", "predict", "load_analysis", "run", "KeptFits")),
    "priors": ("Priors", "poolwise.priors", tuple(FAMILIES)),
    "checks": ("Checks", "poolwise.checks", tuple(check_names)),
    "bias": ("Publication bias", "poolwise.bias", tuple(bias_names)),
    "evidence": ("Evidence and averages", "poolwise.evidence", tuple(evidence_names)),
    "measures": ("Effect sizes", "poolwise.measures", tuple(measure_names)),
    "coding": ("Coding protocol", "poolwise.coding", tuple(coding_names)),
    "pictures": ("Pictures", "poolwise.plot", tuple(plot_names)),
    "simulate": ("Simulation", "poolwise.simulate", tuple(simulate_names)),
    "pymc": ("PyMC, in and out", "poolwise", ("pymc_model", "read_draws", "reconstruct")),
}


def models() -> tuple[type, ...]:
    """Every model of the package, the usual ones first."""
    named = [getattr(pw, name) for name in pw.__all__ if inspect.isclass(getattr(pw, name))]
    known = {type_ for type_ in named if hasattr(type_, "statement") and hasattr(type_, "structure")}
    return tuple(sorted(known, key=MODELS.index))


def first_line(thing: object) -> str:
    """The first sentence of a docstring, on one line."""
    doc = inspect.getdoc(thing) or ""
    return re.sub(r"\s+", " ", doc.partition("\n\n")[0]).strip()


def model_table() -> str:
    """A line for each model: what it states."""
    rows = [f"| `{model.__name__}` | {statement(first_line(model)).replace('|', '\\|')} |" for model in models()]
    return "\n".join(["| model | what it states |", "|---|---|", *rows])


def api_page(title: str, module: str, names: tuple[str, ...]) -> str:
    """A page of the reference: a table, and a page of its own for each name."""
    listed = "\n".join(f"   {module}.{name}" if module != "poolwise" else f"   {name}" for name in names)
    current = "" if module != "poolwise" else ".. currentmodule:: poolwise\n\n"
    options = "   :toctree: generated\n   :nosignatures:"
    return f"{title}\n{'=' * len(title)}\n\n{current}.. autosummary::\n{options}\n\n{listed}\n"


def write_tables(folder: Path) -> None:
    """Write what is made: the models page's tables, and the pages of the reference."""
    (folder / "_made").mkdir(exist_ok=True)
    (folder / "_made" / "models.md").write_text(model_table() + "\n", encoding="utf-8")
    engines = ", ".join(f"`{engine.__name__}`" for engine in ENGINES)
    pairs = f"What each is for, and which of {engines} answers it:\n\n{pairs_table()}\n"
    (folder / "_made" / "pairs.md").write_text(pairs, encoding="utf-8")
    for name, (title, module, listed) in GROUPS.items():
        names = listed or tuple(model.__name__ for model in models())
        (folder / "api" / f"{name}.rst").write_text(api_page(title, module, names), encoding="utf-8")
