"""The closed-form engine: common and random effects with confidence intervals, no priors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import ClassVar, final

import numpy as np

from poolwise.closed_form.heterogeneity import q_test
from poolwise.closed_form.inference import FLOORED, INTERVALS, PREDICTIONS, Coefficients, coefficients
from poolwise.closed_form.least_squares import Array, Data, inverse_variance_fit, prepare
from poolwise.closed_form.likelihood import log_likelihood
from poolwise.closed_form.tau2 import ESTIMATORS, estimate_tau2
from poolwise.effects import Effects
from poolwise.engines.closed_form import notes as notes
from poolwise.engines.closed_form.fitted import Fitted, packed
from poolwise.engines.closed_form.quantities import (
    FEWEST_TO_PREDICT,
    INTERVAL_WORDS,
    StudyEstimates,
    common_effect_quantities,
    random_effects_quantities,
)
from poolwise.engines.closed_form.regression import Several, regression, separate
from poolwise.engines.means import means
from poolwise.errors import ModelError, shown
from poolwise.model import Model
from poolwise.model.needs import (
    EXCHANGEABLE,
    MANY_WEIGHTS,
    OWN_WEIGHTS,
    SELECTED,
    SELECTED_BY_STEPS,
    SELECTED_MODERATORS,
)
from poolwise.model.pooled import NO_SPREAD
from poolwise.priors import Fixed
from poolwise.result import Result
from poolwise.settings import as_number, check_option
from poolwise.threads import one_thread

MEANS = ("mu", "beta", "b")  # what is estimated of the mean effects, whatever priors the model has


@final
@dataclass(frozen=True)
class ClosedForm:
    """Closed-form meta-analysis: point estimates and confidence intervals, no priors.

    The mean of random effects is mu = sum(w_i y_i) / sum(w_i) with w_i = 1 / (v_i + tau2); the common effect
    is the same at tau2 = 0. REML and ML are maximised globally: the score is scanned over all of the range
    that can hold a root, every local maximum is refined by Newton's method to a relative 1e-11, and the
    likelihoods decide. Study effects are best linear unbiased predictions; under a common effect every
    theta_i is mu, as that model says. Priors of the model are not used.

    `StepSelection` and `WeightFunction` are fitted by maximum likelihood, every parameter at once: Newton's method with
    analytic derivatives from each local maximum of a scan over mean and tau2. Their intervals are profile-likelihood
    ones, of mean effects also Wald's; `LRT` tests that nothing is selected. A likelihood without a highest value (an
    interval of p-values without estimates) is refused, with the interval and with what to do.

    Attributes
    ----------
    tau2 : str or float
        Estimator of the between-study variance, ``"REML"``, ``"DL"``, ``"PM"``, ``"ML"``, ``"EB"``,
        ``"PMM"``, ``"HE"``, ``"HS"``, ``"HSk"``, ``"SJ"``, ``"DLIT"`` or ``"SJIT"`` (DL and SJ iterated, which come to
        PM); or the variance itself, when it is known. Models of selection take ``"ML"`` for ``"REML"``, which they do
        not have, and refuse the others.
    interval : str, optional
        For mean effects and coefficients: ``"wald"``, ``"t"``, ``"hartung-knapp"`` or ``"hartung-knapp-adhoc"``.
        When None, Wald for the common effect and ``"hartung-knapp-adhoc"`` for all else: t with k - p, and the
        inverse-variance covariance times max(1, q), q = y'Py / (k - p). Without that floor (``"hartung-knapp"``)
        estimates that agree by chance, as few estimates often do, give an interval far narrower than their standard
        errors allow: y = .30, .31, .29, .305 with se = .2 give [.288, .315], Wald's [.105, .497]. A result says so,
        with both intervals, wherever it is narrower than Wald's. On a common effect it is unrestricted weighted
        least squares.
    prediction : str
        For the effect in a new study: ``"z"`` (normal), ``"t"`` (t with k - p) or ``"riley"`` (t with k - p - 1,
        which is Riley's k - 2 without moderators). Never narrower than the interval of the mean effect, its standard
        error being at least the inverse-variance one.

    Raises
    ------
    ModelError
        If a name is unknown (the message offers the nearest), or tau2 is no variance.

    Notes
    -----
    REML is the default since it is approximately unbiased and does well in comparisons of estimators; the interval of
    Hartung and Knapp since Wald's is too narrow with few studies, and with a floor since it can be too narrow itself.
    Q-profile limits of tau2 are exact for normal estimates. A prediction interval with k - p degrees of freedom goes
    with the interval of the mean; k - p - 1 is Riley's convention.

    References
    ----------
    Viechtbauer 2005, J. Educational and Behavioral Statistics 30:261, 10.3102/10769986030003261, and Veroniki et al.
    2016, Research Synthesis Methods 7:55, 10.1002/jrsm.1164, on estimators of tau2; Hartung & Knapp 2001, Statistics in
    Medicine 20:1771, 10.1002/sim.791, Knapp & Hartung 2003, Statistics in Medicine 22:2693, 10.1002/sim.1482, and
    IntHout, Ioannidis & Borm 2014, BMC Medical Research Methodology 14:25, 10.1186/1471-2288-14-25, on the interval;
    Röver, Knapp & Friede 2015, BMC Medical Research Methodology 15:99, 10.1186/s12874-015-0091-1, on the floor;
    Viechtbauer 2007, Statistics in Medicine 26:37, 10.1002/sim.2514, for the Q-profile; Higgins, Thompson &
    Spiegelhalter 2009, J. R. Statist. Soc. A 172:137, 10.1111/j.1467-985X.2008.00552.x, for the prediction interval;
    Vevea & Hedges 1995, Psychometrika 60:419, 10.1007/BF02294384, for models of selection; Venzon & Moolgavkar 1988,
    Applied Statistics 37:87, 10.2307/2347496, for their limits.

    Examples
    --------
    >>> import poolwise as pw
    >>> result = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm(tau2="DL"))
    >>> round(result["mu"].point, 4)
    -0.7141
    """

    can: ClassVar[frozenset[str]] = frozenset(
        {MANY_WEIGHTS, OWN_WEIGHTS, SELECTED, SELECTED_BY_STEPS, SELECTED_MODERATORS}
    )
    label: ClassVar[str] = "closed form"
    tau2: str | float = "REML"
    interval: str | None = None
    prediction: str = "t"

    def __post_init__(self) -> None:
        if isinstance(self.tau2, str):
            check_option("tau2", self.tau2, ESTIMATORS)
        elif not _is_variance(self.tau2):
            expected = "the name of an estimator, or a finite variance of at least 0"
            raise ModelError(f"tau2 = {shown(self.tau2)}", expected, "tau2='REML'")
        if self.interval is not None:
            check_option("interval", self.interval, INTERVALS)
        check_option("prediction", self.prediction, PREDICTIONS)

    @one_thread()
    def fit(self, effects: Effects, model: Model) -> Result:
        """Fit a model to a study table.

        Parameters
        ----------
        effects : Effects
            The study table.
        model : Model
            What is assumed; its priors are not used, a `tau_fixed` and known weights are.

        Returns
        -------
        Result
            With ``mu``, ``Q``, ``I2``, ``H2``, and for random effects ``tau``, ``tau2`` and, from 3 studies on,
            ``theta_new``.

        Raises
        ------
        ModelError
            With 1 study, for random effects and for every interval but Wald's; when `tau2` and the model's
            `tau_fixed` disagree; when the model states mu.
        """
        began = perf_counter()
        for name, prior in model.named_priors.items():
            if isinstance(prior, Fixed) and name.partition("[")[0] in MEANS:
                found = f"ClosedForm estimates {name}, and the model states {name} ~ {prior}"
                raise ModelError(found, f"Exact(), or no Fixed {name}")
        return packed(self._fitted(effects, model), effects, model, self, began)

    def _fitted(self, effects: Effects, model: Model) -> Fitted:
        if model.publication is not None:
            return self._selected(effects, model)
        if not model.pools:
            return self._several(effects, model)
        interval = self.interval or (FLOORED if model.varies else "wald")
        _check_count(effects, model, 2 if model.varies or interval != "wald" else 1, interval)
        data = prepare(effects.y, effects.v)
        if not model.varies:
            return _common_effect(data, interval)
        return _random_effects(data, self.estimator(model.tau_fixed), interval, self.prediction)

    def _selected(self, effects: Effects, model: Model) -> Fitted:
        """By maximum likelihood, which is the only estimator of a model of selection here."""
        if isinstance(self.tau2, str) and self.tau2 not in ("REML", "ML"):
            found = f"tau2='{self.tau2}' for {model.label}, which is estimated by maximum likelihood"
            raise ModelError(found, "'ML', or a known variance", "ClosedForm()")
        if self.interval not in (None, "wald"):
            raise ModelError(
                f"interval='{self.interval}' for {model.label}",
                "None for profile-likelihood intervals, or 'wald' for mean effects",
                "ClosedForm()",
            )
        from poolwise.engines.closed_form.selected import selected  # with the models that need it

        given = self.estimator(model.tau_fixed)
        tau2 = None if isinstance(given, str) else given
        return selected(effects, model, tau2, interval=self.interval or "profile", prediction=self.prediction)

    def _several(self, effects: Effects, model: Model) -> Fitted:
        mean, interval = means(effects, model), self.interval or FLOORED
        estimator = self.estimator(model.tau_fixed)
        if not model.one_tau and EXCHANGEABLE in model.needs:
            raise ModelError("exchangeable tau has no closed form", "heterogeneity='common' or 'separate'", "Exact()")
        assert model.needs <= self.can
        way = regression if model.one_tau else separate
        return _of_parts(way(effects, mean, estimator, interval, self.prediction), model, estimator, interval)

    def estimator(self, tau_fixed: float | None) -> str | float:
        """The estimator of tau2, or the variance that this engine or the model gives.

        Raises
        ------
        ModelError
            When both give one and they differ.
        """
        if tau_fixed is None:
            return self.tau2
        given = tau_fixed**2
        if not isinstance(self.tau2, str) and not math.isclose(self.tau2, given, rel_tol=1e-12):
            raise ModelError(
                f"ClosedForm(tau2={self.tau2:g}) and RandomEffects(tau_fixed={tau_fixed:g}) disagree",
                f"tau2 = tau_fixed^2 = {given:g}, or one of the two alone",
            )
        return given


def _common_effect(data: Data, interval: str) -> Fitted:
    coef = coefficients(inverse_variance_fit(data), interval)
    quantities = common_effect_quantities(coef, q_test(data), interval)
    return Fitted(
        label=f"common effect, {_short(interval)}",
        quantities=quantities,
        study=StudyEstimates(coef, np.zeros(1), f"confidence ({INTERVAL_WORDS[interval]})"),
        findings=notes.narrower(quantities),
        notes=notes.inflation(coef, interval) + notes.single(int(data.count[0])),
        diagnostics=_log_likelihoods(coef),
        absent=NO_SPREAD,
        weights=_shares(coef),
    )


def _random_effects(data: Data, estimator: str | float, interval: str, prediction: str) -> Fitted:
    between, k = estimate_tau2(data, estimator), int(data.count[0])
    coef = coefficients(between.fit, interval)
    test = q_test(data)
    quantities = random_effects_quantities(coef, between, test, interval, prediction)
    told = notes.prediction(k) + notes.inflation(coef, interval) + notes.remarks(quantities)
    findings = notes.narrower(quantities)
    if isinstance(estimator, str):
        told += notes.several_maxima(estimator, between) + notes.empty_profile(test)
        told += notes.outside_profile(estimator, between, test)
        findings += notes.boundary(estimator, float(between.value[0]))
    searched = {"iterations": between.iterations, "local_maxima": int(between.maxima[0])}
    few = f"for a prediction interval {notes.too_few_to_predict(k)}"
    return Fitted(
        label=_label(estimator, interval),
        quantities=quantities,
        study=StudyEstimates(coef, between.value, f"BLUP ({INTERVAL_WORDS[interval]})"),
        findings=findings,
        notes=told,
        diagnostics=_log_likelihoods(coef) | searched,
        absent={"theta_new": few} if k < FEWEST_TO_PREDICT else {},
        weights=_shares(coef),
    )


def _of_parts(several: Several, model: Model, estimator: str | float, interval: str) -> Fitted:
    mean, between = several.means, [part.between for part in several.parts]
    told = several.notes + (mean.design.notes if mean.design is not None else ())
    told += notes.remarks(several.quantities)
    findings = notes.narrower(several.quantities)
    if isinstance(estimator, str):
        told += tuple(dict.fromkeys(note for one in between for note in notes.several_maxima(estimator, one)))
        findings += notes.boundary(estimator, min(float(one.value[0]) for one in between))
    return Fitted(
        label=f"{model.label}, {_label(estimator, interval)}",
        quantities=several.quantities,
        study=partial(several.study, words=INTERVAL_WORDS[interval]),
        findings=findings,
        notes=told,
        diagnostics={"iterations": max(one.iterations for one in between)},
        absent={**mean.absent, **several.absent},
        weights=several.weights,
        means=mean,
        linear=several.linear,
    )


def _shares(coef: Coefficients) -> Array:
    w = coef.fit.w[0, 0]
    return w / w.sum()


def _log_likelihoods(coef: Coefficients) -> dict[str, float]:
    found = log_likelihood(coef.fit)
    return {"log_likelihood_ml": float(found.ml[0, 0]), "log_likelihood_reml": float(found.reml[0, 0])}


def _label(estimator: str | float, interval: str) -> str:
    return f"{estimator if isinstance(estimator, str) else f'tau2 = {estimator:g}'}, {_short(interval)}"


def _short(interval: str) -> str:
    return INTERVAL_WORDS[interval].split(",")[0]


def _check_count(effects: Effects, model: Model, fewest: int, interval: str) -> None:
    if effects.k < fewest:
        raise ModelError(
            f"{model.label} with the interval '{interval}' on {effects.k} study",
            f"at least {fewest} studies",
            "CommonEffect() with interval='wald', or Exact() with an informative prior on tau",
        )


def _is_variance(value: object) -> bool:
    """Whether this is a finite number of at least 0."""
    return 0.0 <= as_number(value) < math.inf
