"""Models in which small studies report larger effects: the mean of an estimate grows with its standard error."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar, Self, final

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
    explicit,
    explicit_of_each,
    formula_behind,
    formula_words,
    named_priors_of,
    prior_lines,
    settle_means,
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

    one_tau: ClassVar[bool] = True  # about the means that the standard errors give
    has_coefficients: ClassVar[bool] = True  # the slope has a unit of its own; mu is of no study of the table
    on: ClassVar[str]
    usual_scale: ClassVar[str]
    mu: Prior | None = None
    b: Prior | None = None
    tau: Prior | None = None
    _: KW_ONLY
    tau_fixed: float | None = None
    direction: Direction = NOT_SAID
    moderators: str | Sequence[str] | None = None
    beta: Coefficients | None = None

    def __post_init__(self) -> None:
        check_mu(self.mu)
        if self.b is not None and not (isinstance(self.b, Prior) and self.b.positive):
            check_mu(self.b, "b")
        check_tau(self.tau)
        check_known_tau(self.tau, self.tau_fixed)
        if self.direction != NOT_SAID:
            check_direction(self.direction)
        settle_means(self)

    @property
    def label(self) -> str:
        """Words for tables."""
        return type(self).__name__ + formula_behind(self.moderators)

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about; none for a known tau."""
        mean = {"mu": self.mu} if self.moderators is None else named_priors_of("beta", self.beta)
        return mean | {"b": self.b} | ({} if self.tau_fixed is not None else {"tau": self.tau})

    def resolved(self, effects: Effects) -> Self:
        """The same model with every prior explicit for this study table."""
        b = self.b
        if b is None:
            if self.direction == NOT_SAID:
                kind = type(self).__name__
                raise ModelError(
                    f"{kind} has neither a prior for b nor a direction",
                    "the direction in which results are likelier to be published, or a prior on both sides of 0",
                    f"{kind}(direction='positive'), or {kind}(b=priors.Normal(0, s))",
                )
            b = self.default_b(effects)
        tau = self.tau if self.tau_fixed is not None else tau_prior(self.tau, effects, self)
        if self.moderators is None:
            return replace(self, mu=mu_prior(self.mu, effects, self), b=b, tau=tau)
        beta = explicit(self.beta, matrix(effects, self.moderators).own, "beta")
        return replace(self, beta=beta, b=b, tau=tau)

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
        check_reported(effects, self.label, "which of them have large standard errors is")
        self._refuse_equal(effects)
        design, layers = self._design(effects), (own_layer(effects, "tau"),)
        alone = self.moderators is None
        names = ("mu",) if alone else tuple(f"beta[{name}]" for name in design.names[:-1])
        at_no_error = np.array([[1.0, 0.0]]) if alone else np.empty((0, design.p))
        new = ("theta_new",) if alone else ()
        priors = explicit_priors(self.named_priors) if alone else explicit_of_each(self, design.names[:-1])
        return NormalStructure(
            X=design.X,
            coefficients=(*names, "b"),
            layers=layers,
            errors=Errors.of(effects),
            priors=priors,
            new=new_studies(new, at_no_error, layers, [0] if alone else []),
            units=row_units(effects),
            known={} if self.tau_fixed is None else {"tau": float(self.tau_fixed)},
            absent={} if alone else dict.fromkeys(("mu", "theta_new"), NO_SINGLE_MEAN),
            design=design,
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        mean, x = ("mu", "") if self.moderators is None else ("x_i beta", f", x {formula_words(self.moderators)}")
        mark = "-" if sign_of(self.direction) < 0 else "+"
        default = f"HalfCauchy({self.usual_scale})"
        if self.direction == NOT_SAID:
            default = f"{default}, once a direction is given"
        lines = (f"mu ~ {self.mu or DEFAULT}",) if self.moderators is None else prior_lines("beta", self.beta)
        return (
            "y_i ~ Normal(theta_i, se_i)",
            f"theta_i ~ Normal({mean} {mark} b {self.on}, tau){x}",
            *lines,
            f"b ~ {self.b or default}",
            tau_words(self.tau, self.tau_fixed),
        )

    def _design(self, effects: Effects) -> Design:
        """The moderators, if there are any, and the regressor behind them."""
        mean = matrix(effects, self.moderators or "~ 1")
        return with_columns_beside(mean, (Beside("b", "se", self.regressor),), {"se": effects.se})

    def _refuse_equal(self, effects: Effects) -> None:
        """Refuse standard errors that are all the same, which leave mu and b to their priors."""
        if effects.se.max() > effects.se.min() * (1.0 + EQUAL):
            return
        which = f"all {effects.k} standard errors are" if effects.k > 1 else "the only standard error is"
        raise ModelError(
            f"{which} {effects.se[0]:.4g}, so that nothing tells a bias of small studies from the mean effect, and "
            f"{self.label} has no answer but its priors",
            "standard errors that differ",
            "pw.StepSelection(direction=...), which looks at p-values",
        )


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
    on: ClassVar[str] = "se_i"
    usual_scale: ClassVar[str] = f"{PET_SCALE:g}"

    def slope_prior(self, unit: float | None) -> Prior:
        """HalfCauchy(1), whatever the unit of the effects."""
        return HalfCauchy(PET_SCALE)

    def default_b(self, effects: Effects) -> Prior:
        """HalfCauchy(1)."""
        return HalfCauchy(PET_SCALE)

    def size(self, se: Array) -> Array:
        """The standard error."""
        return se


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
    on: ClassVar[str] = "se_i^2"
    usual_scale: ClassVar[str] = f"{PEESE_SCALE:g} / unit"

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
