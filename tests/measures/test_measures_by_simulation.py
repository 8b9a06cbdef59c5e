"""Variances of codes on whose sampling model authors differ: the delta method by numbers, and simulated samples."""

import numpy as np
import pytest
from scipy import stats

from poolwise.measures import effect_size

DRAWS = 200_000
SECOND_ORDER = {"SMDH": 3 / 98, "SMD1H": 3 / 59, "CVR": 3 / 98, "SMCRH": 3 / 49, "ROM": 0.0, "ROMC": 0.0}
"""What the delta method drops, relative to the variance: terms of the order of 1 / df of its standard deviation."""
GROUPS = {"n1": 40, "m1": 12.0, "sd1": 3.0, "n2": 60, "m2": 10.0, "sd2": 2.0}
PAIRS = {"n": 50, "m1": 12.0, "m2": 10.0, "sd1": 3.0, "sd2": 2.5, "r": 0.6}
STEP = 1e-5


def gradient(function, at):
    """Central differences."""
    steps = STEP * np.maximum(np.abs(at), 1.0) * np.eye(len(at))
    return np.array([(function(at + h) - function(at - h)) / (2 * np.abs(h).sum()) for h in steps])


def delta(function, at, covariance):
    slope = gradient(function, np.array(at, dtype=float))
    return slope @ covariance @ slope


def means_and_variances(n1, sd1, n2, sd2, *, less):
    """Covariance of (m1, m2, s1^2, s2^2) of normal samples; `less` is what is taken from n, as authors differ."""
    size1, size2 = n1 - less, n2 - less
    return np.diag([sd1**2 / size1, sd2**2 / size2, 2 * sd1**4 / (n1 - 1), 2 * sd2**4 / (n2 - 1)])


def of_pairs(n, sd1, sd2, r, *, less=0):
    """Covariance of (m1, m2, s1^2, s2^2) of pairs of normal variables."""
    c = r * sd1 * sd2
    covariance = np.zeros((4, 4))
    covariance[:2, :2] = np.array([[sd1**2, c], [c, sd2**2]]) / (n - less)
    covariance[2:, 2:] = 2 * np.array([[sd1**4, c**2], [c**2, sd2**4]]) / (n - 1)
    return covariance


TWO = {
    "SMDH": (lambda x: (x[0] - x[1]) / np.sqrt((x[2] + x[3]) / 2), 1),
    "SMD1H": (lambda x: (x[0] - x[1]) / np.sqrt(x[3]), 1),
    "ROM": (lambda x: np.log(x[0] / x[1]), 0),
    "CVR": (lambda x: np.log(np.sqrt(x[2]) / x[0]) - np.log(np.sqrt(x[3]) / x[1]), 0),
}


@pytest.mark.parametrize("code", TWO)
def test_two_groups_have_the_variance_of_the_delta_method(code):
    function, less = TWO[code]
    covariance = means_and_variances(*(GROUPS[name] for name in ("n1", "sd1", "n2", "sd2")), less=less)
    at = [GROUPS["m1"], GROUPS["m2"], GROUPS["sd1"] ** 2, GROUPS["sd2"] ** 2]
    own = effect_size(code, **GROUPS, correct=False)
    assert own.y == pytest.approx(function(np.array(at)), rel=1e-12)
    assert own.v == pytest.approx(delta(function, at, covariance), rel=1e-8)


@pytest.mark.parametrize(
    ("code", "function", "less"),
    [("SMCRH", lambda x: (x[0] - x[1]) / np.sqrt(x[2]), 1), ("ROMC", lambda x: np.log(x[0] / x[1]), 0)],
)
def test_pairs_have_the_variance_of_the_delta_method(code, function, less):
    covariance = of_pairs(PAIRS["n"], PAIRS["sd1"], PAIRS["sd2"], PAIRS["r"], less=less)
    at = [PAIRS["m1"], PAIRS["m2"], PAIRS["sd1"] ** 2, PAIRS["sd2"] ** 2]
    own = effect_size(code, **PAIRS, correct=False)
    assert own.y == pytest.approx(function(np.array(at)), rel=1e-12)
    assert own.v == pytest.approx(delta(function, at, covariance), rel=1e-8)


def superiority(x):
    return stats.norm.cdf((x[0] - x[1]) / np.sqrt(x[2] + x[3]))


