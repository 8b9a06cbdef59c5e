"""fit_batch on meta-regressions: the same as one by one, and errors that name rows."""

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.errors import InputError, ModelError

SAME = 1e-9  # half-widths; a batch stops refining at TOLERANCE of exact_batch
MODEL = pw.MetaRegression(
    ["dose"], beta={"intercept": priors.Normal(0, 1), "dose": priors.Normal(0, 0.5)}, tau=priors.HalfNormal(0.5)
)


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(8)
    y, se = rng.normal(0.3, 0.4, (5, 7)), rng.uniform(0.1, 0.5, (5, 7))
    dose = rng.normal(2.0, 1.0, (5, 7))
    y[1, 5:] = se[1, 5:] = np.nan
    return y, se, dose


@pytest.mark.parametrize(
    "model", [MODEL, pw.MetaRegression(["dose"], tau=priors.HalfCauchy(0.5))], ids=["normal", "flat"]
)
def test_a_batch_says_what_single_fits_say(tables, model):
    y, se, dose = tables
    batch = pw.fit_batch(y, se, model, pw.Exact(), moderators={"dose": dose})
    for i in range(len(y)):
        there = ~np.isnan(y[i])
        effects = pw.Effects(y[i, there], se=se[i, there], moderators=pd.DataFrame({"dose": dose[i, there]}))
        alone = pw.fit(effects, model, pw.Exact())
        for name in ("intercept", "dose"):
            lower, upper = alone[f"beta[{name}]"].interval()
            row = batch.sel(coefficient=name).isel(dataset=i)
            half = 0.5 * (upper - lower)
            found = [float(row[key]) for key in ("beta", "beta_lower", "beta_upper")]
            np.testing.assert_allclose(found, [alone[f"beta[{name}]"].point, lower, upper], atol=SAME * half)
        assert float(batch["tau_upper"][i]) == pytest.approx(alone["tau"].interval()[1], rel=SAME)


def test_one_table_of_moderators_serves_all(tables):
    y, se, dose = tables
    both = [
        pw.fit_batch(y, se, MODEL, pw.Exact(), moderators={"dose": given})["beta"]
        for given in (dose[0], np.tile(dose[0], (5, 1)))
    ]
    np.testing.assert_allclose(*both, rtol=1e-12)


def test_what_is_wrong_is_said_by_row(tables):
    y, se, dose = tables
    with pytest.raises(InputError, match="no values for the moderator 'dose'"):
        pw.fit_batch(y, se, MODEL, pw.Exact())
    constant = dose.copy()
    constant[3] = 1.0
    with pytest.raises(InputError, match=r"row\(s\) 4 the moderators"):
        pw.fit_batch(y, se, MODEL, pw.Exact(), moderators={"dose": constant})
    with pytest.raises(ModelError, match="needs a study table"):
        pw.fit_batch(
            y, se, pw.MetaRegression("~ dose", tau=priors.HalfNormal(1)), pw.Exact(), moderators={"dose": dose}
        )
    with pytest.raises(ModelError, match="moderators are given"):
        pw.fit_batch(y, se, pw.CommonEffect(), pw.ClosedForm(), moderators={"dose": dose})
