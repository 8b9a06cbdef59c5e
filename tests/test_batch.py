"""fit_batch: each row is what fit would say of it alone."""

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.errors import InputError, ModelError
from support.tables import table

MODEL = pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5))
# the batch stops refining earlier (Legendre tails of 1e-9 instead of 1e-10), which leaves about 1e-12 half-widths
BATCH = 1e-9
UNFLOORED = pw.ClosedForm(interval="hartung-knapp")


def padded(*names):
    tables = [table(name) for name in names]
    width = max(effects.k for effects in tables)
    y, se = np.full((2, len(tables), width), np.nan)
    for row, effects in enumerate(tables):
        y[row, : effects.k], se[row, : effects.k] = effects.y, effects.se
    return tables, y, se


@pytest.mark.parametrize("mu", [priors.Normal(0, 1), priors.Flat()], ids=str)
@pytest.mark.parametrize(
    "tau",
    [priors.HalfNormal(0.5), priors.HalfCauchy(0.5), priors.LogNormal(-1, 0.9), priors.LogT(5, -1.7, 1.3)],
    ids=str,
)
def test_exact_rows_are_single_fits(mu, tau):
    tables, y, se = padded("bcg", "misconduct", "eight_schools", "raudenbush1985", "recidivism")
    model = pw.RandomEffects(mu=mu, tau=tau)
    batch = pw.fit_batch(y, se, model, pw.Exact(), prob=0.9, theta_new=True)
    for row, effects in enumerate(tables):
        single = pw.fit(effects, model, pw.Exact())
        here = batch.isel(dataset=row)
        for name in ("mu", "tau", "theta_new"):
            lower, upper = single[name].interval(0.9)
            unit = upper - lower
            assert float(here[name]) == pytest.approx(single[name].point, abs=BATCH * unit)
            assert float(here[f"{name}_lower"]) == pytest.approx(lower, abs=BATCH * unit)
            assert float(here[f"{name}_upper"]) == pytest.approx(upper, abs=BATCH * unit)
            np.testing.assert_allclose(here[f"{name}_sd"], single[name].sd, rtol=1e-6)
        if mu.proper:
            assert float(here["log_evidence"]) == pytest.approx(single.log_evidence, abs=1e-8)
        else:
            assert np.isnan(here["log_evidence"])


def test_a_row_without_moments_leaves_the_others_alone():
    y, se = np.array([[0.1, 0.7, 0.4], [0.4, np.nan, np.nan]]), np.array([[0.1, 0.2, 0.3], [0.2, np.nan, np.nan]])
    model = pw.RandomEffects(mu=priors.Flat(), tau=priors.HalfCauchy(0.3))
    both, alone = (pw.fit_batch(y[:n], se[:n], model, pw.Exact(), theta_new=True).isel(dataset=0) for n in (2, 1))
    assert both.equals(alone)


def test_an_improper_row_is_named_by_its_place_among_all():
    y, se = np.tile([0.1, 0.7, 0.4], (1100, 1)), np.tile([0.1, 0.2, 0.3], (1100, 1))
    y[1050, 2] = se[1050, 2] = np.nan
    with pytest.raises(ModelError, match="row 1051 with k = 2"):
        pw.fit_batch(y, se, pw.RandomEffects(mu=priors.Flat(), tau=priors.Flat()), pw.Exact())


@pytest.mark.filterwarnings("ignore:in . of . tables:poolwise.errors.PoolwiseWarning")
def test_rounding_in_one_row_does_not_judge_another():
    y = np.array([[1.0, 1.0 + 1e-15, 1.0 - 1e-15], [0.3, 0.3, 0.3]])
    se = np.array([[1e-7] * 3, [0.1] * 3])
    both, alone = (pw.fit_batch(y[:n], se[:n], pw.RandomEffects(), UNFLOORED)["mu_sd"] for n in (2, 1))
    assert float(both[0]) == float(alone[0])
    assert float(both[1]) == 0.0


def test_the_default_interval_is_never_narrower_than_walds():
    rng = np.random.default_rng(20)
    k = rng.integers(2, 12, size=(10_000, 1))
    y = np.where(
        np.arange(12) < k, rng.normal(size=(10_000, 12)) * rng.choice([0.0, 0.01, 0.1, 1.0], size=k.shape), np.nan
    )
    se = np.where(np.isnan(y), np.nan, np.exp(rng.normal(-1.0, 1.0, size=y.shape)))
    default, wald, z = (
        pw.fit_batch(y, se, pw.RandomEffects(), pw.ClosedForm(interval=interval, prediction=prediction))
        for interval, prediction in ((None, "t"), ("wald", "t"), (None, "z"))
    )
    assert (default["mu_upper"] - default["mu_lower"] > wald["mu_upper"] - wald["mu_lower"]).all()
    for batch in (default, z):
        reach = batch["theta_new_upper"] - batch["mu_upper"]
        assert (reach.values[k[:, 0] > 2] >= -1e-12 * batch["mu_sd"].values[k[:, 0] > 2]).all()


