"""The regularised horseshoe is one joint prior on coefficients, and says where it may stand."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors

SHRUNK = priors.RegularizedHorseshoe(0.1, 0.5)


def test_it_stands_on_all_coefficients_but_the_intercept():
    model = pw.MetaRegression("~ ablat + year", beta=SHRUNK, tau=priors.HalfNormal(0.5))
    found = model.resolved(pw.datasets.load("bcg")).beta
    assert found == {"intercept": priors.Flat(), "ablat": SHRUNK, "year": SHRUNK}


def test_another_unit_of_the_effects_moves_both_scales():
    assert SHRUNK.scaled(2.0) == priors.RegularizedHorseshoe(0.2, 1.0)


def test_most_coefficients_are_shrunk_and_some_are_not():
    drawn = np.abs(SHRUNK.joint(10, (4000,), np.random.default_rng(1)))
    assert np.median(drawn) < 0.1
    assert 0.02 < (drawn > 0.5).mean() < 0.2


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: pw.RandomEffects(mu=SHRUNK), r"beta=RegularizedHorseshoe"),
        (lambda: pw.RandomEffects(tau=SHRUNK), r"on \[0, inf\)"),
        (lambda: priors.RegularizedHorseshoe(0.0, 0.5), "above 0"),
    ],
)
def test_it_is_refused_elsewhere(make, said):
    with pytest.raises(pw.PoolwiseError, match=said):
        make()


@pytest.mark.parametrize("beta", [{"intercept": SHRUNK}, {"ablat": SHRUNK, "year": SHRUNK.scaled(2.0)}])
@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_one_for_several_coefficients_and_none_on_the_intercept(beta):
    with pytest.raises(pw.PoolwiseError, match="none on the intercept"):
        pw.fit(pw.datasets.load("bcg"), pw.MetaRegression("~ ablat + year", beta=beta), pw.NUTS())


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
def test_the_exact_engine_refuses_it_with_words():
    with pytest.raises(pw.PoolwiseError, match=r"RegularizedHorseshoe\(0.1, 0.5, 4\) is not supported.*NUTS\(\)"):
        pw.fit(pw.datasets.load("bcg"), pw.MetaRegression("~ ablat", beta=SHRUNK), pw.Exact())
