"""What every method against publication bias refuses, and that no sentence claims too much."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import bias
from poolwise.errors import InputError, ModelError, PoolwiseWarning
from support.biased_studies import published, studies

METHODS = {
    "trim_and_fill": bias.trim_and_fill,
    "fail_safe_n": bias.fail_safe_n,
    "fail_safe_n, general": lambda effects: bias.fail_safe_n(effects, kind="general"),
    "excess_significance": bias.excess_significance,
    "henmi_copas": bias.henmi_copas,
    "limit_meta_analysis": bias.limit_meta_analysis,
    "p_uniform_star": lambda effects: bias.p_uniform_star(effects, direction="positive"),
    "worst_case": lambda effects: bias.worst_case(effects, direction="positive"),
    "s_value": lambda effects: bias.s_value(effects, direction="positive"),
}
CLUSTERED = {"worst_case", "s_value"}
ANY_SCALE = {"trim_and_fill", "henmi_copas", "limit_meta_analysis"}
Y, SE = [0.5, 0.1, 0.3, -0.2, 0.7, 0.4], [0.1, 0.2, 0.15, 0.3, 0.25, 0.2]
every = pytest.mark.parametrize("name", METHODS)


@every
def test_reconstructed_tables_are_refused(name):
    with pytest.raises(InputError, match="arbitrary by construction"):
        METHODS[name](studies(Y, SE, provenance="reconstructed"))


@every
def test_what_is_no_study_table_is_refused(name):
    for thing in (None, np.ones(3), "bcg"):
        with pytest.raises(ModelError, match="Expected: Effects"):
            METHODS[name](thing)


@every
def test_dependent_rows_are_refused_with_what_to_use_instead(name):
    columns = {"study": [f"row {i}" for i in range(6)], "study_as_given": [*"aabcde"]}
    effects = studies(Y, SE, **columns)
    if name in CLUSTERED:
        assert "clustered by study" in METHODS[name](effects).sentence
        return
    with pytest.raises(InputError, match=r"several effects of one study \(a\).*s_value"):
        METHODS[name](effects)
    with pytest.raises(InputError, match="correlated sampling errors"):
        METHODS[name](pw.Effects(Y, covariance=np.diag(np.square(SE)), study=[*"abcdef"]))


@every
@pytest.mark.filterwarnings("ignore:2 outcomes")  # which a fit says as well
def test_several_outcomes_in_one_pool_are_warned_of(name):
    with pytest.warns(PoolwiseWarning, match=r"pools 2 outcomes \(x, y\) as one"):
        METHODS[name](studies(Y, SE, outcome=[*"xxxyyy"]))


@every
def test_significance_is_asked_where_there_is_a_value_of_no_effect(name):
    effects = studies(Y, SE, scale="logit")
    if name in ANY_SCALE:
        assert str(METHODS[name](effects))
        return
    with pytest.raises(ModelError, match="no value of no effect"):
        METHODS[name](effects)


@pytest.mark.parametrize("method", [bias.p_uniform_star, bias.worst_case, bias.s_value])
def test_the_direction_has_no_default(method):
    for direction in (None, "up", 1):
        with pytest.raises(ModelError, match="one of positive, negative"):
            method(published("bcg"), direction=direction)


@pytest.mark.parametrize(
    "method", [bias.p_uniform_star, bias.pet_peese, bias.s_value, bias.vevea_woods, bias.worst_case]
)
def test_a_direction_that_is_not_said_is_asked_for(method):
    with pytest.raises(ModelError, match="no direction is given"):
        method(published("bcg"))


@every
def test_no_sentence_says_corrected_and_each_shows_itself(name):
    for table in ("bcg", "normand1999", "hackshaw1998"):
        answer = METHODS[name](published(table))
        assert "correct" not in str(answer)
        assert str(answer)[:40] in answer._repr_html_().replace("&#x27;", "'")
        assert repr(answer).startswith(f"<{type(answer).__name__}")
