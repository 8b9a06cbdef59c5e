"""Models of a mean effect that differs between studies in a known way: by moderators, of the mean or of the spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, final

import numpy as np

from poolwise.design import INTERCEPT, NEW_LEVEL, Design, matrix
from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.model._priors import (
    DEFAULT,
    check_known_tau,
    check_tau,
    tau_prior,
    tau_words,
)
from poolwise.model.assumption import Designed, Needs
from poolwise.model.coefficients import (
    NO_SINGLE_MEAN,
    Coefficients,
    check_coefficients,
    explicit,
    explicit_of_each,
    formula_words,
    has_horseshoe,
    named_columns,
    named_priors_of,
    prior_lines,
)
from poolwise.model.levels import Pooled, named_factors, with_levels
from poolwise.model.missing_levels import MissingLevels, missing_levels, words_with_gaps
from poolwise.model.needs import POOLED, SCALE_MODERATORS, UNCERTAIN
from poolwise.model.structure import (
    Errors,
    Exchangeable,
    Layer,
    NormalStructure,
    new_studies,
    own_layer,
    row_units,
)
from poolwise.model.uncertain import Uncertain, uncertain
from poolwise.priors import Normal, Prior
from poolwise.settings import check_option

MISSING = "missing x_ij ~ Normal(m_j, s_j), or, of words, x_ij ~ Categorical(pi_j), pi_j ~ Dirichlet(1, ..., 1)"


@final
@dataclass(frozen=True, eq=False)
class RegressionBasis:
    """The design of a meta-regression, with expected values in the place of open ones, and what is open."""

    design: Design
    gaps: MissingLevels | None
    uncertain: Uncertain | None


@final
@dataclass(frozen=True)
class MetaRegression(Designed[RegressionBasis]):
    """Meta-regression: y_i ~ Normal(theta_i, se_i), theta_i ~ Normal(x_i beta, tau).

    Attributes
    ----------
    moderators : str or sequence of str
        A formula, ``"~ ablat"``, or names of columns, ``["ablat", "alloc"]``; `poolwise.design` shows what it
        makes. A formula is evaluated as Python: it comes from a caller's own code only, never from a file.
    beta : Prior or mapping of str to Prior, optional
        Prior on every coefficient, or on those named (``{"intercept": Normal(0, 1)}``; the others are flat).
        Flat when None: a coefficient's unit is that of its moderator, so that no default would fit. A
        `RegularizedHorseshoe` is one joint prior on all coefficients but the intercept, or on those named with it.
    tau : Prior, optional
        Prior on the residual between-study standard deviation; the scale's default when None.
    tau_fixed : float, optional
        A known residual standard deviation instead of a prior; 0 gives the common-effect regression.
    missing : {"error", "model"}
        What a missing value of a moderator is: an error, or an unknown, missing at random and independent of the other
        moderators. Numbers are x_i ~ Normal(m, s), m ~ Normal(mean, sd) and s ~ HalfNormal(2 sd) of the observed
        values; words, whose level is c with probability pi[c], pi ~ Dirichlet(1, ..., 1) over the observed levels, of
        which the observed ones are draws. One of the two kinds in one model. NUTS only.
    errors : mapping of str to str, optional
        By moderator that is measured with error, the column of the standard errors of its values: what was observed
        is Normal(x_i, se_x_i), x_i ~ Normal(m, s) as above. NUTS only.
    pooled : sequence of str or mapping of str to Prior, optional
        Factors, columns of words or numbers, whose levels have effects u ~ Normal(0, sd[factor]) that are added to
        x_i beta: partially pooled, none of them a reference. With a prior on each sd, or the scale's default for tau.
        ``"study"`` and ``"outcome"`` may be named too. NUTS only.

    Notes
    -----
    beta is flat, since a coefficient's unit is that of its moderator. A missing value is an error unless its law is
    asked for, since values that miss for a reason would mislead.

    References
    ----------
    Thompson & Higgins 2002, Statistics in Medicine 21:1559, 10.1002/sim.1187; Carroll et al. 2006, Measurement Error in
    Nonlinear Models, 2nd ed., chapter 8, 10.1201/9781420010138, for errors; Gelman & Hill 2007, Data Analysis Using
    Regression and Multilevel/Hierarchical Models, 10.1017/CBO9780511790942, for partial pooling.

    Examples
    --------
    >>> from poolwise import priors
    >>> print(*MetaRegression("~ ablat", tau=priors.HalfNormal(0.5)).statement(), sep="; ")
    y_i ~ Normal(theta_i, se_i); theta_i ~ Normal(x_i beta, tau), x ~ ablat; beta ~ Flat(); tau ~ HalfNormal(0.5)
    """

    kind_in_files: ClassVar[str] = "meta-regression"
    purpose: ClassVar[str] = "whether the effect changes with properties of the studies"
    may_need: ClassVar[Needs] = {
        UNCERTAIN: lambda model: model.takes_uncertain,
        POOLED: lambda model: bool(model.pooled),
    }
    one_tau: ClassVar[bool] = True  # about the means that the moderators give
    moderators: str | Sequence[str]
    beta: Coefficients | None = None
    tau: Prior | None = None
    tau_fixed: float | None = None
    missing: Literal["error", "model"] = "error"
    errors: Mapping[str, str] | None = None
    pooled: Pooled | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "moderators", named_columns(self.moderators))
        check_option("missing", self.missing, ("error", "model"))
        if self.errors is not None and not isinstance(self.errors, Mapping):
            expected = "the column of standard errors of each uncertain moderator"
            raise ModelError(f"errors = {self.errors!r}", expected, "errors={'dose': 'dose_se'}")
        if self.takes_uncertain and self.tau_fixed is not None:
            raise ModelError(
                f"tau_fixed = {self.tau_fixed} beside uncertain moderators", "a prior on tau", "tau=HalfNormal(0.5)"
            )
        check_coefficients(self.beta, "beta")
        check_tau(self.tau)
        check_known_tau(self.tau, self.tau_fixed)
        if self.pooled is not None:
            object.__setattr__(self, "pooled", named_factors(self.pooled) or None)
        for factor, prior in self._sds().items():
            check_tau(prior, f"sd[{factor}]")
        if self.takes_uncertain and self.shares_priors:
            raise ModelError("uncertain moderators beside pooled levels or a regularised horseshoe", "one of the two")

    @property
    def label(self) -> str:
        """Words for tables."""
        return f"meta-regression {self._whole_formula()}"

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about; none for a known tau."""
        tau = {} if self.tau_fixed is not None else {"tau": self.tau}
        return named_priors_of("beta", self.beta) | {f"sd[{name}]": prior for name, prior in self._sds().items()} | tau

    @property
    def shares_priors(self) -> bool:
        """Whether coefficients share an unknown scale: pooled levels, or a regularised horseshoe."""
        return bool(self.pooled) or has_horseshoe(self.beta)

    def _sds(self) -> dict[str, Prior | None]:
        pooled = self.pooled or ()
        return dict(pooled) if isinstance(pooled, Mapping) else dict.fromkeys(pooled)

    def _whole_formula(self) -> str:
        return " + ".join([formula_words(self.moderators), *(f"(1 | {name})" for name in self._sds())])

    @property
    def takes_uncertain(self) -> bool:
        """Whether moderators may be missing or are measured with error."""
        return self.missing == "model" or bool(self.errors)

    def uncertain(self, effects: Effects) -> Uncertain | None:
        """The numbers among the moderators of a study table that are uncertain; None where all are known."""
        modelled = self.missing == "model"
        if not self.takes_uncertain or (modelled and words_with_gaps(effects, self.moderators)):
            return None
        unknown = uncertain(effects, self.moderators, self.errors or {}, missing=modelled)
        return unknown if unknown.names else None

    def missing_levels(self, effects: Effects) -> MissingLevels | None:
        """The moderators of words whose levels are missing for some studies; None where all are known."""
        return missing_levels(effects, self.moderators, self.errors or {}) if self.missing == "model" else None

    def design(self, effects: Effects) -> Design:
        """The design matrix on a study table, with expected values in the place of missing ones that are modelled."""
        return self.basis(effects).design

    def basis(self, effects: Effects) -> RegressionBasis:
        """The design, and what is uncertain of it."""
        gaps = self.missing_levels(effects)
        uncertain = self.uncertain(effects) if gaps is None else None
        design = matrix(effects, self.moderators) if (known := gaps or uncertain) is None else known.design
        if self.pooled:
            design = with_levels(design, effects, list(self._sds()))
        return RegressionBasis(design, gaps, uncertain)

    def resolved_on(self, effects: Effects, basis: RegressionBasis) -> MetaRegression:
        """The same model with every prior explicit for this study table."""
        tau = self.tau if self.tau_fixed is not None else tau_prior(self.tau, effects, self)
        sds = {name: tau_prior(prior, effects, self, f"sd[{name}]") for name, prior in self._sds().items()}
        beta = explicit(self.beta, basis.design.own, "beta")
        return replace(self, beta=beta, tau=tau, pooled=sds or None)

    def structure_on(self, effects: Effects, basis: RegressionBasis) -> NormalStructure:
        """Means by a design, and a true effect of its own for each study."""
        design, own = basis.design, len(basis.design.own)
        layers = (own_layer(effects, "tau"),)
        pooled = tuple(
            Exchangeable(tuple(f"u[{factor}: {level}]" for level in (*levels, NEW_LEVEL)), "", f"sd[{factor}]")
            for factor, levels in design.pooled.items()
        )
        return NormalStructure(
            X=design.X,
            coefficients=tuple(f"{'beta' if j < own else 'u'}[{name}]" for j, name in enumerate(design.names)),
            layers=layers,
            errors=Errors.of(effects),
            priors=explicit_of_each(self, design.own),
            new=new_studies((), np.empty((0, design.p)), layers, []),
            units=row_units(effects),
            exchangeable=pooled,
            known={} if self.tau_fixed is None else {"tau": float(self.tau_fixed)},
            absent=dict.fromkeys(("mu", "theta_new"), NO_SINGLE_MEAN),
            design=design,
            gaps=basis.gaps,
            uncertain=basis.uncertain,
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return (
            "y_i ~ Normal(theta_i, se_i)",
            f"theta_i ~ Normal({' + '.join(['x_i beta', *(f'u_{name}[i]' for name in self._sds())])}, tau), "
            f"x {formula_words(self.moderators)}",
            *(f"u_{name} ~ Normal(0, sd[{name}])" for name in self._sds()),
            *prior_lines("beta", self.beta),
            *(f"sd[{name}] ~ {prior or DEFAULT}" for name, prior in self._sds().items()),
            tau_words(self.tau, self.tau_fixed),
            *((MISSING,) if self.missing == "model" else ()),
            *(f"{x} ~ Normal(x_i, {se}), x_i ~ Normal(m, s)" for x, se in (self.errors or {}).items()),
        )


@final
@dataclass(frozen=True)
class LocationScale(Designed[tuple[Design, Design]]):
    """Location-scale model: theta_i ~ Normal(x_i beta, tau_i), log tau_i = log tau + (z_i - mean of z) gamma.

    Attributes
    ----------
    scale : str or sequence of str
        Moderators of the heterogeneity: a formula or names of columns; at most three coefficients.
    moderators : str or sequence of str
        Moderators of the mean effect.
    beta : Prior or mapping of str to Prior, optional
        As in `MetaRegression`.
    tau : Prior, optional
        Prior on the between-study standard deviation at the mean of the scale moderators; the scale's default
        when None.
    gamma : Prior or mapping of str to Prior, optional
        Normal priors on the coefficients of log tau; Normal(0, 1 / sd(z_j)) for those without one.

    Notes
    -----
    The mean has an intercept alone unless moderators are named. Normal(0, 1 / sd(z_j)) on gamma lets one sd of a
    moderator change tau by a factor of e, about 2.7, at one prior sd, whatever its unit.

    References
    ----------
    Viechtbauer & López-López 2022, Research Synthesis Methods 13:697, 10.1002/jrsm.1562.

    Examples
    --------
    >>> print(LocationScale("~ year").statement()[1])
    theta_i ~ Normal(x_i beta, tau_i), x ~ 1; log tau_i = log tau + (z_i - mean z) gamma, z ~ year
    """

    kind_in_files: ClassVar[str] = "location-scale"
    purpose: ClassVar[str] = "whether the spread of true effects, too, changes with properties of the studies"
    always_needs: ClassVar[frozenset[str]] = frozenset({SCALE_MODERATORS})
    scale: str | Sequence[str]
    moderators: str | Sequence[str] = "~ 1"
    beta: Coefficients | None = None
    tau: Prior | None = None
    gamma: Coefficients | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", named_columns(self.scale))
        object.__setattr__(self, "moderators", named_columns(self.moderators, may_be_none=True))
        check_coefficients(self.beta, "beta")
        check_coefficients(self.gamma, "gamma")
        check_tau(self.tau)
        if has_horseshoe(self.beta):
            raise ModelError(
                f"{', '.join(prior_lines('beta', self.beta))} in a location-scale model", "MetaRegression(...)"
            )

    @property
    def label(self) -> str:
        """Words for tables."""
        return f"location {formula_words(self.moderators)}, scale {formula_words(self.scale)}"

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about."""
        return named_priors_of("beta", self.beta) | {"tau": self.tau} | named_priors_of("gamma", self.gamma)

    def design(self, effects: Effects) -> Design:
        """The design matrix of the mean effect."""
        return matrix(effects, self.moderators)

    def scale_design(self, effects: Effects) -> Design:
        """The design matrix of log tau, its first column the intercept."""
        design = matrix(effects, self.scale)
        if design.names[:1] != (INTERCEPT,) or not 2 <= design.p <= 4:
            raise ModelError(
                f"the scale {design.formula} has the coefficients {', '.join(design.names)}",
                "an intercept and one to three more",
                "LocationScale('~ year')",
            )
        return design

    def basis(self, effects: Effects) -> tuple[Design, Design]:
        """The designs of log tau and of the mean effect."""
        return self.scale_design(effects), self.design(effects)

    def resolved_on(self, effects: Effects, basis: tuple[Design, Design]) -> LocationScale:
        """The same model with every prior explicit for this study table."""
        z, names = basis[0], basis[1].names
        if len(names) + z.p >= effects.k:
            raise ModelError(
                f"{self.label}: {len(names) + z.p} coefficients ({', '.join(names)} of the mean; "
                f"{', '.join(z.names)} of log tau) for {effects.k} studies",
                "fewer coefficients than studies, best ten studies for each",
                "fewer moderators",
            )
        spread = dict(zip(z.names[1:], z.X[:, 1:].std(axis=0).tolist(), strict=True))
        usual: dict[str, Prior] = {name: Normal(0.0, 1.0 / sd) for name, sd in spread.items()}
        named = self.gamma if isinstance(self.gamma, Mapping) else None
        stated = {} if self.gamma is None else explicit(self.gamma, z.names[1:], "gamma")
        gamma = usual | {name: prior for name, prior in stated.items() if named is None or name in named}
        return replace(
            self, beta=explicit(self.beta, names, "beta"), tau=tau_prior(self.tau, effects, self), gamma=gamma
        )

    def structure_on(self, effects: Effects, basis: tuple[Design, Design]) -> NormalStructure:
        """Means by a design, heterogeneity by another one."""
        scale, design = basis
        Z, rows = scale.X[:, 1:], np.arange(effects.k)
        gammas = tuple(f"gamma[{name}]" for name in scale.names[1:])
        layers = (Layer(("tau",), np.zeros_like(rows), rows, Z - Z.mean(axis=0), gammas),)
        return NormalStructure(
            X=design.X,
            coefficients=tuple(f"beta[{name}]" for name in design.names),
            layers=layers,
            errors=Errors.of(effects),
            priors=explicit_of_each(self, design.names),
            new=new_studies((), np.empty((0, design.p)), layers, []),
            units=row_units(effects),
            absent=dict.fromkeys(("mu", "theta_new"), NO_SINGLE_MEAN),
            design=design,
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return (
            "y_i ~ Normal(theta_i, se_i)",
            f"theta_i ~ Normal(x_i beta, tau_i), x {formula_words(self.moderators)}; "
            f"log tau_i = log tau + (z_i - mean z) gamma, z {formula_words(self.scale)}",
            *prior_lines("beta", self.beta),
            tau_words(self.tau, None),
            *(prior_lines("gamma", self.gamma) if self.gamma is not None else ("gamma_j ~ Normal(0, 1 / sd(z_j))",)),
        )
