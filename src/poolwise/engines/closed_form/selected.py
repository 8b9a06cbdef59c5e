"""Models of selection by maximum likelihood: estimates, profile-likelihood intervals, the test of no selection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from poolwise import show
from poolwise.closed_form.inference import PREDICTIONS
from poolwise.closed_form.least_squares import Array
from poolwise.effects import Effects
from poolwise.engines.closed_form import notes
from poolwise.engines.closed_form.fitted import Fitted
from poolwise.engines.closed_form.quantities import PREDICTION_WORDS, new_effect, symmetric
from poolwise.engines.means import Means, means_of
from poolwise.errors import ModelError, listing
from poolwise.model import Model
from poolwise.model.pooled import NO_SPREAD
from poolwise.model.publication import Publication
from poolwise.quantities import Estimate, Quantity
from poolwise.result import Finding
from poolwise.selection.curves import SmoothWeights
from poolwise.selection.derivatives import SelectionLikelihood, Studies
from poolwise.selection.intervals import merged
from poolwise.selection.maximum import Maximum, maximise, no_selection, profile, profile_limits, with_combination
from poolwise.selection.steps import StepWeights

USUAL = 0.95  # the probability at which profile limits are looked up most often
LITTLE_POWER = 10  # estimates below which a test that finds no selection is said to say nothing
MOST_SANE = 100.0  # upper limit of a relative probability of publication, or of a parameter of one, that says something
FAR = 3.0  # times the largest estimate, beyond which a limit of the mean says nothing
FEWEST = 3  # estimates from which unknown weights are estimated
PROFILE = "confidence (profile likelihood)"
WALD = "confidence (Wald)"
NOT_OF_SELECTION = {
    **dict.fromkeys(
        ("I2", "H2", "Q", "QE"), "it compares the estimates with sampling errors as if none had been selected"
    ),
    "QM": "each coefficient has a likelihood-ratio test of its own",
    "R2": "it compares two estimates of tau2, between which weights change too",
}


Scale = Callable[[float], float]
Counts = NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class ProfileLimits:
    """Profile-likelihood limits of an increasing function of one parameter.

    Attributes
    ----------
    maximum : Maximum
    j : int
        The parameter of theta.
    scale : callable
        The function of it.
    sign : float
        -1 where the parameter points in the other direction than what is told.
    """

    maximum: Maximum
    j: int
    scale: Scale
    sign: float = 1.0

    @cached_property
    def _usual(self) -> tuple[float, float]:
        return self._limits(USUAL)

    def _limits(self, prob: float) -> tuple[float, float]:
        lower, upper = profile_limits(self.maximum, self.j, prob)
        return (self.scale(lower), self.scale(upper)) if self.sign > 0.0 else (self.scale(-upper), self.scale(-lower))

    def __call__(self, prob: float) -> tuple[float, float]:
        """Lower and upper limit at a confidence."""
        return self._usual if prob == USUAL else self._limits(prob)


@final
@dataclass(frozen=True, eq=False)
class SelectedMeans:
    """Makes estimates of linear combinations of coefficients.

    Attributes
    ----------
    maximum : Maximum
    sign : float
        1 where what gets published lies above 0.
    df : float
        Degrees of freedom of prediction intervals.
    wald : bool
        Whether intervals are Wald's.
    words : str
        Words for the prediction interval.
    """

    maximum: Maximum
    sign: float
    df: float
    wald: bool
    words: str

    def __call__(self, c: Array, *, new: bool) -> Estimate:
        """The mean effect c'beta, or the true effect in a new study with that mean effect."""
        used = np.flatnonzero(c)
        alone = len(used) == 1 and c[used[0]] == 1.0
        maximum, j = (self.maximum, int(used[0])) if alone else with_combination(self.maximum, c)
        point = self.sign * float(maximum.top.theta[j])
        sd = math.sqrt(float(maximum.covariance[j, j]))
        mean = self._wald(point, sd) if self.wald else self._profiled(maximum, j, point, sd)
        return new_effect(mean, self.maximum.tau2, sd, self.df, self.words) if new else mean

    @staticmethod
    def _wald(point: float, sd: float) -> Estimate:
        statistic = point / sd
        p = float(chdtrc(1, statistic * statistic))
        return Estimate(point, sd, partial(symmetric, point, sd, math.inf), WALD, statistic, math.inf, p)

    def _profiled(self, maximum: Maximum, j: int, point: float, sd: float) -> Estimate:
        """With the signed root of the likelihood ratio against 0 as its test."""
        ratio = max(2.0 * (maximum.value - profile(maximum, j, 0.0)), 0.0)
        statistic, p = math.copysign(math.sqrt(ratio), point), float(chdtrc(1, ratio))
        limits = ProfileLimits(maximum, j, float, self.sign)
        return Estimate(point, sd, limits, PROFILE, statistic, math.inf, p)


