"""S-value and worst case against closed forms and against clustered errors with the matrices written out."""

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import fractional_matrix_power

from poolwise.bias import s_value, worst_case
from poolwise.bias.selection_ratio import Weighted
from poolwise.closed_form.cluster_robust import robust_fit
from poolwise.closed_form.least_squares import prepare
from poolwise.closed_form.tau2 import estimate_tau2
from poolwise.errors import InputError
from support.biased_studies import SETS, published, studies, turned

CUT = stats.norm.isf(0.025)
DEPENDENT = studies(
    [0.5, 0.42, 0.3, -0.2, 0.7, 0.05, 0.33, 0.1], [0.1, 0.2, 0.15, 0.3, 0.25, 0.2, 0.11, 0.4],
    study=["a (1)", "a (2)", "b", "c (1)", "c (2)", "c (3)", "d", "e"], study_as_given=[*"aabcccde"],
)  # fmt: skip


def clustered(effects, eta, sign=1.0):
    """Mean, standard error (CR2, independent estimates as the working model) and Satterthwaite's degrees of freedom."""
    y, k = sign * effects.y, effects.k
    variance = effects.v + estimate_tau2(prepare(effects.y, effects.v), "REML").value[0]
    w = np.where(y / effects.se >= CUT, 1.0, eta) / variance
    V, X, M = np.diag(variance), np.ones((k, 1)), 1 / w.sum()
    R = np.eye(k) - X @ (w[None, :] * M)
    mean = M * w @ y
    columns = []
    for study in dict.fromkeys(effects.study_as_given):
        rows = np.flatnonzero(np.array(effects.study_as_given) == study)
        D = np.sqrt(V[np.ix_(rows, rows)])
        A = D @ fractional_matrix_power(D @ (R @ V @ R.T)[np.ix_(rows, rows)] @ D, -0.5) @ D
        columns.append(M * R[rows].T @ A @ w[rows])
    P = np.column_stack(columns)
    G = P.T @ V @ P
    return mean, np.sqrt(((P.T @ y) ** 2).sum()), np.trace(G) ** 2 / (G**2).sum()


@pytest.mark.parametrize(("effects", "sign"), [(published("bcg"), -1.0), (DEPENDENT, 1.0)])
def test_the_curve_has_clustered_limits(effects, sign):
    answer = s_value(effects, direction="positive" if sign > 0 else "negative")
    for row in answer.curve.iloc[[0, 20, 60]].itertuples():
        mean, se, df = clustered(effects, row.eta, sign)
        reach = stats.t.isf(0.025, df) * se
        ends = np.sort(sign * np.array([mean - reach, mean + reach]))
        np.testing.assert_allclose([row.mu, row.lower, row.upper], [sign * mean, *ends], rtol=1e-9)


def test_without_selection_it_is_the_cluster_robust_mean_of_least_squares():
    effects = DEPENDENT
    tau2 = estimate_tau2(prepare(effects.y, effects.v), "REML").value[0]
    names = np.array(effects.study_as_given)
    rows = [np.flatnonzero(names == name) for name in dict.fromkeys(names)]
    fit = robust_fit(effects.y, np.ones((effects.k, 1)), rows, [np.diag(effects.v[r] + tau2) for r in rows])
    observed, one = s_value(effects, direction="positive").observed, np.ones(1)
    found = (observed.point, observed.sd, observed.df)
    np.testing.assert_allclose(found, (fit.beta[0], fit.sd(one), fit.df(one)), rtol=1e-10)


def test_clustered_variances_are_unbiased_under_the_working_model():
    effects = published("bcg")
    variance = effects.v + estimate_tau2(prepare(effects.y, effects.v), "REML").value[0]
    w = 1 / variance
    draws = np.random.default_rng(1).normal(size=(4000, effects.k)) * np.sqrt(variance)
    row = Weighted(draws[0], variance, np.zeros(effects.k, bool), np.arange(effects.k), True)
    squares = [Weighted(y, row.variance, row.affirmative, row.cluster, True).at(1.0)[1] ** 2 for y in draws]
    expected = (w**2 * variance).sum() / w.sum() ** 2
    assert np.mean(squares) == pytest.approx(expected, abs=4 * np.std(squares) / np.sqrt(len(draws)))


