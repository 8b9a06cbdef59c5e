from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import chdtri

from poolwise.closed_form.least_squares import prepare
from poolwise.closed_form.tau2 import ESTIMATORS, estimate_tau2
from support.matrices import problem, projection
from support.metafor import figures

MATRIX = 1e-10  # estimates subtract quantities that the oracle's matrices know to 12 digits
METAFOR = 1e-8


def by_matrices(name: str, explicit):
    """(tau2, se) by k x k matrices, negative values cut at 0."""
    y, X, k = explicit.y, explicit.X, len(explicit.y)
    df, V = k - X.shape[1], np.diag(explicit.v)

    def moments(W):
        P = projection(W, X)
        value = max((y @ P @ y - np.trace(P @ V)) / np.trace(P), 0.0)
        S = V + value * np.eye(k)
        return value, np.sqrt(2 * np.trace(P @ S @ P @ S)) / np.trace(P)

    def hunter_schmidt(factor):
        value = max((factor * explicit.q - k) / np.trace(explicit.W), 0.0)
        PS = explicit.P @ (V + value * np.eye(k))
        return value, factor * np.sqrt(2 * np.trace(PS @ PS)) / np.trace(explicit.W)

    def sidik_jonkman():
        first = replace(explicit, tau2=float(np.mean((y - y.mean()) ** 2)))
        value = first.tau2 * first.q / df
        PS = first.P @ (V + value * np.eye(k))
        return value, first.tau2 / df * np.sqrt(2 * np.trace(PS @ PS))

    def iterated(step, tau2=0.0):
        for _ in range(2000):
            tau2 = max(step(tau2), 0.0)
        return tau2

    def root(target):
        def q(tau2):
            return replace(explicit, tau2=tau2).q - target

        value = brentq(q, 0.0, 1e3, xtol=1e-15, rtol=1e-14) if q(0.0) > 0 else 0.0
        return value, np.sqrt(2 * k**2 / df) / np.trace(replace(explicit, tau2=value).W)

    return {
        "DL": lambda: moments(explicit.W),
        "HE": lambda: moments(np.eye(k)),
        "HS": lambda: hunter_schmidt(1.0),
        "HSk": lambda: hunter_schmidt(k / df),
        "SJ": sidik_jonkman,
        "PM": lambda: root(df),
        "EB": lambda: root(df),
        "DLIT": lambda: (iterated(lambda tau2: moments(replace(explicit, tau2=tau2).W)[0]), root(df)[1]),
        "SJIT": lambda: (iterated(lambda tau2: tau2 * replace(explicit, tau2=tau2).q / df, 1.0), root(df)[1]),
        "PMM": lambda: root(chdtri(df, 0.5)),
    }[name]()


@pytest.mark.parametrize("name", sorted(set(ESTIMATORS) - {"ML", "REML"}))
@pytest.mark.parametrize(("seed", "p"), [(0, 1), (1, 1), (2, 2), (3, 2)])
def test_estimates_are_those_of_matrix_algebra(name, seed, p):
    explicit = problem(seed, k=12, p=p)
    ours = estimate_tau2(prepare(explicit.y, explicit.v, explicit.X), name)
    value, se = by_matrices(name, explicit)
    assert ours.value[0] == pytest.approx(value, rel=MATRIX, abs=1e-13)
    assert ours.se[0] == pytest.approx(se, rel=MATRIX)


@pytest.mark.parametrize("dataset", ["bcg", "raudenbush1985"])
@pytest.mark.parametrize("name", ["DL", "HE", "SJ", "ML", "REML", "PM"])
def test_metaregression_agrees_with_metafor(dataset, name):
    reference = figures(dataset)
    theirs = reference["regression"]["fits"][name]
    X = np.column_stack([np.ones(reference["k"]), reference["regression"]["x"]])
    ours = estimate_tau2(prepare(reference["y"], reference["v"], X), name)
    assert ours.value[0] == pytest.approx(theirs["tau2"], rel=METAFOR, abs=1e-12)
    assert ours.se[0] == pytest.approx(theirs["se_tau2"], rel=METAFOR)


def test_a_number_is_no_estimate():
    given_value = estimate_tau2(prepare([0.1, 0.2, 0.4], [0.1, 0.1, 0.2]), 0.25)
    assert given_value.value[0] == 0.25
    assert np.isnan(given_value.se[0])
    assert not given_value.estimated


@st.composite
def tables(draw):
    """Study tables whose effects, variances and size are those of meta-analyses."""
    k = draw(st.integers(3, 12))
    y = draw(st.lists(st.integers(-3000, 3000), min_size=k, max_size=k))
    v = draw(st.lists(st.integers(1, 2000), min_size=k, max_size=k))
    return np.array(y) / 1000.0, np.array(v) / 1000.0


# tau2 near its boundary 0 is a difference of sums: exact to rounding of the sums, not of the difference
LAW = {"rel": 1e-9, "abs": 1e-11}
EVERY = pytest.mark.parametrize("name", list(ESTIMATORS))


@EVERY
@given(table=tables(), shift=st.sampled_from([-1.0, 0.5, 64.0]))
def test_a_shift_of_all_effects_leaves_tau2(name, table, shift):
    y, v = table
    home, away = (estimate_tau2(prepare(effects, v), name).value[0] for effects in (y, y + shift))
    assert away == pytest.approx(home, **LAW)


@EVERY
@given(table=tables(), scale=st.sampled_from([1e-8, 1e-3, 10.0, 1e8]))
def test_tau2_scales_with_the_square_of_the_unit(name, table, scale):
    y, v = table
    home = estimate_tau2(prepare(y, v), name)
    away = estimate_tau2(prepare(y * scale, v * scale**2), name)
    assert away.value[0] / scale**2 == pytest.approx(home.value[0], **LAW)
    assert away.se[0] / scale**2 == pytest.approx(home.se[0], **LAW)


@EVERY
@given(table=tables(), seed=st.integers(0, 99))
def test_the_order_of_the_studies_does_not_matter(name, table, seed):
    y, v = table
    order = np.random.default_rng(seed).permutation(len(y))
    home, away = (estimate_tau2(prepare(y[i], v[i]), name).value[0] for i in (slice(None), order))
    assert away == pytest.approx(home, **LAW)


@EVERY
def test_effects_that_are_all_equal_have_no_heterogeneity(name):
    found = estimate_tau2(prepare(np.full(5, 1e6 + 0.1), [0.1, 0.2, 0.3, 0.1, 0.2]), name)
    # SJ starts at the variance of y, which is the rounding of 1e6, squared
    assert found.value[0] == pytest.approx(0.0, abs=1e-18)


@pytest.mark.parametrize("offset", [0.0, 1e6])
@EVERY
def test_an_offset_of_a_million_leaves_what_the_inputs_allow(name, offset):
    explicit = problem(8, k=15)
    y = np.round(explicit.y * 2**20) / 2**20  # y + 1e6 is exact
    home, away = (estimate_tau2(prepare(effects, explicit.v), name).value[0] for effects in (y, y + offset))
    assert away == pytest.approx(home, rel=1e-10)
