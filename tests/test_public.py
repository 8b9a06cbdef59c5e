"""The public face: the names, and what an import costs."""

import subprocess
import sys

import pytest

import poolwise as pw

HEAVY = (
    "pymc", "pytensor", "arviz", "matplotlib", "scipy.stats", "nutpie", "xarray", "rich", "pydantic", "formulaic",
)  # fmt: skip


def test_the_names_are_these():
    assert sorted(pw.__all__, key=str.casefold) == sorted(
        [
            "average", "BinomialNormal", "PoissonNormal", "BayesFactor",
            "bayes_factor", "ClosedForm", "CommonEffect", "ContaminatedRandomEffects", "CorrelatedOutcomes",
            "CrossedEffects",
            "Effects", "Exact", "JointOutcomes", "LocationScale", "MetaRegression",
            "NUTS", "PEESE", "PET", "StepSelection", "WeightFunction",
            "SkewNormalRandomEffects", "StudentTRandomEffects",
            "Subgroups", "ThreeLevel", "PoolwiseError", "PoolwiseWarning",
            "RandomEffects", "Result", "Scale", "bias", "checks", "coding", "compare", "datasets", "design", "fit",
            "fit_batch", "KeptFits", "load_analysis", "measures", "plot", "predict", "priors", "pymc_model", "read_csv",
            "read_draws", "reconstruct", "refit", "run", "simulate", "summary",
        ],
        key=str.casefold,
    )  # fmt: skip


@pytest.mark.parametrize("name", pw.__all__)
def test_every_name_is_there_and_documented(name):
    assert getattr(pw, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        pw.fitt  # noqa: B018


FIT = "pw.fit(pw.datasets.load('bcg'), pw.RandomEffects(), pw.{}())['mu'].interval()"


@pytest.mark.parametrize("work", ["pass", FIT.format("Exact"), FIT.format("ClosedForm")])
def test_neither_the_import_nor_a_closed_form_or_exact_fit_loads_a_heavy_package(work):
    code = f"import sys, poolwise as pw; {work}; print([m for m in {HEAVY!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_submodules_do_not_hide_the_functions_of_the_same_name():
    code = (
        "import poolwise.reconstruct, poolwise.fit, poolwise as pw;"
        "from poolwise.reconstruct import Aggregate;"
        "assert callable(pw.reconstruct) and callable(pw.fit)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_objects_show_themselves_in_one_line_and_in_html():
    effects = pw.datasets.load("working_alliance").select(outcome="dropout")
    for engine in (pw.ClosedForm(), pw.Exact()):
        result = pw.fit(effects, pw.RandomEffects(), engine)
        assert len(repr(result)) < 200
        assert "reconstructed" in repr(result)
        page = result._repr_html_()
        assert "reconstructed" in page
        assert "θ_new" in page
        assert len(repr(result["mu"])) < 200
    assert "reconstructed" in effects._repr_html_()


def test_a_prior_panel_made_from_a_reconstruction_says_so_in_html():
    panel = pw.checks.prior_panel(pw.datasets.load("working_alliance").select(outcome="misconduct"))
    assert "reconstructed" in panel._repr_html_()
    assert "credible interval (equal-tailed)" in panel._repr_html_()
    assert len(repr(panel)) < 120
