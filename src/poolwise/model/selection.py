"""Models of what gets published: the probability of publication is a function of the p-value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal, final, get_args

import numpy as np

from poolwise.effects import Effects
from poolwise.errors import ModelError, listing, shown
from poolwise.model._priors import no_prior
from poolwise.model.assumption import Needs
from poolwise.model.before_selection import SelectionModel
from poolwise.model.coefficients import Coefficients, formula_behind
from poolwise.model.needs import MANY_WEIGHTS, OWN_WEIGHTS, SELECTED, SELECTED_BY_STEPS, SELECTED_MODERATORS
from poolwise.model.publication import NOT_SAID, Direction, Publication, as_steps
from poolwise.priors import Exponential, Fixed, HalfLogistic, LogNormal, Prior
from poolwise.selection.intervals import Intervals, Sides, bare, interval_names
from poolwise.selection.weights import Kind, SmoothFunction
from poolwise.settings import as_number, check_option

Deltas = Prior | Mapping[str, Prior]
Weights = Sequence[float] | Prior | Mapping[str, Prior]

UNIFORM_AT_HALF: dict[str, Prior] = {
    "halfnorm": Exponential(0.25),
    "negexp": Exponential(0.5),
    "logistic": HalfLogistic(2.0),
    "power": Exponential(math.log(2.0)),
}
"""Priors under which the weight at p = .5 is uniform between 0 and 1, as that of a step is."""
BETA_DELTA = LogNormal(0.0, 0.5)
NEAR = 1e-6  # of z: a distance from a cut that the rounding of a printed estimate exceeds
WORDS = {
    "beta": ("beta", "omega(p) = p^(delta[1] - 1) (1 - p)^(delta[2] - 1)"),
    "halfnorm": ("half-normal", "omega(p) = exp(-delta p^2)"),
    "negexp": ("negative exponential", "omega(p) = exp(-delta p)"),
    "logistic": ("logistic", "omega(p) = 2 exp(-delta p) / (1 + exp(-delta p))"),
    "power": ("power", "omega(p) = (1 - p)^delta"),
}


@final
@dataclass(frozen=True)
class StepSelection(SelectionModel):
    """Step weights: of two results the more significant one is likelier to be published, in steps of the p-value.

    With p_i the p-value of y_i / se_i in the direction of what gets published, eta_i the mean effect (mu, or x_i beta)
    and total variance se_i^2 + tau^2, an estimate that was published has the density

        f(y_i) = Normal(y_i; eta_i, se_i^2 + tau^2) omega(p_i) / A_i,   A_i = sum_j omega_j P(p_i in interval j),

    omega(p) = omega_j in interval j of p-values, omega_1 = 1 in the most significant one. The true effect is integrated
    out before the selection, which sees the estimate alone: theta_i given y_i does not depend on omega.

    Attributes
    ----------
    steps : sequence of float
        p-values at which the weight changes, rising, between 0 and 1; a p-value at a step is the more significant one.
    direction : {"positive", "negative"}
        In which direction results are likelier to be published. Asked for, since it is known of the field and not of
        the data; with two sides it changes nothing, and need not be given.
    sides : {1, 2}
        Whether steps are one-sided p-values, or two-sided ones, whose sign does not matter.
    mu : Prior, optional
        Prior on the mean effect before selection; the scale's default when None. With moderators see `beta`.
    tau : Prior or float, optional
        Prior on the between-study standard deviation; the scale's default when None; a number as `tau_fixed`.
    tau_fixed : float, optional
        A known standard deviation instead of a prior; 0 is the common effect.
    weights : sequence of float, Prior or mapping of str to Prior, optional
        Known weights, one for each interval, the first 1 (Vevea & Woods); or a prior on [0, inf) that each weight but
        the first has by itself, or one for each by its interval, ``{"p > .025": Beta(1, 1)}``. When None the weights
        fall with the p-value: cumulated shares of Dirichlet(1, ..., 1), which are order statistics of uniforms, at
        most 1.
    moderators : str or sequence of str, optional
        A formula or names of columns, as in `MetaRegression`; then eta_i = x_i beta.
    beta : Prior or mapping of str to Prior, optional
        Priors on the coefficients, as in `MetaRegression`; flat when None.

    Notes
    -----
    One step at one-sided .025 is the default: significance in the wanted direction at the usual two-sided level is what
    authors, reviewers and editors look at, and more steps ask for more studies than most tables have. The weights are
    relative probabilities of publication: that of the most significant interval is 1 whatever share of such studies
    was published. Falling weights are the default because a result that is less significant is hardly anywhere
    likelier to be published; a prior that is not so restricted can be given.

    References
    ----------
    Hedges 1992, Statistical Science 7:246, 10.1214/ss/1177011364; Vevea & Hedges 1995, Psychometrika 60:419,
    10.1007/BF02294384, equations 4 to 7; Vevea & Woods 2005, Psychological Methods 10:428, 10.1037/1082-989X.10.4.428,
    for known weights; Maier, Bartoš & Wagenmakers 2023, Psychological Methods, 10.1037/met0000405, for
    cumulated Dirichlet weights.

    Examples
    --------
    >>> print(*StepSelection((0.025, 0.5), direction="positive").statement()[-1:], sep="; ")
    1 = omega[p < .025] >= omega[.025 < p < .5] >= omega[p > .5], their differences ~ Dirichlet(1, 1, 1)
    """

    kind_in_files: ClassVar[str] = "step-selection"
    purpose: ClassVar[str] = "a mean freed of selection by steps of the p-value"
    always_needs: ClassVar[frozenset[str]] = frozenset({SELECTED_BY_STEPS})
    may_need: ClassVar[Needs] = {
        SELECTED_MODERATORS: lambda model: model.moderators is not None,
        OWN_WEIGHTS: lambda model: bool(model.weight_priors),
        MANY_WEIGHTS: lambda model: len(model.free_weights) > 4,
    }
    steps: Sequence[float] = (0.025,)
    _: KW_ONLY
    direction: Direction = NOT_SAID
    sides: Sides = 1
    mu: Prior | None = None
    tau: Prior | None = None
    tau_fixed: float | None = None
    weights: Weights | None = None
    moderators: str | Sequence[str] | None = None
    beta: Coefficients | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", as_steps(self.steps))
        self.settle()
        object.__setattr__(self, "weights", _weights(self.weights, self.interval_names))

    @property
    def label(self) -> str:
        """Words for tables."""
        sides = "one" if self.sides == 1 else "two"
        known = ", known weights" if self.known_weights is not None else ""
        steps = f"{sides}-sided {', '.join(map(bare, self.steps))}"
        return f"step weights ({steps}{known})" + formula_behind(self.moderators)

    @property
    def intervals(self) -> Intervals:
        """The intervals of p-values, from the most significant on."""
        return Intervals(np.array(self.steps), self.sides)

    @property
    def interval_names(self) -> tuple[str, ...]:
        """The intervals in words: ``"p < .025"``, ``".025 < p < .5"``, ``"p > .5"``."""
        return interval_names(self.steps)

    @property
    def weight_names(self) -> tuple[str, ...]:
        """Names of all weights as quantities, the first one's among them, which is 1: ``"omega[p < .025]"``, ..."""
        return tuple(f"omega[{name}]" for name in self.interval_names)

    @property
    def known_weights(self) -> tuple[float, ...] | None:
        """The weights where they are known, one for each interval; None where they are not."""
        return self.weights if isinstance(self.weights, tuple) else None

    @property
    def weight_priors(self) -> dict[str, Prior]:
        """Priors of the weights but the first by the names of the quantities; none for known and for falling ones."""
        own = self.weights if isinstance(self.weights, Mapping) else {}
        return {f"omega[{name}]": prior for name, prior in own.items()}

    @property
    def free_weights(self) -> tuple[str, ...]:
        """Names of the weights that are unknown."""
        return () if self.known_weights is not None else self.weight_names[1:]

    @property
    def publication(self) -> Publication:
        """Steps of p-values, and the weights between them."""
        known = self.known_weights
        return Publication(
            sign=self.sign,
            sides=self.sides,
            stated={self.weight_names[0]: 1.0} if known is None else dict(zip(self.weight_names, known, strict=True)),
            free=self.free_weights,
            priors=self.weight_priors,
            nothing=1.0,
            intervals=self.intervals,
        )

    def refuse(self, effects: Effects) -> None:
        """Refuse known weights of 0 where studies were published all the same, or a prior leaves mu or tau open."""
        if self.known_weights is None or min(self.known_weights) > 0.0:
            return
        place = self.intervals.holding(self.sign * effects.y / effects.se)
        never = [effects.labels[i] for i, j in enumerate(place.tolist()) if self.known_weights[j] == 0.0]
        if never:
            raise ModelError(
                f"studies were published whose weight is known to be 0: {listing(never)}",
                "weights above 0 wherever there are studies",
                "weights=None, which leaves them to the data",
            )
        improper = [f"{name} ~ {prior}" for name, prior in self.named_priors.items() if prior and not prior.proper]
        if improper:
            raise ModelError(
                f"{listing(improper)} beside a weight of 0: what is published has nearly the same law under a mean far "
                "below the step and a large tau, so that the posterior is improper",
                "proper priors",
            )

    def near_a_step(self, effects: Effects) -> tuple[str, ...]:
        """Labels of the studies whose z is within rounding of a cut, by 1 in a million."""
        z = self.sign * effects.y / effects.se
        size = np.abs(z) if self.sides == 2 else z
        near = (np.abs(size[:, None] - self.intervals.cuts) <= NEAR * np.maximum(np.abs(size), 1.0)[:, None]).any(
            axis=1
        )
        return tuple(f"'{effects.labels[i]}'" for i in np.flatnonzero(near))

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        names = self.weight_names
        if self.known_weights is not None:
            pairs = zip(names, self.known_weights, strict=True)
            weights = ", ".join(f"{name} = {weight:g}" for name, weight in pairs)
        elif self.weight_priors:
            weights = ", ".join([f"{names[0]} = 1", *(f"{one} ~ {prior}" for one, prior in self.weight_priors.items())])
        else:
            ones = ", ".join("1" for _ in names)
            weights = f"1 = {' >= '.join(names)}, their differences ~ Dirichlet({ones})"
        return (*self.lines(), f"omega(p) in steps of {self.sided} p", weights)