@final
@dataclass(frozen=True, eq=False)
class SelectedStudies:
    """Makes the estimate of each study's true effect, which given its estimate does not depend on the selection.

    Attributes
    ----------
    maximum : Maximum
    sign : float
    """

    maximum: Maximum
    sign: float

    def __call__(self, row: int) -> Estimate:
        """The true effect of the study in this row: its mean and its estimate, weighted by what each knows."""
        likelihood = self.maximum.likelihood
        studies, p = likelihood.studies, likelihood.p
        share = self.maximum.tau2 / (self.maximum.tau2 + studies.v[row])
        expected = float(studies.X[row] @ self.maximum.beta)
        inner = float(studies.X[row] @ self.maximum.covariance[:p, :p] @ studies.X[row])
        theta = self.sign * (expected + share * (studies.y[row] - expected))
        sd = math.sqrt(share * studies.v[row] + (1.0 - share) ** 2 * inner)
        return Estimate(theta, sd, partial(symmetric, theta, sd, math.inf), "BLUP (Wald)")


def selected(effects: Effects, model: Model, tau2: float | None, *, interval: str, prediction: str) -> Fitted:
    """The highest likelihood of a model of selection, and what is known by it.

    Parameters
    ----------
    effects : Effects
    model : StepSelection or WeightFunction
        Any that states a `Publication`.
    tau2 : float, optional
        Where it is known.
    interval : {"profile", "wald"}
        For mean effects and coefficients; weights and tau have profile-likelihood intervals.
    prediction : str
        A key of `PREDICTIONS`.

    Returns
    -------
    Fitted

    Raises
    ------
    ModelError
        Where the highest likelihood does not exist, or there are fewer estimates than unknown parameters.

    References
    ----------
    Vevea & Hedges 1995, Psychometrika 60:419, 10.1007/BF02294384; Citkowicz & Vevea 2017, Psychological Methods 22:28,
    10.1037/met0000119; Venzon & Moolgavkar 1988, Applied Statistics 37:87, 10.2307/2347496, for the limits.
    """
    publication, before = model.publication, model.before_selection(effects)
    assert publication is not None
    assert before is not None
    mean, sign = means_of(before), publication.sign
    studies = Studies(sign * effects.y, effects.v, mean.X)
    weights = _weights(publication, studies)
    likelihood = SelectionLikelihood(studies, weights, tau2)
    if isinstance(weights, StepWeights) and effects.k >= FEWEST:
        _check_populated(weights)
    _check_count(effects.k, likelihood, model.label)
    maximum = maximise(likelihood)
    _check_exists(maximum, publication, mean, model.label)
    df = effects.k - mean.p + PREDICTIONS[prediction] if effects.k - mean.p >= 2 else math.nan
    words = PREDICTION_WORDS[prediction].replace("k - 2", "k - p - 1").replace("k - 1", "k - p")
    linear = SelectedMeans(maximum, sign, df, interval == "wald", words)
    without = maximise(no_selection(studies, tau2))
    quantities = _quantities(mean, publication, linear, without)
    return Fitted(
        label=f"{model.label}, ML",
        quantities=quantities,
        study=SelectedStudies(maximum, sign),
        findings=_findings(maximum),
        notes=_notes(publication, maximum, quantities) + (mean.design.notes if mean.design is not None else ()),
        absent=_absent(mean, maximum, quantities),
        means=mean,
        linear=linear,
        diagnostics={
            "log_likelihood_ml": maximum.value,
            "log_likelihood_no_selection": without.value,
            "local_maxima": len(maximum.tops),
            "largest_slope": float(np.max(np.abs(maximum.top.height.gradient[maximum.top.free]), initial=0.0)),
        },
    )


