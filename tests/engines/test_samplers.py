"""The samplers beside nutpie, the interrupt, and refits of a compiled model."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import poolwise as pw
from poolwise.engines.nuts import plans
from poolwise.errors import ModelError

BCG = pw.datasets.load("bcg")
MODEL = pw.RandomEffects()
MCSE = 4.0
"""Monte Carlo standard errors that a mean may be away from the exact one: 1 in 16,000 is beyond by chance."""
STATS = {
    "diverging", "energy", "lp", "tree_depth", "n_steps", "acceptance_rate", "step_size", "reached_max_treedepth",
}  # fmt: skip
needs_numpyro = pytest.mark.skipif(
    find_spec("numpyro") is None, reason="numpyro is an extra: pip install 'poolwise[numpyro]'"
)


@pytest.fixture(scope="module")
def by_pymc() -> pw.Result:
    return pw.fit(BCG, MODEL, pw.NUTS(sampler="pymc", draws=500, tune=500, chains=2))


def agrees(found: pw.Result) -> None:
    exact = pw.fit(BCG, MODEL, pw.Exact())
    for name in ("mu", "tau"):
        error = found.report.diagnostics[f"mcse_mean_{name}"]
        assert abs(found[name].law.mean - exact[name].law.mean) < MCSE * error


def test_pymc_agrees_with_exact_and_watches_the_same(by_pymc):
    agrees(by_pymc)
    assert by_pymc.label == "NUTS (pymc)"
    assert set(by_pymc.to_datatree()["sample_stats"].data_vars) == STATS
    assert set(by_pymc.report.versions) == {"poolwise", "pymc", "arviz", "numpy"}


def test_a_seed_gives_the_same_draws_by_pymc_whatever_cores(by_pymc):
    again = pw.fit(BCG, MODEL, pw.NUTS(sampler="pymc", draws=500, tune=500, chains=2, cores=1))
    for name in ("mu", "tau"):
        assert np.array_equal(again.native.parameters[name], by_pymc.native.parameters[name])


@needs_numpyro
def test_numpyro_agrees_with_exact_and_its_seed_gives_the_same_draws():
    engine = pw.NUTS(sampler="numpyro", draws=500, tune=500, chains=2)
    one, two = pw.fit(BCG, MODEL, engine), pw.fit(BCG, MODEL, engine)
    agrees(one)
    assert np.array_equal(one.native.parameters["mu"], two.native.parameters["mu"])
    assert set(one.to_datatree()["sample_stats"].data_vars) == STATS


@needs_numpyro
def test_numpyro_samples_terms_that_rows_share():
    effects, model = pw.datasets.load("bcg"), pw.ThreeLevel("alloc")
    engine = pw.NUTS(sampler="numpyro", draws=500, tune=500, chains=2)
    exact, result = pw.fit(effects, model, pw.Exact()), pw.fit(effects, model, engine)
    error = result.report.diagnostics["mcse_mean_mu"]
    assert result["mu"].mean == pytest.approx(exact["mu"].mean, abs=4 * error)


def test_a_sampler_that_is_none_or_not_installed_is_refused_before_any_fit():
    with pytest.raises(ModelError, match="one of nutpie, pymc, numpyro"):
        pw.NUTS(sampler="stan")  # type: ignore[arg-type]
    if find_spec("numpyro") is None:
        with pytest.raises(ModelError, match=r"pip install 'poolwise\[numpyro\]'"):
            pw.NUTS(sampler="numpyro")


def test_refit_is_the_same_fit_of_another_table_without_a_compilation():
    one = pw.fit(BCG, MODEL, pw.NUTS(draws=250, tune=500, seed=3))
    compiled = plans.compiled_models.cache_info().misses
    less = BCG.drop(study="TPT Madras 1980")
    again = pw.refit(one, less)
    assert plans.compiled_models.cache_info().misses == compiled
    assert again.engine == one.engine
    assert again.model == one.model
    assert np.array_equal(again.native.parameters["mu"], pw.fit(less, MODEL, one.engine).native.parameters["mu"])
    with pytest.raises(ModelError, match="refit was given Effects"):
        pw.refit(less, less)  # type: ignore[arg-type]


INTERRUPTED = """
import os, signal, sys, threading, warnings
import poolwise as pw

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it

sampler, draws, tune = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
bcg, model = pw.datasets.load("bcg"), pw.RandomEffects()
pw.fit(bcg, model, pw.NUTS(sampler=sampler, draws=4, tune=1, chains=1))  # compile first, so that sampling is hit
threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    result = pw.fit(bcg, model, pw.NUTS(sampler=sampler, draws=draws, tune=tune))
except KeyboardInterrupt as stopped:
    print("stopped", stopped)
else:
    sizes = result.to_datatree()["posterior"].sizes
    sentences = [one.sentence for one in result.report.findings if one.status == "interrupted"]
    print("kept", sizes["chain"] * sizes["draw"], *sentences, "failed" if result.report.failed else "usable")
"""


def interrupted(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout.strip() or done.stderr[-500:]


def test_an_interrupt_keeps_the_draws_so_far_and_says_so():
    said = interrupted("nutpie", 2_000_000, 300)
    kept = int(said.split()[1])
    assert kept >= 100
    assert f"Interrupted: {kept} of 8000000 draws kept" in said


def test_an_interrupt_before_the_draws_suffice_goes_on_and_says_why():
    assert interrupted("nutpie", 1000, 2_000_000).startswith("stopped interrupted with 0 draws in a chain after tuning")