@final
@dataclass(frozen=True)
class WeightFunction(SelectionModel):
    """Smooth weights: the probability of publication is a function omega(p) of the p-value.

    With eta_i the mean effect (mu, or x_i beta) an estimate that was published has the density

        f(y_i) = Normal(y_i; eta_i, se_i^2 + tau^2) omega(p_i) / A_i,

    A_i the integral of Normal(y; eta_i, se_i^2 + tau^2) omega(p(y)) over y, where omega(p) is

    ============  =================================================
    kind          omega(p)
    ============  =================================================
    "beta"        p^(delta[1] - 1) (1 - p)^(delta[2] - 1)
    "halfnorm"    exp(-delta p^2)
    "negexp"      exp(-delta p)
    "logistic"    2 exp(-delta p) / (1 + exp(-delta p))
    "power"       (1 - p)^delta
    ============  =================================================

    delta >= 0, and 0 is no selection; delta[1], delta[2] > 0, and no selection where both are 1. Under the beta and the
    power function p-values nearer than 1e-5 to 0 or 1 count as 1e-5 from them, where weights would be infinite or 0.

    Attributes
    ----------
    kind : {"beta", "halfnorm", "negexp", "logistic", "power"}
    direction : {"positive", "negative"}
        In which direction results are likelier to be published. Asked for, since it is known of the field and not of
        the data; with two sides it changes nothing, and need not be given.
    sides : {1, 2}
        Whether p is the one-sided p-value in that direction or the two-sided one.
    mu, tau, tau_fixed, moderators, beta
        As in `StepSelection`.
    delta : Prior or mapping of str to Prior, optional
        Prior on delta; of the beta function one for both, or ``{"1": ..., "2": ...}``. `Fixed` states a known value.
    prec : {"sei"}, optional
        Whether delta is multiplied by se_i / max(se), so that precise studies are published whatever they found; not
        with the beta function.

    Notes
    -----
    The default priors on delta make the weight at p = .5, where half of all results lie if there is no effect, uniform
    between 0 and 1, as that of a step is: Exponential(1/4) for the half-normal, Exponential(1/2) for the negative
    exponential, HalfLogistic(2) for the logistic, Exponential(log 2) for the power function. LogNormal(0, 0.5) on both
    parameters of the beta function is centred on no selection; at one standard deviation, delta[1] = .6, p = .05 is
    published .4 times as often as p = .005. Precision plays no part unless `prec` says so, as in metafor.

    References
    ----------
    Citkowicz & Vevea 2017, Psychological Methods 22:28, 10.1037/met0000119, for the beta function; Preston, Ashby &
    Smyth 2004, J. Evaluation in Clinical Practice 10:313, 10.1111/j.1365-2753.2003.00457.x, for the half-normal,
    negative exponential and logistic ones, and for precision.

    Examples
    --------
    >>> WeightFunction("negexp", direction="positive").statement()[-2:]
    ('omega(p) = exp(-delta p), p one-sided', 'delta ~ Exponential(0.5)')
    """

    kind_in_files: ClassVar[str] = "weight-function"
    purpose: ClassVar[str] = "a mean freed of selection that fades smoothly with the p-value"
    always_needs: ClassVar[frozenset[str]] = frozenset({SELECTED})
    kind: Kind
    _: KW_ONLY
    direction: Direction = NOT_SAID
    sides: Sides = 1
    mu: Prior | None = None
    tau: Prior | None = None
    tau_fixed: float | None = None
    delta: Deltas | None = None
    prec: Literal["sei"] | None = None
    moderators: str | Sequence[str] | None = None
    beta: Coefficients | None = None

    def __post_init__(self) -> None:
        check_option("kind", self.kind, get_args(Kind))
        self.settle()
        if self.prec is not None:
            check_option("prec", self.prec, ("sei",))
        if self.prec is not None and self.kind == "beta":
            raise ModelError("prec is given beside the beta function", "one of the other kinds", "prec=None")
        object.__setattr__(self, "delta", _deltas(self.kind, self.delta))

    @property
    def label(self) -> str:
        """Words for tables."""
        two = "" if self.sides == 1 else " of two-sided p"
        scaled = "" if self.prec is None else ", by precision"
        return f"{WORDS[self.kind][0]} weights{two}{scaled}" + formula_behind(self.moderators)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters of omega."""
        return ("delta[1]", "delta[2]") if self.kind == "beta" else ("delta",)

    @property
    def delta_priors(self) -> dict[str, Prior]:
        """The priors on them."""
        if isinstance(self.delta, Mapping):
            return {f"delta[{place}]": prior for place, prior in self.delta.items()}
        assert self.delta is not None
        return {"delta": self.delta}

    @property
    def publication(self) -> Publication:
        """A smooth function of the p-value, and its parameters."""
        return Publication(
            sign=self.sign,
            sides=self.sides,
            stated={},
            free=self.parameters,
            priors=self.delta_priors,
            nothing=1.0 if self.kind == "beta" else 0.0,
            smooth=SmoothFunction(self.kind, self.sides, self.prec is not None),
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        weight = WORDS[self.kind][1]
        scaled = "" if self.prec is None else ", delta multiplied by se_i / max(se)"
        return (
            *self.lines(),
            f"{weight}, p {self.sided}{scaled}",
            *(f"{name} ~ {prior}" for name, prior in self.delta_priors.items()),
        )


Selection = StepSelection | WeightFunction


def _weights(weights: Any, names: tuple[str, ...]) -> tuple[float, ...] | dict[str, Prior] | None:
    """Known weights as a tuple, priors by interval."""
    if weights is None:
        return None
    if isinstance(weights, Prior):
        weights = dict.fromkeys(names[1:], weights)
    if isinstance(weights, Mapping):
        if set(weights) != set(names[1:]):
            raise ModelError(
                f"weights has priors for {listing(weights)}", f"one for each of {listing(names[1:])}, the first being 1"
            )
        return {name: _on_half_line(weights[name], f"omega[{name}]", "Beta(1, 1)") for name in names[1:]}
    expected = (
        f"{len(names)} numbers of at least 0, one for each interval of p-values, the first 1; or a prior; or None"
    )
    sequence = isinstance(weights, Sequence | np.ndarray) and not isinstance(weights, str)
    numbers = tuple(as_number(weight) for weight in weights) if sequence else ()
    if len(numbers) != len(names) or not all(0.0 <= weight < math.inf for weight in numbers) or numbers[0] != 1.0:
        advice = f"weights={(1.0, *[0.5] * (len(names) - 1))}" if len(names) < 6 else ""
        raise ModelError(f"weights = {shown(weights)}", expected, advice)
    return numbers


def _deltas(kind: str, delta: object) -> Deltas:
    """The priors on the parameters of a weight function, explicit."""
    if kind != "beta":
        prior = UNIFORM_AT_HALF[kind] if delta is None else delta
        return _on_half_line(prior, "delta", "Exponential(0.5)")
    if delta is None or isinstance(delta, Prior):
        return dict.fromkeys(("1", "2"), _on_half_line(delta or BETA_DELTA, "delta", "LogNormal(0, 0.5)"))
    if not isinstance(delta, Mapping) or set(delta) != {"1", "2"}:
        expected = "a prior for both parameters of the beta function, or one for each"
        raise ModelError(f"delta = {shown(delta)}", expected, "delta={'1': LogNormal(0, 0.5), '2': Fixed(1)}")
    return {place: _on_half_line(delta[place], f"delta[{place}]", "LogNormal(0, 0.5)") for place in ("1", "2")}


def _on_half_line(prior: Any, name: str, usual: str) -> Prior:
    """A proper prior on [0, inf), or a known value of at least 0."""
    known = isinstance(prior, Fixed) and prior.value >= 0.0
    if known or (isinstance(prior, Prior) and prior.positive and prior.proper):
        return prior
    raise no_prior(name, prior, "a proper prior on [0, inf)", f"{usual}, or Fixed(1) for a known value")
