"""The closed-form engine: common and random effects with confidence intervals, no priors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, final

import numpy as np

from poolwise.closed_form.heterogeneity import (
    QTest,
    h2_of_q,
    h2_of_tau2,
    i2_of_q,
    i2_of_tau2,
    q_profile,
    q_profile_is_empty,
    q_test,
)
from poolwise.closed_form.inference import (
    INTERVALS,
    PREDICTIONS,
    Coefficients,
    coefficients,
    critical,
    p_value,
    prediction_df,
    study_effects,
)
from poolwise.closed_form.least_squares import Array, Data, prepare
from poolwise.closed_form.likelihood import log_likelihood
from poolwise.closed_form.tau2 import ESTIMATORS, Tau2, estimate_tau2
from poolwise.effects import Effects
from poolwise.engines._versions import versions
from poolwise.errors import MissingQuantityError, ModelError, nearest
from poolwise.model import CommonEffect, Model, RandomEffects
from poolwise.quantities import Estimate
from poolwise.result import Finding, FitReport, Result

_INTERVAL_WORDS = {
    "wald": "Wald",
    "t": "t, k - 1",
    "hartung-knapp": "Hartung-Knapp",
    "hartung-knapp-adhoc": "Hartung-Knapp ad hoc",
}
_PREDICTION_WORDS = {"z": "prediction (z)", "t": "prediction (t, k - 1)", "riley": "prediction (Riley, t, k - 2)"}


@final
@dataclass(frozen=True)
class ClosedForm:
    """Closed-form meta-analysis: point estimates and confidence intervals, no priors.

    The random-effects mean is mu = sum(w_i y_i) / sum(w_i) with w_i = 1 / (v_i + tau2); the common effect is the
    same at tau2 = 0. Priors of the model are not used. REML and ML are maximised globally: the score is scanned
    over the whole range that can hold a root, every local maximum is refined by Newton's method to rounding, and
    the likelihoods decide. Study effects are best linear unbiased predictions; under a common effect every
    theta_i is mu, as the model says.

    Attributes
    ----------
    tau2 : str or float
        Estimator of the between-study variance: ``"REML"``, ``"DL"``, ``"PM"``, ``"ML"``, ``"EB"``, ``"PMM"``,
        ``"HE"``, ``"HS"``, ``"HSk"``, ``"SJ"``; or the variance itself, known.
    interval : str, optional
        For mu: ``"wald"``, ``"t"``, ``"hartung-knapp"`` or ``"hartung-knapp-adhoc"`` (never narrower than ``"t"``);
        when None, Wald for the common effect and Hartung-Knapp for random effects. Hartung-Knapp on a common
        effect is unrestricted weighted least squares.
    prediction : str
        For the effect in a new study: ``"z"`` (normal), ``"t"`` (t with k - 1) or ``"riley"`` (t with k - 2).

    Raises
    ------
    ModelError
        If a name is unknown (the message offers the nearest), or tau2 is no variance.

    Examples
    --------
    >>> import poolwise as pw
    >>> effects = pw.Effects([0.1, 0.5, 0.3], se=[0.1, 0.2, 0.2])
    >>> round(ClosedForm(tau2="DL").fit(effects, pw.RandomEffects())["mu"].point, 4)
    0.2216
    """

    tau2: str | float = "REML"
    interval: str | None = None
    prediction: str = "t"

    def __post_init__(self) -> None:
        if isinstance(self.tau2, str):
            _known(self.tau2, "tau2", ESTIMATORS)
        elif isinstance(self.tau2, bool) or not (math.isfinite(self.tau2) and self.tau2 >= 0.0):
            raise ModelError(f"tau2 = {self.tau2!r}", "an estimator or a finite variance of at least 0", "tau2='REML'")
        if self.interval is not None:
            _known(self.interval, "interval", INTERVALS)
        _known(self.prediction, "prediction", PREDICTIONS)

    @property
    def label(self) -> str:
        """Words for tables."""
        return "closed form"

    def fit(self, effects: Effects, model: Model) -> Result:
        """Fit a model to a study table.

        Parameters
        ----------
        effects : Effects
            The study table.
        model : CommonEffect or RandomEffects
            What is assumed; its priors are not used, a `tau_fixed` is.

        Returns
        -------
        Result
            With ``mu``, ``Q``, ``I2``, ``H2``, and for random effects ``tau``, ``tau2``, ``theta_new``.

        Raises
        ------
        ModelError
            With 1 study, for random effects and for any interval but Wald's; when `tau2` and the model's
            `tau_fixed` disagree.
        """
        began = perf_counter()
        if isinstance(model, CommonEffect):
            interval = self.interval or "wald"
            _check_count(effects, model, 1 if interval == "wald" else 2, interval)
            pieces = _common_effect(prepare(effects.y, effects.v), interval)
        else:
            interval = self.interval or "hartung-knapp"
            _check_count(effects, model, 2, interval)
            pieces = _random_effects(prepare(effects.y, effects.v), self, self._estimator(model), interval)
        return _pack(pieces, effects, model, self, began)

    def _estimator(self, model: RandomEffects) -> str | float:
        """The estimator, or the variance that is known from the engine or the model."""
        if model.tau_fixed is None:
            return self.tau2
        known = model.tau_fixed**2
        if not isinstance(self.tau2, str) and not math.isclose(self.tau2, known, rel_tol=1e-12):
            raise ModelError(
                f"ClosedForm(tau2={self.tau2:g}) and RandomEffects(tau_fixed={model.tau_fixed:g}) disagree",
                f"tau2 = tau_fixed^2 = {known:g}, or one of the two alone",
            )
        return known


@final
@dataclass(frozen=True, eq=False)
class _StudyEstimates(Mapping[str, Estimate]):
    """Study effects by label, each made when it is asked for."""

    position: Mapping[str, int]
    theta: Array
    sd: Array
    df: float
    kind: str

    def __getitem__(self, label: str) -> Estimate:
        try:
            i = self.position[label]
        except KeyError:
            raise MissingQuantityError(f"no study '{label}'", advice=nearest(label, self.position)) from None
        theta, sd = float(self.theta[i]), float(self.sd[i])
        return Estimate(theta, sd, partial(_symmetric, theta, sd, self.df), self.kind)

    def __iter__(self) -> Iterator[str]:
        return iter(self.position)

    def __len__(self) -> int:
        return len(self.position)


@final
@dataclass(frozen=True)
class _Pieces:
    """What one fit yields, before it is packed into a Result."""

    label: str
    coef: Coefficients
    tau2: Array
    quantities: dict[str, Estimate]
    study_kind: str
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    diagnostics: dict[str, Any] = field(default_factory=dict)


def _common_effect(data: Data, interval: str) -> _Pieces:
    nothing = np.zeros(1)
    coef = coefficients(data, nothing, interval)
    test = q_test(data)
    quantities = {
        "mu": _mean(coef, interval),
        "Q": _q(test),
        "I2": Estimate(float(i2_of_q(test)[0])),
        "H2": Estimate(float(h2_of_q(test)[0])),
    }
    label = f"common effect, {_short(interval)}"
    notes = _inflation_notes(coef, interval) + _single_notes(test)
    kind = f"confidence ({_INTERVAL_WORDS[interval]})"
    return _Pieces(label, coef, nothing, quantities, kind, (), notes, _diagnostics(coef))


def _random_effects(data: Data, engine: ClosedForm, estimator: str | float, interval: str) -> _Pieces:
    between = estimate_tau2(data, estimator)
    coef = coefficients(data, between.value, interval)
    test = q_test(data)
    estimated = isinstance(estimator, str)
    value, typical = float(between.value[0]), test.typical
    profile: Callable[..., Any] = partial(_profile, data) if estimated else _no_limits
    kind = "confidence (Q-profile)" if estimated else ""
    mean = _mean(coef, interval)
    ahead = math.hypot(math.sqrt(value), mean.sd)
    new_df = float(prediction_df(data, engine.prediction)[0])
    quantities = {
        "mu": mean,
        "tau": Estimate(math.sqrt(value), limits=partial(profile, np.sqrt), kind=kind),
        "tau2": Estimate(value, float(between.se[0]), partial(profile, _identity), kind),
        "theta_new": Estimate(
            mean.point, ahead, partial(_symmetric, mean.point, ahead, new_df), _PREDICTION_WORDS[engine.prediction]
        ),
        "I2": Estimate(
            float(i2_of_tau2(between.value, typical)[0]),
            limits=partial(profile, partial(i2_of_tau2, typical=typical)),
            kind=kind,
        ),
        "H2": Estimate(
            float(h2_of_tau2(between.value, typical)[0]),
            limits=partial(profile, partial(h2_of_tau2, typical=typical)),
            kind=kind,
        ),
        "Q": _q(test),
    }
    name = estimator if estimated else f"tau2 = {estimator:g}"
    notes = _prediction_notes(data) + _inflation_notes(coef, interval)
    findings: tuple[Finding, ...] = ()
    if estimated:
        notes += _likelihood_notes(str(estimator), between) + _profile_notes(test)
        findings = _boundary(str(estimator), value)
    return _Pieces(
        f"{name}, {_short(interval)}",
        coef,
        between.value,
        quantities,
        f"prediction (BLUP, {_INTERVAL_WORDS[interval]})",
        findings,
        notes,
        _diagnostics(coef) | {"iterations": between.iterations, "local_maxima": int(between.maxima[0])},
    )


def _pack(pieces: _Pieces, effects: Effects, model: Model, engine: ClosedForm, began: float) -> Result:
    shrunken = study_effects(pieces.coef, pieces.tau2)
    shares = pieces.coef.fit.w[0, 0] / pieces.coef.fit.w.sum()
    position = {label: i for i, label in enumerate(effects.study)}
    df = float(pieces.coef.df[0])
    report = FitReport(
        findings=pieces.findings,
        notes=effects.notes + pieces.notes,
        diagnostics=pieces.diagnostics,
        seconds=perf_counter() - began,
        versions=versions("poolwise", "numpy", "scipy"),
        data_hash=effects.data_hash,
    )
    return Result(
        label=pieces.label,
        effects=effects,
        model=model,
        engine=engine,
        interval_kind=pieces.quantities["mu"].kind,
        quantities=pieces.quantities,
        studies=_StudyEstimates(position, shrunken.theta[0], shrunken.sd[0], df, pieces.study_kind),
        weights=dict(zip(effects.study, shares.tolist(), strict=True)),
        report=report,
    )


def _mean(coef: Coefficients, interval: str) -> Estimate:
    """mu with its interval and its test of zero."""
    mu, se, df = float(coef.beta[0, 0]), float(coef.se[0, 0]), float(coef.df[0])
    statistic = mu / se if se > 0.0 else math.nan
    return Estimate(
        mu,
        se,
        partial(_symmetric, mu, se, df),
        f"confidence ({_INTERVAL_WORDS[interval]})",
        statistic,
        df,
        float(p_value(np.array(statistic), np.array(df))),
    )


def _q(test: QTest) -> Estimate:
    q = float(test.statistic[0])
    return Estimate(q, statistic=q, df=float(test.df[0]), p_value=float(test.p_value[0]))


def _symmetric(centre: float, sd: float, df: float, prob: float) -> tuple[float, float]:
    """Limits centre -+ t sd."""
    reach = float(critical(np.array(df), prob)) * sd
    return centre - reach, centre + reach


def _profile(data: Data, of_tau2: Callable[[Array], Array], prob: float) -> tuple[float, float]:
    """Q-profile limits of an increasing function of tau2."""
    lower, upper = of_tau2(q_profile(data, prob)[0])
    return float(lower), float(upper)


def _no_limits(of_tau2: Callable[[Array], Array], prob: float) -> tuple[float, float]:
    """A known tau2 has no interval."""
    return math.nan, math.nan


def _identity(tau2: Array) -> Array:
    return tau2


def _short(interval: str) -> str:
    return _INTERVAL_WORDS[interval].split(",")[0]


def _diagnostics(coef: Coefficients) -> dict[str, Any]:
    found = log_likelihood(coef.fit)
    return {"log_likelihood_ml": float(found.ml[0, 0]), "log_likelihood_reml": float(found.reml[0, 0])}


def _boundary(estimator: str, tau2: float) -> tuple[Finding, ...]:
    if tau2 > 0.0:
        return ()
    sentence = (
        f"The {estimator} estimate of tau2 is 0, its smallest possible value, which is no evidence that the studies "
        "agree; Exact() with a prior on tau averages over the values that the data leave open."
    )
    return (Finding("boundary_tau", sentence),)


def _prediction_notes(data: Data) -> tuple[str, ...]:
    k = int(data.count[0])
    if k < 3:
        return (f"There is no prediction interval: it needs at least 3 studies and there are {k}.",)
    if k < 5:
        return (f"The prediction interval rests on {k} studies; with fewer than 5 its width is mostly a guess of tau.",)
    return ()


def _inflation_notes(coef: Coefficients, interval: str) -> tuple[str, ...]:
    factor = math.sqrt(float(coef.inflation[0]))
    if interval != "hartung-knapp" or factor >= 1.0:
        return ()
    return (
        f"The Hartung-Knapp standard error of mu is {factor:.2g} times the inverse-variance one; "
        "interval='hartung-knapp-adhoc' does not go below it.",
    )


def _likelihood_notes(estimator: str, between: Tau2) -> tuple[str, ...]:
    many = int(between.maxima[0])
    return (f"The {estimator} likelihood has {many} local maxima in tau2; the highest is reported.",) if many > 1 else ()


def _profile_notes(test: QTest) -> tuple[str, ...]:
    if not q_profile_is_empty(test)[0]:
        return ()
    return (
        f"The 95 % Q-profile set for tau2 is empty, as Q = {test.statistic[0]:.3g} on {test.df[0]:g} df is smaller "
        "than chance alone would have it; its limits are given as 0.",
    )


def _single_notes(test: QTest) -> tuple[str, ...]:
    return () if test.df[0] > 0 else ("With 1 study there is no heterogeneity to measure: I2 and H2 are NaN.",)


def _check_count(effects: Effects, model: Model, fewest: int, interval: str) -> None:
    if effects.k >= fewest:
        return
    raise ModelError(
        f"{model.label} with the interval '{interval}' on {effects.k} study",
        f"at least {fewest} studies",
        "CommonEffect() with interval='wald', or Exact() with an informative prior on tau",
    )


def _known(name: str, setting: str, names: Mapping[str, Any]) -> None:
    if name not in names:
        raise ModelError(f"{setting}='{name}' is unknown", "one of " + ", ".join(names), nearest(name, names))
