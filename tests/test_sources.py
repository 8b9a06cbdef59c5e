"""Whatever computes statistics names its source, and every default says why it is what it is."""

import inspect
import re
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import poolwise as pw
from poolwise import bias, checks, evidence, model, priors, simulate

ENGINES = (pw.ClosedForm, pw.Exact, pw.NUTS)
MODELS = tuple(kind for kind in map(vars(model).get, model.__all__) if isinstance(kind, type) and is_dataclass(kind))
# Names that hold, read, draw or run what others compute.
NO_STATISTICS = {
    "poolwise": {
        "Effects", "KeptFits", "PoolwiseError", "PoolwiseWarning", "Result", "design", "load_analysis", "read_csv",
        "refit", "run",
    },
    "priors": {"make"},
}  # fmt: skip
PUBLIC = {"poolwise": pw, "bias": bias, "checks": checks, "evidence": evidence, "priors": priors, "simulate": simulate}
COMPUTES = {
    f"{room}.{name}": getattr(module, name)
    for room, module in PUBLIC.items()
    for name in module.__all__
    if callable(getattr(module, name)) and name not in NO_STATISTICS.get(room, ())
} | {f"model.{kind.__name__}": kind for kind in MODELS}
WITH_DEFAULTS = {
    name: thing
    for name, thing in COMPUTES.items()
    if (thing in MODELS + ENGINES or name.startswith("priors.") or inspect.isfunction(thing))
    and any(part.default is not part.empty for part in inspect.signature(thing).parameters.values())
}
YEAR = re.compile(r"(?<![:\w-])(?:18|19|20)\d\d\b")  # no first page, no part of a DOI
DOI = re.compile(r"\b10\.\d{4,5}/[^\s;,]+")


def section(thing: object, head: str) -> str:
    """The text of one section of a docstring; empty without it."""
    doc = inspect.getdoc(thing) or ""
    match = re.search(rf"^{head}\n-+\n(.*?)(?=^\S[^\n]*\n---|\Z)", doc, flags=re.MULTILINE | re.DOTALL)
    return match.group(1) if match else ""


@pytest.mark.parametrize("name", sorted(COMPUTES))
def test_whatever_computes_statistics_has_a_source_with_its_year(name):
    references = section(COMPUTES[name], "References")
    assert YEAR.search(references), f"{name} has no References with a paper"


@pytest.mark.parametrize("name", sorted(WITH_DEFAULTS))
def test_a_model_engine_prior_or_check_with_defaults_says_why_they_are_so(name):
    assert section(WITH_DEFAULTS[name], "Notes"), f"{name} has defaults and no Notes that say why"


def test_a_doi_goes_with_one_year_wherever_it_stands():
    years: dict[str, set[str]] = {}
    for path in Path(pw.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for doi in DOI.finditer(text):
            before = YEAR.findall(text[max(0, doi.start() - 400) : doi.start()])
            years.setdefault(doi.group().rstrip(".)\"'"), set()).update(before[-1:])
    assert len(years) > 80
    assert {doi: sorted(each) for doi, each in years.items() if len(each) > 1} == {}
