"""Agreement of coders against published examples and the delta method."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from poolwise.coding import agreement
from poolwise.coding.agreement import intraclass_correlation, kappa
from poolwise.errors import InputError

SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def test_the_intraclass_correlation_is_shrout_and_fleiss():
    point, lower, upper = intraclass_correlation(SHROUT_FLEISS, 0.95)
    assert point == pytest.approx(0.29, abs=0.005)  # table 4, ICC(2,1)
    assert (lower, upper) == (pytest.approx(0.019, abs=0.002), pytest.approx(0.761, abs=0.002))


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_standard_error_of_kappa_is_the_delta_methods(power):
    table = np.array([[40.0, 6, 2], [5, 30, 7], [1, 4, 25]])
    apart = np.abs(np.subtract.outer(np.arange(3), np.arange(3))) / 2
    weight = np.eye(3) if power == 0 else 1 - apart**power
    point, lower, upper = kappa(table, weight, 0.95)
    n, steps = table.sum(), 1e-4 * np.eye(9).reshape(9, 3, 3)
    slope = np.array([(kappa(table + s, weight, 0.95)[0] - kappa(table - s, weight, 0.95)[0]) / 2e-4 for s in steps])
    cells = table.ravel()
    variance = slope @ (np.diag(cells) - np.outer(cells, cells) / n) @ slope
    assert (upper - lower) / 2 == pytest.approx(stats.norm.ppf(0.975) * np.sqrt(variance), rel=1e-6)
    assert lower < point < upper


def test_coders_are_compared_on_the_units_that_both_coded():
    first = pd.DataFrame({"id": [1, 2, 3, 4], "design": list("rrno"), "age": [20.0, 31, 44, 50]})
    second = pd.DataFrame({"id": [4, 3, 2, 9], "design": list("orrn"), "age": [50.0, 43, 31, 12]})
    found = agreement(first, second, key="id", kind={"age": "interval"}).set_index("field")
    assert found.loc["design", ["units", "apart"]].tolist() == [3, "3"]
    assert found.loc["design", "same"] == pytest.approx(2 / 3)
    assert found.loc["age", "point"] > 0.99


def test_one_code_alone_has_no_kappa_but_a_share():
    frame = pd.DataFrame({"id": [1, 2, 3], "design": ["rct"] * 3})
    found = agreement(frame, frame, key="id").iloc[0]
    assert np.isnan(found["point"])
    assert found["same"] == 1.0


def test_a_unit_twice_is_refused():
    frame = pd.DataFrame({"id": [1, 1, 3], "design": ["rct"] * 3})
    with pytest.raises(InputError, match="the first coder has 1 twice in 'id'"):
        agreement(frame, frame, key="id")
