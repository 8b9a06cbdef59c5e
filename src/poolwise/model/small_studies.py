"""Models in which small studies report larger effects: the mean of an estimate grows with its standard error."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray

from poolwise.design import Beside, Design, matrix, with_columns_beside
from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.model._priors import DEFAULT, check_known_tau, check_mu, check_tau, mu_prior, tau_prior, tau_words
from poolwise.model.assumption import Assumption
from poolwise.model.coefficients import (
    NO_SINGLE_MEAN,
    Coefficients,
    check_coefficients,
    explicit,
    explicit_of_each,
    formula_words,
    named_columns,
    named_priors_of,
    prior_lines,
)
from poolwise.model.publication import NOT_SAID, Direction, check_direction, check_reported, sign_of, unit_of
from poolwise.model.structure import Errors, NormalStructure, explicit_priors, new_studies, own_layer, row_units
from poolwise.priors import HalfCauchy, Prior

Array = NDArray[np.float64]
PET_SCALE, PEESE_SCALE = 1.0, 5.0
EQUAL = 1e-9  # relative difference of standard errors that rounding leaves


@dataclass(frozen=True)
class SmallStudies(Assumption):
    """What `PET` and `PEESE` share: a regression whose last column grows with the standard error."""

    mu: Prior | None = None
    b: Prior | None = None
    tau: Prior | None = None
    _: KW_ONLY
    tau_fixed: float | None = None
    direction: Direction = NOT_SAID
    moderators: str | Sequence[str] | None = None
    beta: Coefficients | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def label(self) -> str:
        """Words for tables."""
        return type(self).__name__ + _formula(self)

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about; none for a known tau."""
        return _named_priors(self)

    @property
    def one_tau(self) -> bool:
        """About the means that the standard errors give."""
        return True

    @property
    def has_coefficients(self) -> bool:
        """The slope has a unit of its own, and mu is the mean effect of no study of the table."""
        return True

    def resolved(self, effects: Effects) -> Self:
        """The same model with every prior explicit for this study table."""
        return replace(self, **_resolved(self, effects))

    @abstractmethod
    def slope_prior(self, unit: float | None) -> Prior | None:
        """The usual prior on the slope, given the unit of the effects; None where that has to be known and is not."""

    @abstractmethod
    def default_b(self, effects: Effects) -> Prior:
        """The prior on the slope where none is given."""

    @abstractmethod
    def size(self, se: Array) -> Array:
        """What b is the slope on, in the direction of what gets published."""

    def regressor(self, se: Array) -> Array:
        """What b is the slope on."""
        return sign_of(self.direction) * self.size(se)

    def structure(self, effects: Effects) -> NormalStructure:
        """What the model states on a study table: a meta-regression on the standard error, or on its square."""
        return _structure(self, effects)


@final
@dataclass(frozen=True)
class PET(SmallStudies):
    """Precision-effect test: y_i ~ Normal(theta_i, se_i), theta_i ~ Normal(mu + d b se_i, tau).

    d is 1, or -1 where results below 0 are likelier to be published. mu is the mean effect in a study without sampling
    error, b how much more an estimate shows in the direction of what gets published for each unit of its standard
    error. theta_i has that share of small studies in it; theta_new is the true effect in a new study without it.

    Attributes
    ----------
    mu : Prior, optional
        Prior on the mean effect at se = 0; the scale's default when None. With moderators see `beta`.
    b : Prior, optional
        Prior on the slope, on the whole line or on [0, inf). HalfCauchy(1) when None, which asks for `direction`.
    tau : Prior, optional
        Prior on the between-study standard deviation; the scale's default when None.
    tau_fixed : float, optional
        A known standard deviation instead of a prior; 0 is the common effect.
    direction : {"positive", "negative"}, optional
        In which direction results are likelier to be published; that is the direction of b. Only a prior that knows one
        side of 0 needs it: left out, b is the slope on se itself, as by ``ClosedForm()`` or under ``b=Normal(0, 1)``.
    moderators : str or sequence of str, optional
        A formula or names of columns, as in `MetaRegression`: theta_i ~ Normal(x_i beta + d b se_i, tau).
    beta : Prior or mapping of str to Prior, optional
        Priors on the coefficients, as in `MetaRegression`; flat when None.

    Notes
    -----
    Half-Cauchy(1) on b is that of robust Bayesian meta-analysis: b has no unit, estimates that are published for their
    significance alone show 1.96 of their standard errors or more, and nothing pulls b away from 0. It has one side,
    since bias has a direction.

    References
    ----------
    Stanley & Doucouliagos 2014, Research Synthesis Methods 5:60, 10.1002/jrsm.1095, for PET; Bartoš, Maier,
    Wagenmakers, Doucouliagos & Stanley 2023, Research Synthesis Methods 14:99, 10.1002/jrsm.1594, for the prior.

    Examples
    --------
    >>> print(*PET(direction="negative").statement()[:2], sep="; ")
    y_i ~ Normal(theta_i, se_i); theta_i ~ Normal(mu - b se_i, tau)
    """

    kind_in_files: ClassVar[str] = "pet"
    purpose: ClassVar[str] = "a mean freed of small-study effects that grow with the standard error"

    def slope_prior(self, unit: float | None) -> Prior:
        """HalfCauchy(1), whatever the unit of the effects."""
        return HalfCauchy(PET_SCALE)

    def default_b(self, effects: Effects) -> Prior:
        """HalfCauchy(1)."""
        return HalfCauchy(PET_SCALE)

    def size(self, se: Array) -> Array:
        """The standard error."""
        return se

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return _statement(self, "se_i")


