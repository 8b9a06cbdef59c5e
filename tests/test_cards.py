"""Cards of objects in a notebook: the answer on the reading scale, a table, a drawing that tells itself."""

from __future__ import annotations

import html
import re
import time

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import priors, reading, show
from poolwise.density_strip import svg


@pytest.fixture(scope="module")
def bcg():
    return pw.datasets.load("bcg")


@pytest.fixture(scope="module")
def exact(bcg):
    return pw.fit(bcg, pw.RandomEffects(), pw.Exact())


def test_the_card_of_a_result_says_the_ratio_and_the_side_in_words(exact):
    page = exact._repr_html_()
    ratio = np.exp(exact["mu"].point)
    assert f"Mean risk ratio {ratio:.2f} [" in page
    assert f"below 1 (“favours vaccination”) with probability {float(exact['mu'].cdf(0.0)):.3f}." in page
    assert "<th scope='col'" in page


def test_a_drawing_tells_its_result_and_takes_the_colours_of_its_page(exact):
    page = exact._repr_html_()
    told = re.findall(r"<svg role='img' aria-label='([^']+)'", page)
    assert told[0].startswith("Mean risk ratio 0.49 [0.33, 0.73], 95 % credible")
    assert "currentColor" in page
    assert "http" not in page
    assert min(float(size) for size in re.findall(r"font-size:(?:max\(90%, )?([\d.]+)px", page)) >= 10.0


def test_a_result_without_priors_has_no_density_and_no_probability(bcg):
    page = pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm())._repr_html_()
    assert "fill-opacity" not in page
    assert "P(below" not in page
    assert "confidence (Hartung-Knapp ad hoc)" in page


def test_a_card_takes_at_most_thirty_milliseconds_of_computing(exact):
    exact._repr_html_()
    spent = []
    for _ in range(3):
        start = time.process_time()
        exact._repr_html_()
        spent.append(time.process_time() - start)
    assert min(spent) < 0.03


def test_names_of_the_user_are_escaped_in_drawings_too():
    nasty = "<script>alert('x')</script> $x$"
    table = pw.Effects([0.1, 0.3, 0.2], se=[0.1] * 3, scale="SMD", title=nasty, directions=(nasty, nasty))
    page = pw.fit(table, pw.RandomEffects(), pw.Exact())._repr_html_()
    assert "<script" not in page
    assert "alert('" not in page


@pytest.mark.parametrize("family", sorted(priors.FAMILIES))
def test_every_prior_has_a_card(family):
    numbers = {"TruncatedNormal": (0.0, 1.0, -1.0, 2.0), "Uniform": (0.0, 2.0)}
    names = priors.FAMILIES[family].parameter_names()
    prior = priors.make(family, *numbers.get(family, (1.0,) * len(names))[: len(names)])
    page = prior._repr_html_()
    assert show.prior(str(prior)) in page
    assert ("<svg" in page) or any(word in page for word in ("improper", "variances", "Known", "joint"))


def test_a_model_shows_its_statement():
    page = pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5))._repr_html_()
    assert "~ Normal(θ_i, se_i)" in page
    assert "~ HalfNormal(0.5)" in page


@pytest.mark.parametrize("quantity", ["mu", "tau", "I2", "theta_new"])
def test_a_posterior_draws_itself(exact, quantity):
    page = exact[quantity]._repr_html_()
    assert "<svg" in page
    assert "nan" not in page


def test_an_average_draws_the_prior_by_the_share_of_models_that_have_it(bcg):
    mu, tau = priors.Normal(0, 2), priors.HalfNormal(1)
    average = pw.average(bcg, pw.RandomEffects(mu=mu, tau=tau))
    whole = reading.strip(bcg, "mu", average["mu"], mu)
    drawn = reading.strip(bcg, "mu", average["mu"], mu, share=0.5)
    np.testing.assert_allclose(drawn.prior, 0.5 * whole.prior)
    assert svg(drawn) in average._repr_html_()
    area = np.trapezoid(drawn.posterior, drawn.x)  # as the posterior without its point mass
    assert area == pytest.approx(
        1.0 - average.probabilities["common null"] - average.probabilities["random null"], abs=0.02
    )


def test_a_comparison_tells_each_result_and_gives_plain_frames(bcg, exact):
    table = pw.compare(exact, pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm()), exact)
    page = table._repr_html_()
    assert "Bayesian, exact (1): Mean risk ratio 0.49 [0.33, 0.73]" in page
    assert "REML, Hartung-Knapp ad hoc: Mean risk ratio 0.49 [" in page
    assert page.count("<svg") == 3
    assert type(table.query("quantity == 'mu'")) is type(table.round(2)) is pd.DataFrame


def test_the_posterior_of_a_result_is_told_on_the_reading_scale_with_its_prior(exact):
    page = exact["mu"]._repr_html_()
    assert "Posterior of μ" in page
    assert "Mean risk ratio 0.49 [0.33, 0.73]" in page
    assert "μ, dashed: its prior" in page
    assert "above 0" not in exact["I2"]._repr_html_()  # which no one doubts


@pytest.mark.parametrize(
    "check",
    [
        lambda bcg, exact: pw.checks.prior_predictive(exact),
        lambda bcg, exact: pw.checks.posterior_predictive(exact),
        lambda bcg, exact: pw.checks.prior_surface(bcg, mu_sd=[1, 2], tau_scale=[0.5, 1]),
        lambda bcg, exact: pw.checks.power_scaling(bcg),
        lambda bcg, exact: pw.checks.loo(exact),
    ],
)
def test_a_check_has_a_card_that_begins_with_its_sentence(bcg, exact, check):
    made = check(bcg, exact)
    page = made._repr_html_()
    told, table = page.split("<table")
    assert show.greek(made.sentence) in html.unescape(told)
    assert "e-1" not in table


def test_no_check_is_without_a_card():
    without = [name for name in pw.checks.__all__ if isinstance(getattr(pw.checks, name), type)
               and not hasattr(getattr(pw.checks, name), "_repr_html_")]  # fmt: skip
    assert without == []