def _weights(publication: Publication, studies: Studies) -> StepWeights | SmoothWeights:
    values, smooth = tuple(publication.values.values()), publication.smooth
    if smooth is None:
        assert publication.intervals is not None
        return StepWeights(studies, publication.intervals, np.array(values))
    known = tuple(None if math.isnan(value) else value for value in values)
    return SmoothWeights(studies, smooth.kind, smooth.sides, known, smooth.by_precision)


def _check_count(k: int, likelihood: SelectionLikelihood, label: str) -> None:
    fewest = max(likelihood.n, FEWEST if likelihood.weights.q else 1 + likelihood.spreads)
    if k < fewest:
        raise ModelError(
            f"{label} by maximum likelihood has {likelihood.n} unknown parameters, and there "
            f"{'is 1 estimate' if k == 1 else f'are {k} estimates'}",
            f"at least {fewest} estimates",
            "known weights, StepSelection(..., weights=...), or NUTS() with priors",
        )


def _check_populated(weights: StepWeights) -> None:
    """Refuse weights that the data cannot tell from 0, or from infinity beside known ones of empty intervals."""
    names, counts = weights.intervals.names, weights.counts
    empty = [names[j] for j in np.flatnonzero((counts == 0) & weights.free)]
    if weights.free.any() and not counts[~weights.free].any():
        empty = [*(names[j] for j in np.flatnonzero(~weights.free)), *empty]
    if not empty:
        return
    away = "its weight would be 0" if len(empty) == 1 else "their weights would be 0"
    if names[0] in empty:
        away = "the other weights, beside its 1, would be infinite"
    steps = tuple(merged(weights.intervals.steps, counts).tolist())
    fewer = f"fewer steps, StepSelection({steps}, ...); or " if steps else ""
    raise ModelError(
        f"no estimate has {listing(empty, separator=' or ')}: the highest likelihood does not exist, since {away}",
        f"estimates in every interval of p-values; there are {_counted(names, counts)}",
        f"{fewer}known weights; or NUTS(), where the weights have priors",
    )


def _counted(names: tuple[str, ...], counts: Counts) -> str:
    return ", ".join(f"{count} with {name}" for name, count in zip(names, counts, strict=True))


def _check_exists(maximum: Maximum, publication: Publication, mean: Means, label: str) -> None:
    """Refuse a likelihood that has no highest value."""
    if maximum.tops and maximum.exists:
        return
    likelihood = maximum.likelihood
    names = (*mean.structure.coefficients, *(("tau",) * likelihood.spreads), *publication.unknown)
    ends = ["finite values that were not found"]
    if maximum.tops:
        rising = maximum.top.theta > 0.0
        least = ["0" if j >= likelihood.p else "minus infinity" for j in range(likelihood.n)]
        mirrored = np.arange(likelihood.n) < (likelihood.p if publication.sign < 0.0 else 0)
        ends = [
            f"{names[j]} goes to {'infinity' if rising[j] != mirrored[j] else least[j]}"
            for j in np.flatnonzero(maximum.running)
        ]
    raise ModelError(
        f"{label}: the highest likelihood does not exist, it still rises as {listing(ends)}",
        "estimates that tell selection from a small or varying effect",
        "known weights, or NUTS() with priors on all parameters",
    )