@final
@dataclass(frozen=True)
class PEESE(SmallStudies):
    """Precision-effect estimate with standard error: theta_i ~ Normal(mu + d b se_i^2, tau).

    As `PET` with the square of the standard error, whose slope at se = 0 is 0: if there is an effect, studies precise
    enough are significant anyway, and not selected. The unit of b is that of 1 / effect.

    Attributes
    ----------
    mu : Prior, optional
        Prior on the mean effect at se = 0; the scale's default when None. With moderators see `beta`.
    b : Prior, optional
        Prior on the slope, on the whole line or on [0, inf). HalfCauchy(5 / unit) when None, which asks for `direction`
        and for a scale whose unit is known: 1 for standardised mean differences, 2 for log ratios, 0.5 for Fisher's z.
    tau, tau_fixed, direction, moderators, beta
        As in `PET`.

    Notes
    -----
    Half-Cauchy(5) on b, for standardised mean differences, is that of robust Bayesian meta-analysis. b se^2 is an
    effect, so that b is divided by the unit of the effects as the prior on mu is multiplied by it.

    References
    ----------
    Stanley & Doucouliagos 2014, Research Synthesis Methods 5:60, 10.1002/jrsm.1095, for PEESE; Bartoš, Maier,
    Wagenmakers, Doucouliagos & Stanley 2023, Research Synthesis Methods 14:99, 10.1002/jrsm.1594, for the prior.

    Examples
    --------
    >>> print(*PEESE(direction="positive").statement()[:2], sep="; ")
    y_i ~ Normal(theta_i, se_i); theta_i ~ Normal(mu + b se_i^2, tau)
    """

    kind_in_files: ClassVar[str] = "peese"
    purpose: ClassVar[str] = "a mean freed of small-study effects that grow with the sampling variance"

    def slope_prior(self, unit: float | None) -> Prior | None:
        """HalfCauchy(5 / unit)."""
        return None if unit is None else HalfCauchy(PEESE_SCALE / unit)

    def default_b(self, effects: Effects) -> Prior:
        """HalfCauchy(5 / unit) where the unit of the effects is known."""
        prior = self.slope_prior(unit_of(effects))
        if prior is None:
            raise ModelError(
                f"no prior for b is given and the scale '{effects.scale}' has no default",
                "a prior that fits the unit of the effects",
                "PEESE(..., b=priors.HalfCauchy(5 / u)), u what would be 1 standard deviation in that unit",
            )
        return prior

    def size(self, se: Array) -> Array:
        """The square of the standard error."""
        return se**2

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return _statement(self, "se_i^2")


def _check(model: SmallStudies) -> None:
    check_mu(model.mu)
    if model.b is not None and not (isinstance(model.b, Prior) and model.b.positive):
        check_mu(model.b, "b")
    check_tau(model.tau)
    check_known_tau(model.tau, model.tau_fixed)
    if model.direction != NOT_SAID:
        check_direction(model.direction)
    if model.moderators is None:
        if model.beta is not None:
            raise ModelError("beta has priors and there are no moderators", "moderators='~ x', or mu=...")
        return
    object.__setattr__(model, "moderators", named_columns(model.moderators))
    check_coefficients(model.beta, "beta")
    if model.mu is not None:
        raise ModelError(
            f"mu has the prior {model.mu} beside moderators", "beta={'intercept': ...}, the prior on the intercept"
        )