@pytest.mark.parametrize(("code", "known"), [("CLESN", GROUPS), ("CLESCN", PAIRS)])
def test_superiority_has_the_variance_of_the_delta_method(code, known):
    if code == "CLESN":
        covariance = means_and_variances(*(GROUPS[name] for name in ("n1", "sd1", "n2", "sd2")), less=1)
    else:
        covariance = of_pairs(PAIRS["n"], PAIRS["sd1"], PAIRS["sd2"], PAIRS["r"], less=1)
    at = [known["m1"], known["m2"], known["sd1"] ** 2, known["sd2"] ** 2]
    own = effect_size(code, **known)
    assert own.y == pytest.approx(superiority(np.array(at)), rel=1e-12)
    assert own.v == pytest.approx(delta(superiority, at, covariance), rel=1e-8)


def simulated_groups(rng):
    found = {"n1": GROUPS["n1"], "n2": GROUPS["n2"]}
    for group in "12":
        n, m, sd = (GROUPS[f"{name}{group}"] for name in ("n", "m", "sd"))
        found[f"m{group}"] = m + sd / np.sqrt(n) * rng.normal(size=DRAWS)
        found[f"sd{group}"] = sd * np.sqrt(rng.chisquare(n - 1, size=DRAWS) / (n - 1))
    return found


def simulated_pairs(rng):
    n, m1, m2, sd1, sd2, r = (PAIRS[name] for name in ("n", "m1", "m2", "sd1", "sd2", "r"))
    root = np.linalg.cholesky([[sd1**2, r * sd1 * sd2], [r * sd1 * sd2, sd2**2]])
    means = np.array([m1, m2]) + rng.normal(size=(DRAWS, 2)) @ root.T / np.sqrt(n)
    low = np.zeros((DRAWS, 2, 2))  # Bartlett's decomposition of a Wishart matrix
    low[:, 0, 0], low[:, 1, 1] = (np.sqrt(rng.chisquare(n - 1 - place, size=DRAWS)) for place in (0, 1))
    low[:, 1, 0] = rng.normal(size=DRAWS)
    factor = root @ low
    s = factor @ factor.transpose(0, 2, 1) / (n - 1)
    sds = np.sqrt(s[:, 0, 0]), np.sqrt(s[:, 1, 1])
    return {
        "n": n,
        "m1": means[:, 0],
        "m2": means[:, 1],
        "sd1": sds[0],
        "sd2": sds[1],
        "r": s[:, 0, 1] / (sds[0] * sds[1]),
    }


def truth(code):
    known = PAIRS if code in ("SMCRH", "ROMC") else GROUPS
    return float(effect_size(code, **known, correct=False).y)


@pytest.mark.oracle_long
@pytest.mark.parametrize("code", ["SMDH", "SMD1H", "ROM", "CVR", "SMCRH", "ROMC"])
def test_the_mean_variance_is_that_of_simulated_samples_and_bias_is_gone(code):
    rng = np.random.default_rng(20)
    samples = simulated_pairs(rng) if code in ("SMCRH", "ROMC") else simulated_groups(rng)
    own = effect_size(code, **samples)
    error = np.sqrt(2 / DRAWS)  # relative, of a variance of nearly normal draws
    assert own.v.mean() / own.y.var() == pytest.approx(1.0, abs=4 * error + SECOND_ORDER[code])
    assert own.y.mean() == pytest.approx(truth(code), abs=4 * own.y.std() / np.sqrt(DRAWS) + 0.003 * own.y.std())


@pytest.mark.oracle_long
def test_partial_correlations_have_one_over_n_less_m_less_two():
    rng = np.random.default_rng(21)
    n, m, draws = 30, 4, DRAWS
    rho = 0.4
    # a partial correlation with m - 1 variables held constant has the law of a correlation of n - m + 1 people
    size = n - (m - 1)
    x, e = rng.normal(size=(2, draws, size))
    y = rho * x + np.sqrt(1 - rho**2) * e
    x, y = (part - part.mean(axis=1, keepdims=True) for part in (x, y))
    r = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    t = r * np.sqrt((n - m - 1) / (1 - r**2))
    own = effect_size("ZPCOR", t=t, n=n, predictors=m)
    np.testing.assert_allclose(own.y, np.arctanh(r), rtol=1e-10)
    assert own.v[0] == pytest.approx(own.y.var(), rel=4 * np.sqrt(2 / draws) + 0.01)
