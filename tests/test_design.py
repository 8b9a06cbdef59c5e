"""The design matrix: what stands in it, under which names, and that both ways of asking agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from poolwise import datasets
from poolwise.design import Design, design
from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, PoolwiseWarning

K = 8
MODERATORS = pd.DataFrame(
    {
        "dose": [1.0, 2.5, 3.0, 4.5, 5.0, 6.5, 7.0, 9.0],
        "setting": ["open", "closed", "open", "closed", "ward", "ward", "open", "closed"],
        "phase": pd.Categorical(list("31213213"), categories=["9", "3", "2", "1"]),
        "random": [True, False, True, True, False, False, True, False],
        "arms": pd.array([2, 3, 2, 4, 2, 3, 3, 2], dtype="Int64"),
        "my column": np.arange(8.0),
    }
)
X = {name: MODERATORS[name].to_numpy() for name in MODERATORS}


def table(moderators: pd.DataFrame = MODERATORS) -> Effects:
    k = len(moderators)
    rng = np.random.default_rng(3)
    return Effects(
        rng.normal(0.3, 0.1, k),
        se=rng.uniform(0.1, 0.3, k),
        study=[f"S{i}" for i in range(k)],
        n=20 * np.arange(1, 1 + k),
        moderators=moderators,
        scale="SMD",
    )


def assert_columns(made: Design, expected: dict[str, object]) -> None:
    assert made.names == tuple(expected)
    np.testing.assert_array_equal(made.X, np.column_stack([np.broadcast_to(x, K) for x in expected.values()]))


def test_numbers_stand_as_they_are():
    assert_columns(design(table(), ["dose"]), {"intercept": 1.0, "dose": X["dose"]})


def test_words_are_compared_with_their_first_level():
    expected = {
        "intercept": 1.0,
        "setting[open]": X["setting"] == "open",
        "setting[ward]": X["setting"] == "ward",
    }
    assert_columns(design(table(), ["setting"]), expected)


def test_categories_keep_their_order_and_lose_empty_levels():
    expected = {
        "intercept": 1.0,
        "phase[2]": MODERATORS["phase"] == "2",
        "phase[1]": MODERATORS["phase"] == "1",
    }
    assert_columns(design(table(), ["phase"]), expected)


def test_truth_values_are_0_and_1():
    assert_columns(design(table(), ["random"]), {"intercept": 1.0, "random": X["random"]})


def test_nothing_asked_for_is_the_intercept():
    assert_columns(design(table(), []), {"intercept": 1.0})
    assert_columns(design(table(), "~ 1"), {"intercept": 1.0})


def test_se_and_n_can_be_moderators():
    effects = table()
    made = design(effects, ["se", "n"])
    np.testing.assert_array_equal(made.X[:, 1:], np.column_stack([effects.se, effects.n]))


@pytest.mark.parametrize(
    "names",
    [["dose"], ["setting"], ["dose", "setting"], ["random", "arms"], ["phase", "dose"], ["arms", "n"]],
)
def test_a_formula_and_a_list_make_the_same_matrix(names):
    by_list, by_formula = design(table(), names), design(table(), "~ " + " + ".join(names))
    by_formulaic = design(table(), "~ 1 + " + " + ".join(names))  # more than a sum of columns
    assert by_list.names == by_formula.names == by_formulaic.names
    assert by_list.formula == by_formula.formula
    assert by_formula.spec is None
    assert by_formulaic.spec is not None
    np.testing.assert_array_equal(by_list.X, by_formula.X)
    np.testing.assert_array_equal(by_list.X, by_formulaic.X)


def test_formulas_transform_and_multiply():
    made = design(table(), "~ np.log(dose) + I(arms - 2) + dose:random")
    expected = {
        "intercept": 1.0,
        "np.log(dose)": np.log(X["dose"]),
        "I(arms - 2)": MODERATORS["arms"].astype(float) - 2,
        "dose:random": X["dose"] * X["random"],
    }
    assert_columns(made, expected)
    np.testing.assert_allclose(design(table(), "~ center(dose)").X[:, 1], X["dose"] - X["dose"].mean(), atol=1e-15)


def test_a_formula_without_intercept_has_a_mean_for_each_level():
    made = design(table(), "~ 0 + setting")
    assert made.names == ("setting[closed]", "setting[open]", "setting[ward]")
    np.testing.assert_array_equal(made.X.sum(axis=1), np.ones(K))


def test_names_with_blanks_are_quoted_in_formulas():
    assert design(table(), "~ `my column`").names == ("intercept", "my column")
    assert design(table(), ["my column"]).names == ("intercept", "my column")


def test_the_bcg_latitudes():
    effects = datasets.load("bcg")
    made = design(effects, "~ ablat")
    np.testing.assert_array_equal(made.X[:, 1], effects.moderators["ablat"])
    assert (made.p, made.X.shape, made.notes) == (2, (13, 2), ())


def test_the_matrix_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        design(table(), ["dose"]).X[0, 0] = 2.0


def test_a_year_warns_until_it_is_centred():
    years = pd.DataFrame({"year": [1990, 1995, 2000, 2001, 2005, 2010, 2012, 2015]})
    with pytest.warns(PoolwiseWarning, match="'year' lies far from 0"):
        design(table(years), "~ year")
    assert design(table(years), "~ I(year - 2000)").notes == ()


def test_a_chain_of_aliases_names_every_column_and_its_sources():
    a, b = np.array([1.0, 2, 4, 3, 6, 5, 8, 9]), np.array([2.0, 1, 1, 5, 3, 2, 2, 4])
    frame = pd.DataFrame({"a": a, "b": b, "c": 2 * a - b + 3, "d": 5 * b})
    with pytest.warns(PoolwiseWarning, match="'c' by 'a' and 'b'; 'd' by 'b'"):
        effects = table(frame)
    with pytest.raises(InputError) as error:
        design(effects, ["a", "b", "c", "d"])
    assert "'c' is determined by 'a' and 'b'" in str(error.value)
    assert "'d' is determined by 'b'" in str(error.value)


def test_small_differences_far_from_zero_are_not_aliases():
    frame = pd.DataFrame({"a": 1e6 + np.arange(8.0), "b": 1e6 + np.array([0.0, 1, 3, 2, 4, 6, 5, 7])})
    with pytest.warns(PoolwiseWarning, match="lies far from 0"):
        assert design(table(frame), ["a", "b"]).p == 3


def test_as_many_coefficients_as_studies_name_the_aliases_too():
    frame = pd.DataFrame({"level": list("abcdefgg"), "copy": list("abcdefgg")})
    with pytest.raises(InputError, match=r"13 coefficients .* for 8 studies; determined by the others: copy") as error:
        design(table(frame), ["level", "copy"])
    assert "fewer coefficients than studies" in str(error.value)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("dose", "'~ dose' or"),
        ("y ~ dose", "left-hand side"),
        ("~ dose | setting", "more than one side"),
        ("~ dose +", "cannot be read"),
        ("~ log(dose - 1)", "infinite or missing values in log"),
        ("~ log(dose - 2)", "cannot be evaluated"),
        ("~ (dose", "cannot be read"),
        ("~ dose.nothing", "no moderator 'dose.nothing'"),
    ],
)
def test_formulas_that_mean_nothing_stop(formula, words):
    with pytest.raises((ModelError, InputError), match=words), np.errstate(all="ignore"):
        design(table(), formula)


def test_code_in_a_formula_finds_no_names():
    with pytest.raises(ModelError, match="calls '__import__', which formulas do not have"):
        design(table(), "~ I(__import__('os').getpid())")


@pytest.mark.parametrize("name", ["y", "Dose", "dosage"])
def test_unknown_moderators_stop(name):
    with pytest.raises(InputError, match=f"no moderator '{name}'"):
        design(table(), [name])


def test_a_moderator_named_twice_stops():
    with pytest.raises(ModelError, match="dose are named more than once"):
        design(table(), ["dose", "dose"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, np.inf, 2, 3, 4, 5, 6, 7], "infinite for 'S1' \\(row 2\\)"),
        (pd.date_range("2001", periods=8), "holds dates"),
    ],
)
@pytest.mark.filterwarnings("ignore:the moderator 'm' is infinite")
def test_moderators_that_are_no_numbers_or_words_stop(values, words):
    with pytest.raises(InputError, match=words):
        design(table(pd.DataFrame({"m": values})), ["m"])


def test_a_part_of_a_table_has_its_own_levels():
    part = table().select(where={"setting": ["open", "closed"]})
    assert design(part, ["setting"]).names == ("intercept", "setting[open]")
    assert design(part, "~ setting").names == ("intercept", "setting[open]")


def test_a_formula_without_a_finite_value_stops_without_a_word_of_numpy():
    odd = table(pd.DataFrame({"m": np.arange(8.0)}))
    with pytest.raises(InputError, match=r"'~ log\(m\)' makes infinite or missing values in log\(m\)"):
        design(odd, "~ log(m)")
    sound = design(table(pd.DataFrame({"m": np.arange(1.0, 9.0)})), "~ log(m)")
    with pytest.raises(InputError, match=r"infinite or missing values in log\(m\)"):
        sound.at({"m": [0.0, 1.0]})


def test_rows_of_a_part_are_counted_as_they_were_handed_in():
    moderators = pd.DataFrame({"m": [1.0, 2, 3, 4, 5, np.nan, 7, 8]})
    with pytest.warns(PoolwiseWarning, match=r"'m' is missing for 'S5' \(row 6\)"):
        whole = table(moderators)
    part = whole.drop(study=["S0", "S1"])
    assert part.order == (2, 3, 4, 5, 6, 7)
    assert any("'S5' (row 6)" in note for note in part.notes)
    with pytest.raises(InputError, match=r"missing for 'S5' \(row 6\)"):
        design(part, ["m"])


def test_an_interaction_is_named_after_its_parts():
    bcg = datasets.load("bcg")
    words = design(bcg, "~ ablat * alloc")
    with pytest.warns(PoolwiseWarning, match="far from 0"):
        numbers = design(bcg, "~ ablat * year")
    assert words.names[-2:] == ("ablat:alloc[random]", "ablat:alloc[systematic]")
    assert numbers.names == ("intercept", "ablat", "year", "ablat:year")
    np.testing.assert_allclose(numbers.X[:, 3], bcg.moderators["ablat"] * bcg.moderators["year"])


NO_DESIGNS = {
    "the name of the intercept": ("~ intercept", "two coefficients would be called 'intercept'"),
    "the name of a level": (["g", "g[b]"], r"two coefficients would be called 'g\[b\]'"),
    "a quotient": ("~ 1/dose", r"'1/dose' in the formula.*no arithmetic.*I\(1/dose\)"),
    "a square": ("~ dose + dose^2", r"I\(dose\*\*2\)"),
    "a function of R": ("~ sqrt(dose)", r"calls 'sqrt'.*np\.sqrt"),
    "beyond the arithmetic": (["huge"], "'huge' is beyond the range of the arithmetic"),
    "all but constant": (["far"], r"centring it, since it hardly differs from its mean: far - 1000000000000002"),
    "nothing": ("", "'~ dose' or"),
}


@pytest.mark.parametrize("case", NO_DESIGNS)
def test_what_would_be_another_design_than_meant_is_refused(case):
    moderators, words = NO_DESIGNS[case]
    numbers = [1.0, 2.0, 3.0, 4.0, 6.0]
    columns = {"intercept": numbers, "dose": numbers, "g": list("ababa"), "g[b]": numbers}
    columns |= {"huge": [1e308, -1e308, 1e308, 0.0, 1.0], "far": [1e15 + x - 1.0 for x in numbers]}
    effects = Effects([0.2, 0.5, 0.3, 0.1, 0.4], se=[0.1] * 5, study=list("abcde"), moderators=columns)
    with pytest.raises((InputError, ModelError), match=words):
        design(effects, moderators)


def test_arithmetic_within_functions_and_crossed_terms_are_as_they_were():
    effects = Effects(
        [0.2, 0.5, 0.3, 0.1, 0.4],
        se=[0.1] * 5,
        study=list("abcde"),
        moderators={"x": [1, 2, 3, 4, 6], "z": [1, 0, 2, 0, 1]},
    )
    assert design(effects, "~ x + I(x ** 2)").names == ("intercept", "x", "I(x ** 2)")
    assert design(effects, "~ (x + z)**2").names == ("intercept", "x", "z", "x:z")
    assert design(effects, "~ I(1/x)").p == 2