def _formula(model: SmallStudies) -> str:
    return "" if model.moderators is None else f" {formula_words(model.moderators)}"


def _named_priors(model: SmallStudies) -> dict[str, Prior | None]:
    mean = {"mu": model.mu} if model.moderators is None else named_priors_of("beta", model.beta)
    return mean | {"b": model.b} | ({} if model.tau_fixed is not None else {"tau": model.tau})


def _resolved(model: SmallStudies, effects: Effects) -> dict[str, Any]:
    b = model.b
    if b is None:
        if model.direction == NOT_SAID:
            kind = type(model).__name__
            raise ModelError(
                f"{kind} has neither a prior for b nor a direction",
                "the direction in which results are likelier to be published, or a prior on both sides of 0",
                f"{kind}(direction='positive'), or {kind}(b=priors.Normal(0, s))",
            )
        b = model.default_b(effects)
    tau = model.tau if model.tau_fixed is not None else tau_prior(model.tau, effects, model)
    if model.moderators is None:
        return {"mu": mu_prior(model.mu, effects, model), "b": b, "tau": tau}
    design = matrix(effects, model.moderators)
    return {"beta": explicit(model.beta, design.own, "beta"), "b": b, "tau": tau}


def _design(model: SmallStudies, effects: Effects) -> Design:
    """The moderators, if there are any, and the regressor behind them."""
    mean = matrix(effects, model.moderators or "~ 1")
    return with_columns_beside(mean, (Beside("b", "se", model.regressor),), {"se": effects.se})


def _structure(model: SmallStudies, effects: Effects) -> NormalStructure:
    check_reported(effects, model.label, "which of them have large standard errors is")
    _refuse_equal(model, effects)
    design, layers = _design(model, effects), (own_layer(effects, "tau"),)
    alone = model.moderators is None
    names = ("mu",) if alone else tuple(f"beta[{name}]" for name in design.names[:-1])
    at_no_error = np.array([[1.0, 0.0]]) if alone else np.empty((0, design.p))
    new = ("theta_new",) if alone else ()
    priors = explicit_priors(model.named_priors) if alone else explicit_of_each(model, design.names[:-1])
    return NormalStructure(
        X=design.X,
        coefficients=(*names, "b"),
        layers=layers,
        errors=Errors.of(effects),
        priors=priors,
        new=new_studies(new, at_no_error, layers, [0] if alone else []),
        units=row_units(effects),
        known={} if model.tau_fixed is None else {"tau": float(model.tau_fixed)},
        absent={} if alone else dict.fromkeys(("mu", "theta_new"), NO_SINGLE_MEAN),
        design=design,
    )


def _refuse_equal(model: SmallStudies, effects: Effects) -> None:
    """Refuse standard errors that are all the same, which leave mu and b to their priors."""
    if effects.se.max() > effects.se.min() * (1.0 + EQUAL):
        return
    which = f"all {effects.k} standard errors are" if effects.k > 1 else "the only standard error is"
    raise ModelError(
        f"{which} {effects.se[0]:.4g}, so that nothing tells a bias of small studies from the mean effect, and "
        f"{model.label} has no answer but its priors",
        "standard errors that differ",
        "pw.StepSelection(direction=...), which looks at p-values",
    )


def _statement(model: SmallStudies, regressor: str) -> tuple[str, ...]:
    mean = "mu" if model.moderators is None else "x_i beta"
    x = "" if model.moderators is None else f", x {formula_words(model.moderators)}"
    mark = "-" if sign_of(model.direction) < 0 else "+"
    default = f"HalfCauchy({f'{PEESE_SCALE:g} / unit' if isinstance(model, PEESE) else f'{PET_SCALE:g}'})"
    if model.direction == NOT_SAID:
        default = f"{default}, once a direction is given"
    lines = (f"mu ~ {model.mu or DEFAULT}",) if model.moderators is None else prior_lines("beta", model.beta)
    return (
        "y_i ~ Normal(theta_i, se_i)",
        f"theta_i ~ Normal({mean} {mark} b {regressor}, tau){x}",
        *lines,
        f"b ~ {model.b or default}",
        tau_words(model.tau, model.tau_fixed),
    )