def _quantities(mean: Means, publication: Publication, linear: SelectedMeans, without: Maximum) -> dict[str, Estimate]:
    maximum = linear.maximum
    quantities = {name: linear(c, new=False) for name, c in mean.linear.items()}
    if maximum.likelihood.tau2 is None:
        quantities |= _spread(maximum)
    elif maximum.tau2 > 0.0:
        quantities |= {"tau": Estimate(math.sqrt(maximum.tau2)), "tau2": Estimate(maximum.tau2)}
    if not math.isnan(linear.df) and maximum.likelihood.tau2 != 0.0:
        quantities |= {name: linear(c, new=True) for name, c in mean.new.items()}
    quantities |= _of_weights(maximum, publication)
    ratio = max(2.0 * (maximum.value - without.value), 0.0)
    df = maximum.likelihood.weights.q
    if _nests_no_selection(publication):
        quantities["LRT"] = Estimate(ratio, statistic=ratio, df=df, p_value=float(chdtrc(df, ratio)))
    return quantities


def _nests_no_selection(publication: Publication) -> bool:
    """Whether the weights, where they are unknown, may all be the same."""
    known = [value for value in publication.values.values() if not math.isnan(value)]
    return bool(publication.unknown) and all(value == publication.nothing for value in known)


@final
@dataclass(frozen=True)
class OfSpread:
    """tau2, or its root, of log(tau2 + c)."""

    c: float
    root: bool

    def __call__(self, value: float) -> float:
        """The function at a value."""
        tau2 = math.inf if math.isinf(value) else max(self.c * math.expm1(value - math.log(self.c)), 0.0)
        return math.sqrt(tau2) if self.root else tau2


@final
@dataclass(frozen=True)
class OfWeight:
    """A weight, or a parameter of a weight function, of its logarithm or of log(1 + delta)."""

    plus_one: bool

    def __call__(self, value: float) -> float:
        """The function at a value."""
        return math.inf if value == math.inf else math.expm1(value) if self.plus_one else math.exp(value)


def _spread(maximum: Maximum) -> dict[str, Estimate]:
    """Tau and tau2, where tau2 is unknown."""
    j, c = maximum.likelihood.p, maximum.likelihood.studies.typical
    sd = math.sqrt(float(maximum.covariance[j, j])) * (c + maximum.tau2)
    return {
        "tau": Estimate(math.sqrt(maximum.tau2), math.nan, ProfileLimits(maximum, j, OfSpread(c, True)), PROFILE),
        "tau2": Estimate(maximum.tau2, sd, ProfileLimits(maximum, j, OfSpread(c, False)), PROFILE),
    }


def _of_weights(maximum: Maximum, publication: Publication) -> dict[str, Estimate]:
    """Weights of steps, or parameters of a weight function; known ones without an interval."""
    first = maximum.likelihood.p + maximum.likelihood.spreads
    of_weight = OfWeight(publication.nothing == 0.0)
    shift = 1.0 if of_weight.plus_one else 0.0
    quantities, j = {}, first
    for name, value in publication.values.items():
        if not math.isnan(value):
            quantities[name] = Estimate(value)
            continue
        point = of_weight(float(maximum.top.theta[j]))
        sd = math.sqrt(float(maximum.covariance[j, j])) * (point + shift)
        quantities[name] = Estimate(point, sd, ProfileLimits(maximum, j, of_weight), PROFILE)
        j += 1
    return quantities


def _findings(maximum: Maximum) -> tuple[Finding, ...]:
    findings = notes.boundary("ML", maximum.tau2) if maximum.likelihood.tau2 is None else ()
    if not maximum.top.settled:
        sentence = "Newton's method did not reach the top of the likelihood: the estimates are not the best ones."
        findings += (Finding("not_converged", sentence),)
    return findings


