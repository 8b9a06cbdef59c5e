"""Slopes of regressions and correlations of ranks as rows of a table: each on its own metric, or refused in words."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import poolwise as pw
from poolwise.errors import InputError
from poolwise.measures import associations

pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")


def effects(text, target, **words):
    return pw.Effects.from_statistics(pd.read_csv(io.StringIO(text), sep="|"), target=target, **words)


@pytest.mark.parametrize(
    ("text", "se"),
    [
        ("Study|b|SE\nA|.5|.2\nB|.3|.1", [0.2, 0.1]),
        ("Study|slope|t\nA|.5|2.5\nB|.3|3", [0.2, 0.1]),
        ("Study|Coefficient|SE B|p\nA|.5|.2|.01\nB|.3|.1|.02", [0.2, 0.1]),
        ("Study|b (95% CI)|n|predictors\nA|.5 [.1, .9]|30|2\nB|.3 [.1, .5]|40|1",
         [0.4 / stats.t.ppf(0.975, 27), 0.2 / stats.t.ppf(0.975, 38)]),
        ("Study|b|p|df\nA|.5|.02|40\nB|.3|.03|",
         [0.5 / stats.t.isf(0.01, 40), 0.3 / stats.norm.isf(0.015)]),
    ],
)  # fmt: skip
def test_a_slope_with_whatever_tells_its_error_is_an_effect_on_its_own_scale(text, se):
    own = effects(text, "SLOPE", sides=2)
    np.testing.assert_allclose(own.y, [0.5, 0.3])
    np.testing.assert_allclose(own.se, se, rtol=1e-12)
    assert own.scale.label == "regression slope"


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Study|logistic b|SE\nA|.5|.2\nB|.3|.1", "OR"),
        ("Study|b|SE|model\nA|.5|.2|logistic\nB|.3|.1|logistic regression", "OR"),
        ("Study|Cox b|SE\nA|.5|.2\nB|.3|.1", "HR"),
        ("Study|b|SE|Model\nA|.5|.2|Cox\nB|.3|.1|Cox regression", "HR"),
    ],
)
def test_slopes_of_logistic_and_cox_regressions_are_logs_of_ratios(text, target):
    own = effects(text, target)
    np.testing.assert_allclose([own.y, own.se], [[0.5, 0.3], [0.2, 0.1]])
    assert own.scale.name == f"log {target}"


def test_a_slope_of_nobody_knows_which_regression_is_refused_with_what_it_may_be():
    with pytest.raises(InputError, match=r"'log_or': 'b'.* of a logistic one.*target='SLOPE'"):
        effects("Study|b|SE\nA|.5|.2\nB|.3|.1", "OR")


def test_rows_with_several_predictors_or_a_column_that_says_so_are_adjusted():
    told = effects("Study|b|SE|predictors\nA|.5|.2|4\nB|.3|.1|1", "SLOPE")
    same = effects("Study|b|SE|Adjusted\nA|.5|.2|yes\nB|.3|.1|no", "SLOPE")
    named = effects("Study|b|SE|Covariates\nA|.5|.2|age, sex\nB|.3|.1|none", "SLOPE")
    for own in (told, same, named):
        assert own.moderators["adjusted"].tolist() == ["yes", "no"]
        assert own.explain("A").split("; y =")[0].endswith("adjusted for other variables")


def test_the_standardised_slope_of_an_only_predictor_is_the_correlation_in_data():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 60))
    slope = np.polyfit(x, x + y, 1)[0] * x.std() / (x + y).std()
    own = effects(f"Study|std beta|n|predictors\nA|{slope}|60|1\nB|.3|80|1", "COR")
    assert own.y[0] == pytest.approx(np.corrcoef(x, x + y)[0, 1], rel=1e-12)


def test_beside_other_predictors_it_is_imputed_by_a_rule_that_is_named_or_refused():
    text = "Study|std beta|n|predictors\nA|-.2|60|3\nB|.3|80|4"
    with pytest.raises(InputError, match=r"is no correlation.*'PCOR'.*rules=\['peterson-brown'\]"):
        effects(text, "ZCOR")
    own = effects(text, "COR", rules="peterson-brown")
    np.testing.assert_allclose(own.y, [0.98 * -0.2, 0.98 * 0.3 + 0.05], rtol=1e-12)
    assert "imputed (rule 'peterson-brown'" in own.explain("A")
    with pytest.raises(InputError, match="peterson-brown"):
        effects(text, "ZCOR", rules="peterson")


def test_degrees_of_freedom_in_the_brackets_of_r_tell_its_n():
    own = effects("Study|r\nA|r(78) = .31\nB|r(58) = .2, p = .03", "ZCOR")
    assert own.n.tolist() == [80, 60]
    assert "'r(78) = .31' as r = 0.31, n = 80" in " ".join(own.notes)
    column = effects("Study|r|df\nA|.31|78\nB|.2|58", "ZCOR")
    np.testing.assert_allclose(column.se, own.se)
    with pytest.raises(InputError, match=r"tells n = 90 .*another column 80"):
        effects("Study|r|n\nA|r(78) = .31|90\nB|.2|50", "ZCOR")


def test_correlations_of_ranks_have_their_own_errors():
    own = effects("Study|Result\nA|rs(58) = .2\nB|tau(N = 30) = .3\nC|r(58) = .2", "ZCOR")
    np.testing.assert_allclose(own.y, np.arctanh([0.2, 0.3, 0.2]))
    np.testing.assert_allclose(own.v, [(1 + 0.02) / 57, 0.437 / 26, 1 / 57], rtol=1e-12)
    assert "Spearman" in own.explain("A")
    assert "rules=['greiner']" in " ".join(own.notes)


def test_their_errors_are_those_of_simulated_samples():
    rng = np.random.default_rng(2)
    draws, n, r = 4000, 60, 0.5
    data = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], size=(draws, n))
    ranks = data.argsort(axis=1).argsort(axis=1).astype(float)
    ranks -= ranks.mean(axis=1, keepdims=True)
    rho = (ranks[..., 0] * ranks[..., 1]).sum(axis=1) / (ranks[..., 0] ** 2).sum(axis=1)
    tau = np.array([stats.kendalltau(*sample.T).statistic for sample in data[:1500]])
    expected = associations.fisher_z_of_spearman(spearman=r, n=n).v
    assert np.arctanh(rho).var() == pytest.approx(expected, rel=4 * np.sqrt(2 / draws))
    expected = associations.fisher_z_of_kendall(kendall=2 / np.pi * np.arcsin(r), n=n).v
    assert np.arctanh(tau).var() == pytest.approx(expected, rel=4 * np.sqrt(2 / 1500))


def test_greiner_makes_the_normal_correlation_of_a_tau():
    tau, n, step = 0.3, 50, 1e-6
    y, v = associations.fisher_z_of_greiner(kendall=tau, n=n)
    assert np.tanh(y) == pytest.approx(np.sin(np.pi * tau / 2))
    w = np.arctanh(tau) + step * np.array([-1, 1])
    slope = np.diff(np.arctanh(np.sin(np.pi * np.tanh(w) / 2)))[0] / (2 * step)
    assert v == pytest.approx(0.437 / (n - 4) * slope**2, rel=1e-7)


def test_columns_that_only_share_their_name_with_an_association_are_left_alone():
    own = effects("Study|r|n|tau|Coefficient\nA|.3|50|.1|Pearson\nB|.2|60|.1|Spearman", "ZCOR")
    assert own.explain("A").startswith("A (row 1): ZCOR from r = 0.3, n = 50; y =")
    spss = effects("Study|B|SE|Exp(B)\nA|.5|.2|1.65\nB|.3|.1|1.35", "OR")
    np.testing.assert_allclose(spss.y, np.log([1.65, 1.35]))
    beside = effects("Study|B|SE B|β\nA|.5|.2|.31\nB|.3|.1|.28", "SLOPE")
    assert beside.y.tolist() == [0.5, 0.3]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "Study|tau|n\nA|.3|50\nB|.2|80",
            r"Kendall's tau, .* was taken for one for 'A' \(row 1\), 'B' \(row 2\); rules=",
        ),
        ("Study|r|tau|n\nA|.3||50\nB||.2|80", r"was taken for one beside other statistics for 'B' \(row 2\); rules="),
    ],
)
def test_a_tau_that_was_taken_for_a_correlation_is_told_by_row(text, match):
    with pytest.warns(pw.errors.PoolwiseWarning, match=match):
        effects(text, "ZCOR")
    assert not any("was taken for one" in note for note in effects(text, "ZCOR", rules=["greiner"]).notes)