def test_a_batch_of_narrow_intervals_names_the_narrowest():
    y, se = [[0.1, 0.9, 0.4], [0.3, 0.31, 0.29]], [[0.2] * 3] * 2
    with pytest.warns(pw.PoolwiseWarning, match=r"in 1 of 2 tables \(row\(s\) 2\).*Wald \[0.074, 0.526\]"):
        pw.fit_batch(y, se, pw.RandomEffects(), UNFLOORED)


def test_a_known_tau_is_asked_for_once():
    with pytest.raises(ModelError, match="disagree"):
        pw.fit_batch([[0.1, 0.2]], [[0.1, 0.1]], pw.RandomEffects(tau_fixed=0.5), pw.ClosedForm(tau2=0.1))


@pytest.mark.parametrize("model", [None, pw.RandomEffects, [MODEL, 3]])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(ModelError, match="was given the model"):
        pw.fit_batch([[0.1, 0.2]], [[0.1, 0.1]], model, pw.Exact())


def test_models_may_come_from_an_iterator():
    models = [pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(s)) for s in (0.1, 1.0)]
    y, se = [[0.1, 0.4, 0.2]], [[0.1, 0.2, 0.1]]
    assert pw.fit_batch(y, se, iter(models), pw.Exact()).equals(pw.fit_batch(y, se, models, pw.Exact()))


def test_many_priors_on_one_table():
    effects = table("misconduct")
    models = [pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(s)) for s in (0.1, 0.5, 2.0)]
    batch = pw.fit_batch(effects.y, effects.se, models, pw.Exact())
    for row, model in enumerate(models):
        assert float(batch["mu_lower"][row]) == pytest.approx(
            pw.fit(effects, model, pw.Exact())["mu"].interval(0.95)[0], abs=1e-9
        )


def test_chunks_do_not_show():
    rng = np.random.default_rng(2)
    se = rng.uniform(0.1, 0.5, (5000, 3))
    y = rng.normal(0.2, se)
    whole = pw.fit_batch(y, se, MODEL, pw.Exact())
    part = pw.fit_batch(y[4090:4110], se[4090:4110], MODEL, pw.Exact())
    np.testing.assert_allclose(whole["mu"][4090:4110], part["mu"], rtol=1e-9)


@pytest.mark.parametrize("tau2", ["REML", "DL", "PM"])
def test_closed_form_rows_are_single_fits(tau2):
    tables, y, se = padded("bcg", "misconduct", "raudenbush1985")
    engine = pw.ClosedForm(tau2=tau2)
    batch = pw.fit_batch(y, se, pw.RandomEffects(), engine)
    for row, effects in enumerate(tables):
        single = pw.fit(effects, pw.RandomEffects(), engine)
        lower, upper = single["mu"].interval(0.95)
        assert float(batch["mu_lower"][row]) == pytest.approx(lower, rel=1e-9)
        assert float(batch["mu_upper"][row]) == pytest.approx(upper, rel=1e-9)
        assert float(batch["tau2"][row]) == pytest.approx(single["tau2"].point, rel=1e-8, abs=1e-15)
        assert float(batch["I2"][row]) == pytest.approx(single["I2"].point, rel=1e-8, abs=1e-12)


def test_the_attributes_say_what_the_numbers_are():
    effects = table("bcg")
    batch = pw.fit_batch(effects.y, effects.se, MODEL, pw.Exact(), prob=0.8)
    assert batch.attrs["interval"] == "credible (equal-tailed)"
    assert batch.attrs["prob"] == 0.8
    assert batch.attrs["engine"] == "exact"


@pytest.mark.parametrize(
    ("y", "se", "match"),
    [
        ([[0.1, 0.2]], [[0.1]], "shape"),
        ([[0.1, 0.2], [0.1, np.nan]], [[0.1, 0.1], [0.1, 0.1]], r"row\(s\) 2"),
        ([[0.1, np.inf]], [[0.1, 0.1]], r"row\(s\) 1"),
        ([[0.1, 0.2]], [[0.1, 0.0]], "standard error"),
        ([[np.nan, np.nan]], [[np.nan, np.nan]], "no study"),
    ],
)
def test_bad_arrays_are_refused_by_row(y, se, match):
    with pytest.raises(InputError, match=match):
        pw.fit_batch(y, se, MODEL, pw.Exact())


def test_what_cannot_be_batched_is_refused():
    y, se = [[0.1, 0.2, 0.3]], [[0.1, 0.1, 0.1]]
    with pytest.raises(ModelError, match="default"):
        pw.fit_batch(y, se, pw.RandomEffects(), pw.Exact())
    with pytest.raises(ModelError, match="no batch form"):
        pw.fit_batch(y, se, MODEL, pw.NUTS())
    with pytest.raises(ModelError, match="improper"):
        pw.fit_batch(y[0][:2], se[0][:2], pw.RandomEffects(mu=priors.Flat(), tau=priors.Flat()), pw.Exact())
    with pytest.raises(ModelError, match="3 models for 2 tables"):
        pw.fit_batch(y * 2, se * 2, [MODEL] * 3, pw.Exact())


def test_a_row_whose_variances_make_no_prior_is_named():
    model = pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.ISquared())
    with pytest.raises(ModelError, match="row 2: the prior ISquared"):
        pw.fit_batch([[1.0, 2.0], [1.0, np.nan]], [[1.0, 1.0], [1.0, np.nan]], model, pw.Exact())