def _notes(publication: Publication, maximum: Maximum, quantities: dict[str, Estimate]) -> tuple[str, ...]:
    """What is to be known of the estimates."""
    said = [
        "All parameters are estimated by maximum likelihood, as if every estimate had been published by itself with "
        "the probability that the model states; mean effects are adjusted under the model."
    ]
    if isinstance(maximum.likelihood.weights, StepWeights):
        said += _notes_of_steps(publication, maximum.likelihood.weights, quantities)
    elif any(name in quantities and quantities[name].point == 0.0 for name in ("delta",)):
        said.append("The estimate of delta is 0, its smallest possible value: under this model nothing was selected.")
    unknown = unidentified(publication, quantities, float(np.abs(maximum.likelihood.studies.y).max()))
    said += [unknown] if unknown else []
    k = len(maximum.likelihood.studies.y)
    if "LRT" in quantities and k < LITTLE_POWER:
        said.append(
            f"With {k} estimates the likelihood-ratio test of no selection has little power: that it finds none is no "
            "evidence that there is none."
        )
    if "LRT" in quantities and publication.nothing == 0.0:
        said.append("Since delta cannot be below 0, the p of the likelihood-ratio test is up to twice too large.")
    if len(maximum.tops) > 1:
        said.append(f"The likelihood has {len(maximum.tops)} local maxima; the highest is reported.")
    return tuple(said)


def unidentified(publication: Publication, quantities: Mapping[str, Quantity], reach: float) -> str:
    """A sentence on the weights, or parameters of a weight function, that the data do not tell; empty without any.

    Parameters
    ----------
    publication : Publication
        What the model states.
    quantities : mapping of str to Quantity
        What a fit of it by maximum likelihood has, with profile-likelihood intervals.
    reach : float
        The largest estimate, in absolute value.

    Notes
    -----
    Where the upper limit of an interval is above 100, results are as well a hundred times likelier to be published than
    others as not: no field is known to select as strongly, so that such a limit is a want of data and no finding. Nor
    is a limit of the mean three times as far from 0 as any estimate.
    """
    wide = {
        name: limits for name in publication.unknown if not (limits := quantities[name].interval(USUAL))[1] <= MOST_SANE
    }
    if "mu" in quantities:
        limits = quantities["mu"].interval(USUAL)
        wide |= {} if max(abs(limits[0]), abs(limits[1])) <= FAR * reach else {"mu": limits}
    if not wide:
        return ""
    named = [f"{name} {show.interval(*limits)}" for name, limits in wide.items()]
    return (
        f"The data do not identify {listing(named)} ({show.level(USUAL)} profile likelihood): the mean depends on a "
        "selection that is next to unknown."
    )


def _notes_of_steps(publication: Publication, weights: StepWeights, quantities: dict[str, Estimate]) -> list[str]:
    names, counts = weights.intervals.names, weights.counts
    sides = "one" if publication.sides == 1 else "two"
    said = [f"The estimates by interval of {sides}-sided p: {_counted(names, counts)}."]
    above = [f"{name} = {quantities[name].point:.2f}" for name in publication.unknown if quantities[name].point > 1.0]
    if above:
        said.append(
            f"{listing(above)}: a weight above 1 says that such results are likelier to be published than those with "
            f"{names[0]}, the reverse of what is usually feared."
        )
    return said


def _absent(mean: Means, maximum: Maximum, quantities: dict[str, Estimate]) -> dict[str, str]:
    """Why quantities that other results have are not here."""
    absent = {**NOT_OF_SELECTION, **mean.absent}
    if maximum.likelihood.tau2 == 0.0:
        absent |= NO_SPREAD
    elif math.isnan(mean.structure.k - mean.p) or not set(mean.new) <= set(quantities):
        few = f"for a prediction interval {notes.too_few_to_predict(mean.structure.k)}"
        absent |= dict.fromkeys(mean.new, few)
    if "LRT" not in quantities:
        absent["LRT"] = "the weights are known, so that there is nothing to test"
    return {name: reason for name, reason in absent.items() if name not in quantities}
