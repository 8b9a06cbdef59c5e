"""Checks of a posterior tell a closed-form result, and what is no result, what they need."""

import pytest

import poolwise as pw

ASKED = {
    "prior_predictive": pw.checks.prior_predictive,
    "diagnose": pw.checks.diagnose,
    "posterior_predictive": pw.checks.posterior_predictive,
    "loo": pw.checks.loo,
    "power_scaling": pw.checks.power_scaling,
    "plot.ranks": pw.plot.ranks,
    "plot.trace": pw.plot.trace,
}


@pytest.mark.parametrize("name", ASKED)
def test_a_closed_form_has_no_posterior_to_check(name):
    fit = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm())
    with pytest.raises(pw.PoolwiseError, match=f"{name} asks about a posterior.*closed-form.*pw.Exact"):
        ASKED[name](fit)


@pytest.mark.parametrize("name", ASKED)
def test_what_is_no_result_is_named(name):
    with pytest.raises(pw.PoolwiseError, match=f"{name} was given (str|'bcg')"):
        ASKED[name]("bcg")