@pytest.mark.parametrize("model", ["random", "common"])
@pytest.mark.parametrize("name", ["bcg", "hackshaw1998", "li2007", "raudenbush1985"])
def test_at_the_s_value_the_mean_or_its_limit_is_the_threshold(name, model):
    effects = published(name)
    direction = "positive" if effects.y.mean() > 0 else "negative"
    sign, threshold = (1.0, 0.01) if effects.y.mean() > 0 else (-1.0, -0.01)
    answer = s_value(effects, direction=direction, threshold=threshold, model=model)
    tau2 = estimate_tau2(prepare(effects.y, effects.v), "REML").value[0] if model == "random" else 0.0
    significant = sign * effects.y / effects.se >= CUT
    w = np.where(significant, 1.0, answer.point) / (effects.v + tau2)
    if 1.0 < answer.point < np.inf:
        assert np.average(effects.y, weights=w) == pytest.approx(threshold, abs=1e-10)
    if 1.0 < answer.limit < np.inf and model == "common":
        w = np.where(significant, 1.0, answer.limit) / effects.v
        reach = stats.norm.isf(0.025) * np.sqrt((w**2 * effects.v).sum()) / w.sum()
        assert sign * np.average(effects.y, weights=w) - reach == pytest.approx(sign * threshold, abs=1e-10)
    if 1.0 < answer.limit < np.inf and model == "random":
        mean, se, df = clustered(effects, answer.limit, sign)
        assert mean - stats.t.isf(0.025, df) * se == pytest.approx(sign * threshold, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in SETS if name != "mcdaniel1994"])
def test_the_worst_case_is_where_the_curve_leads(name):
    effects = published(name)
    worst = worst_case(effects, direction="positive", model="common")
    others = effects.y / effects.se < CUT
    assert (worst.nonaffirmative, worst.affirmative) == (others.sum(), (~others).sum())
    assert worst.mean.point == pytest.approx(np.average(effects.y[others], weights=1 / effects.v[others]), rel=1e-12)
    np.testing.assert_array_equal(worst.effects.y, effects.y[others])


def test_what_no_selection_reaches_is_said_in_words():
    answer = s_value(published("bcg"), direction="negative")
    assert answer.point == np.inf
    assert "no selection for significance, however strong, would move μ to 0" in str(answer)
    assert 1.0 < answer.limit < np.inf


def test_a_mean_on_the_other_side_needs_no_selection():
    answer = s_value(published("bcg"), direction="positive")
    assert (answer.point, answer.limit) == (1.0, 1.0)
    assert "even without selection" in str(answer)


def test_mirrored_studies_have_the_same_s_values_and_a_mirrored_curve():
    answer = s_value(DEPENDENT, direction="positive", threshold=0.1)
    mirrored = studies(-DEPENDENT.y, DEPENDENT.se, study=DEPENDENT.study, study_as_given=DEPENDENT.study_as_given)
    other = s_value(mirrored, direction="negative", threshold=-0.1)
    assert (other.point, other.limit) == (answer.point, answer.limit)
    np.testing.assert_array_equal(other.curve["lower"], -answer.curve["upper"])


@pytest.mark.parametrize("unit", [1e6, 1e-6])
def test_the_unit_does_not_matter(unit):
    effects = published("hackshaw1998")
    answer = s_value(effects, direction="positive", threshold=0.05)
    other = s_value(turned(effects, unit), direction="positive", threshold=0.05 * unit)
    assert (other.point, other.limit) == pytest.approx((answer.point, answer.limit), rel=1e-8)


def test_one_other_estimate_has_no_interval_of_its_own():
    worst = worst_case(studies([0.5, 0.6, 0.1], [0.1, 0.1, 0.2]), direction="positive")
    assert np.isnan(worst.mean.interval(0.95)).all()
    assert "no interval" in str(worst)


def test_one_other_estimate_among_many_has_one_degree_of_freedom_however_large_the_ratio():
    y = [0.417, 0.377, 1.138, 0.457, 0.649, 0.790, 0.736, 0.354, 0.826, 0.592]
    se = [0.103, 0.186, 0.324, 0.118, 0.100, 0.209, 0.121, 0.111, 0.206, 0.309]
    row = Weighted(np.array(y), np.square(se), np.arange(10) < 9, np.arange(10), True)
    assert [row.at(eta)[2] for eta in (1e4, 1e6, 1e9)] == pytest.approx([1.0] * 3, abs=1e-6)
    assert row.limits(1e6, 0.95)[1] == pytest.approx(row.limits(1e9, 0.95)[1], rel=1e-3)
    assert s_value(studies(y, se), direction="positive").limit == np.inf


def test_estimates_that_agree_are_shown_with_walds_interval():
    worst = worst_case(studies([0.3] * 4, [0.2, 0.25, 0.3, 0.4]), direction="positive")
    assert "Wald" in str(worst)


def test_where_every_estimate_is_affirmative_nothing_can_be_said():
    for method in (s_value, worst_case):
        with pytest.raises(InputError, match="every estimate is significant"):
            method(studies([0.5, 0.6, 0.4], [0.1, 0.1, 0.2]), direction="positive")


def test_dependent_rows_are_refused_under_a_common_effect_alone():
    with pytest.raises(InputError, match=r"several effects of one study \(a, c\).*model='random'"):
        s_value(DEPENDENT, direction="positive", model="common")
