"""PET and PEESE are meta-regressions on the standard error or its square, by every engine."""

import json
from pathlib import Path

import numpy as np
import pytest

import poolwise as pw
from poolwise import priors
from poolwise.errors import InputError, ModelError

BCG = pw.datasets.load("bcg")
SQUARED = pw.Effects(
    BCG.y, se=BCG.se, study=BCG.study, scale=BCG.scale, moderators=BCG.moderators.assign(se2=BCG.v)
)  # fmt: skip
UNIT = priors.Normal(0.0, 1.0)
OF_SE = {"intercept": UNIT, "se": priors.Normal(0, 2)}
OF_SQUARE = {"intercept": UNIT, "se2": priors.Cauchy(0, 2)}
PAIRS = [
    (pw.PET(mu=UNIT, b=OF_SE["se"]), pw.MetaRegression("~ se", beta=OF_SE), "se"),
    (pw.PEESE(mu=UNIT, b=OF_SQUARE["se2"]), pw.MetaRegression(["se2"], beta=OF_SQUARE), "se2"),
]
REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "small_studies.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("engine", [pw.ClosedForm(), pw.ClosedForm(tau2="ML", interval="wald"), pw.Exact()])
@pytest.mark.parametrize(("model", "plain", "column"), PAIRS, ids=["PET", "PEESE"])
def test_they_are_what_a_meta_regression_on_that_column_says(model, plain, column, engine):
    ours, theirs = pw.fit(SQUARED, model, engine), pw.fit(SQUARED, plain, engine)
    for name, other in {"mu": "beta[intercept]", "b": f"beta[{column}]", "tau": "tau"}.items():
        assert ours[name].point == pytest.approx(theirs[other].point, rel=1e-12)
        assert ours[name].interval() == pytest.approx(theirs[other].interval(), rel=1e-9)
    if isinstance(engine, pw.Exact):
        assert ours.log_evidence == pytest.approx(theirs.log_evidence, abs=1e-12)


@pytest.mark.parametrize("fit", REFERENCE["fits"], ids=lambda fit: f"{fit['model']} {fit['method']}")
def test_they_agree_with_metafor(fit):
    engine = pw.ClosedForm(tau2=fit["method"], interval=fit["interval"])
    ours = pw.fit(BCG, getattr(pw, fit["model"])(), engine)
    for name, place in (("mu", 0), ("b", 1)):
        assert ours[name].point == pytest.approx(fit["b"][place], rel=1e-7)  # metafor stops at 1e-5 of tau2
        assert ours[name].sd == pytest.approx(fit["se"][place], rel=1e-7)
    assert ours["tau2"].point == pytest.approx(fit["tau2"], rel=1e-6)


def test_the_direction_turns_b_and_nothing_else():
    up, down = (pw.fit(BCG, pw.PET(b=UNIT, direction=one), pw.Exact()) for one in ("positive", "negative"))
    assert down["b"].point == pytest.approx(-up["b"].point, rel=1e-6)
    assert down["mu"].interval() == pytest.approx(up["mu"].interval(), rel=1e-6)
    assert down.log_evidence == pytest.approx(up.log_evidence, abs=1e-9)


def test_a_prediction_at_a_standard_error_is_the_line_and_without_one_it_is_the_adjusted_mean():
    for model, column in ((pw.PET(direction="negative"), BCG.se), (pw.PEESE(), BCG.v)):
        result = pw.fit(BCG, model, pw.ClosedForm())
        slope = -result["b"].point if model.direction == "negative" else result["b"].point
        line = pw.predict(result, {"se": BCG.se})["point"].to_numpy()
        assert line == pytest.approx(result["mu"].point + slope * column)
    moderated = pw.fit(BCG, pw.PET(moderators="~ ablat"), pw.ClosedForm())
    expected = moderated["beta[intercept]"].point + 20.0 * moderated["beta[ablat]"].point
    assert pw.predict(moderated, {"ablat": 20.0})["point"][0] == pytest.approx(expected)


def test_nuts_samples_a_slope_on_one_side_of_0():
    import arviz as az

    result = pw.fit(BCG, pw.PET(mu=UNIT, tau=priors.HalfNormal(0.5), direction="negative"), pw.NUTS(seed=2))
    tau, b = np.linspace(0.005, 3.0, 240)[:, None, None], np.linspace(0.001, 12.0, 900)[None, :, None]
    v, y = BCG.v + tau**2, BCG.y + b * BCG.se
    precision, pull = 1.0 + (1.0 / v).sum(axis=-1), (y / v).sum(axis=-1)
    log = -0.5 * (np.log(v) + y**2 / v).sum(axis=-1) + 0.5 * pull**2 / precision - 0.5 * np.log(precision)
    log = log - 0.5 * (tau[..., 0] / 0.5) ** 2 - np.log1p(b[..., 0] ** 2)
    p = np.exp(log - log.max())
    p /= p.sum()
    posterior = result.to_datatree()["posterior"]
    assert float(posterior["b"].min()) >= 0.0
    for name, expected in {"mu": (p * pull / precision).sum(), "tau": (p * tau[..., 0]).sum()}.items():
        assert float(posterior[name].mean()) == pytest.approx(expected, abs=5.0 * float(az.mcse(posterior[name])))
    exact = pw.fit(BCG, result.model, pw.Exact())
    for name in ("mu", "b", "tau", "theta_new"):
        assert float(posterior[name].mean()) == pytest.approx(
            exact[name].mean, abs=5.0 * float(az.mcse(posterior[name]))
        )


def test_equal_standard_errors_are_refused_with_the_reason():
    equal = pw.Effects([0.1, 0.4, 0.3, 0.2], se=0.2 * np.ones(4), scale="SMD")
    for model in (pw.PET(b=UNIT), pw.PEESE(b=UNIT, moderators="~ 1")):
        for engine in (pw.ClosedForm(), pw.Exact(), pw.NUTS()):
            with pytest.raises(ModelError, match=r"all 4 standard errors are 0\.2.*StepSelection"):
                pw.fit(equal, model, engine)


def test_priors_scale_with_the_unit_of_the_effects_or_are_asked_for():
    unknown = pw.Effects([3.0, 5.0, 4.0], se=[1.0, 2.0, 0.5], scale="MD")
    assert pw.PEESE(direction="positive").resolved(BCG).b == priors.HalfCauchy(2.5)
    with pytest.raises(ModelError, match=r"no prior for b .* has no default"):
        pw.PEESE(direction="positive", mu=UNIT, tau=priors.HalfNormal(1)).resolved(unknown)
    assert pw.PET(direction="positive", mu=UNIT, tau=priors.HalfNormal(1)).resolved(unknown).b == priors.HalfCauchy(1)
    with pytest.raises(ModelError, match="neither a prior for b nor a direction"):
        pw.PET().resolved(BCG)


def test_two_studies_and_what_moderators_determine_are_refused_and_so_is_a_known_slope_that_is_estimated():
    with pytest.warns(pw.PoolwiseWarning, match="only 2 studies"):
        two = pw.Effects([0.1, 0.3], se=[0.1, 0.3], scale="SMD")
    with pytest.raises(InputError, match=r"2 coefficients \(intercept, b\) for 2 studies"):
        pw.fit(two, pw.PET(), pw.ClosedForm())
    with pytest.raises(InputError, match="collinear"):
        pw.fit(BCG, pw.PET(moderators="~ se"), pw.ClosedForm())
    with pytest.raises(ModelError, match="ClosedForm estimates b, and the model states b"):
        pw.fit(BCG, pw.PET(b=priors.Fixed(1.0)), pw.ClosedForm())
