"""Models with effects in groups: several effects of one study, several outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, final

import numpy as np

from poolwise.design import Design, matrix, names_in
from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, nearest, shown
from poolwise.model._priors import DEFAULT, DEFAULT_TAU_SPREAD, check_mu, check_tau, mu_prior, tau_prior
from poolwise.model.assumption import Assumption, Designed
from poolwise.model.coefficients import (
    NO_SINGLE_MEAN,
    Coefficients,
    check_coefficients,
    explicit,
    explicit_of_each,
    formula_behind,
    formula_words,
    has_horseshoe,
    named_columns,
    named_priors_of,
    prior_lines,
)
from poolwise.model.needs import CLUSTERS, EXCHANGEABLE
from poolwise.model.structure import (
    Errors,
    Exchangeable,
    Layer,
    NormalStructure,
    Units,
    explicit_priors,
    layer,
    new_studies,
    numbered,
    own_layer,
    row_units,
    units,
)
from poolwise.priors import Prior
from poolwise.settings import as_number

EACH_OUTCOME = {
    "theta_new": "each outcome has its own: theta_new[<outcome>]",
    "tau2": "each outcome has its own: tau2[<outcome>]",
    "I2": "a typical sampling variance belongs to one outcome: fit each by RandomEffects for its I2",
}


@final
@dataclass(frozen=True)
class ThreeLevel(Designed[Design | None]):
    """Effects i within clusters j: theta_ij ~ Normal(mu_j, tau_within), mu_j ~ Normal(mu, tau_between).

    With `moderators`, theta_ij ~ Normal(x_ij beta + u_j, tau_within), u_j ~ Normal(0, tau_between); a moderator may
    differ between clusters, within them, or both. With `rho`, the estimates of one cluster have sampling errors that
    correlate by rho (the correlated and hierarchical effects model, CHE).

    Attributes
    ----------
    cluster : str
        What the effects are clustered in: ``"study"`` (the studies as given, see `Effects.study_as_given`), or the
        name of a moderator.
    mu : Prior, optional
        Prior on the mean effect; the scale's default when None.
    tau_between, tau_within : Prior, optional
        Priors on the standard deviations between and within clusters; the scale's default for tau when None.
    rho : float
        Correlation of the sampling errors within a cluster, 0 <= rho < 1.
    moderators : str or sequence of str, optional
        What mean effects depend on: a formula, ``"~ year"``, or names of columns, ``["year", "deltype"]``, as in
        `MetaRegression`. One mean effect mu for all when None.
    beta : Prior or mapping of str to Prior, optional
        Prior on every coefficient, or on those named (``{"intercept": Normal(0, 1)}``; the others are flat), in the
        place of `mu`. Flat when None.

    Notes
    -----
    Effects are clustered in studies, the usual case. The scale's prior on tau stands on both standard deviations, since
    neither level is known to vary less. rho = 0 is the hierarchical effects model: a correlation of errors has to be
    known or assumed, and then reported. beta is flat, since a coefficient's unit is that of its moderator.

    References
    ----------
    Konstantopoulos 2011, Research Synthesis Methods 2:61, 10.1002/jrsm.35; Pustejovsky & Tipton 2022, Prevention
    Science 23:425, 10.1007/s11121-021-01246-3; Thompson & Higgins 2002, Statistics in Medicine 21:1559,
    10.1002/sim.1187, for moderators.

    Examples
    --------
    >>> import poolwise as pw
    >>> effects = pw.datasets.load("assink2016")
    >>> result = pw.fit(effects, pw.ThreeLevel(), pw.Exact())
    >>> result["mu"]
    <Posterior: median 0.421, 95 % credible (equal-tailed) [0.174, 0.667]>
    >>> round(result["tau_between"].point, 3), round(result["tau_within"].point, 3)
    (0.442, 0.337)
    >>> by_type = pw.fit(effects, pw.ThreeLevel(moderators="~ deltype"), pw.Exact())
    >>> round(by_type["beta[deltype[overt]]"].point, 3)
    0.51
    """

    kind_in_files: ClassVar[str] = "three-level"
    purpose: ClassVar[str] = "several effects from one study"
    always_needs: ClassVar[frozenset[str]] = frozenset({CLUSTERS})
    cluster: str = "study"
    mu: Prior | None = None
    tau_between: Prior | None = None
    tau_within: Prior | None = None
    rho: float = 0.0
    moderators: str | Sequence[str] | None = None
    beta: Coefficients | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.cluster, str):
            raise ModelError(f"cluster = {self.cluster!r}", "'study' or the name of one moderator")
        check_mu(self.mu)
        check_tau(self.tau_between, "tau_between")
        check_tau(self.tau_within, "tau_within")
        if not 0.0 <= as_number(self.rho) < 1.0:
            raise ModelError(f"rho = {shown(self.rho)}", "a correlation of at least 0 and below 1", "rho=0.6")
        self._check_means()

    def __repr__(self) -> str:
        """What the model has: mu, or moderators with beta. Random numbers and kept draws go by it."""
        absent = ("moderators", "beta") if self.moderators is None else ("mu",)
        parts = (f"{part.name}={getattr(self, part.name)!r}" for part in fields(self) if part.name not in absent)
        return f"ThreeLevel({', '.join(parts)})"

    def _check_means(self) -> None:
        """One mean effect with a prior on mu, or moderators with priors on their coefficients."""
        if self.moderators is None:
            if self.beta is not None:
                found = f"{', '.join(prior_lines('beta', self.beta))} and no moderators"
                raise ModelError(found, "a prior on mu, or moderators", "moderators='~ dose'")
            return
        object.__setattr__(self, "moderators", named_columns(self.moderators))
        check_coefficients(self.beta, "beta")
        if self.mu is not None:
            raise ModelError(
                f"mu ~ {self.mu} beside the moderators {formula_words(self.moderators)}, with which there is no "
                "single mean effect",
                "priors on the coefficients",
                f"beta={{'intercept': {self.mu}}}",
            )
        if has_horseshoe(self.beta):
            raise ModelError(
                f"{', '.join(prior_lines('beta', self.beta))} in a three-level model",
                "a prior for each coefficient",
                "beta=Normal(0, 1), or MetaRegression(...)",
            )

    @property
    def label(self) -> str:
        """Words for tables."""
        by = formula_behind(self.moderators)
        if self.rho == 0.0:
            return f"three-level{by}"
        return f"correlated and hierarchical effects{by}, rho = {self.rho:g}"

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about."""
        means = {"mu": self.mu} if self.moderators is None else named_priors_of("beta", self.beta)
        return means | {"tau_between": self.tau_between, "tau_within": self.tau_within}

    def clusters(self, effects: Effects) -> tuple[str, ...]:
        """The cluster of each effect, length k.

        Raises
        ------
        InputError
            When there is no such column, or it misses values.
        """
        if self.cluster == "study":
            return effects.study_as_given
        columns = effects.moderators
        if self.cluster not in columns:
            raise InputError(
                f"there is no column '{self.cluster}' to cluster by", advice=nearest(self.cluster, ["study", *columns])
            )
        column = columns[self.cluster]
        if column.isna().any():
            rows = effects.rows.names(column.isna().to_numpy(dtype=bool))
            raise InputError(f"the cluster '{self.cluster}' is missing for {rows}", "a cluster for each effect")
        return names_in(column)

    def design(self, effects: Effects) -> Design | None:
        """The design matrix of the mean effects on a study table; None where there is one mean effect."""
        return None if self.moderators is None else matrix(effects, self.moderators)

    def basis(self, effects: Effects) -> Design | None:
        """The design."""
        return self.design(effects)

    def resolved_on(self, effects: Effects, basis: Design | None) -> ThreeLevel:
        """The same model with every prior explicit for this study table."""
        return replace(
            self,
            mu=mu_prior(self.mu, effects, self) if basis is None else None,
            beta=None if basis is None else explicit(self.beta, basis.names, "beta"),
            tau_between=tau_prior(self.tau_between, effects, self, "tau_between"),
            tau_within=tau_prior(self.tau_within, effects, self, "tau_within"),
        )

    def structure_on(self, effects: Effects, basis: Design | None) -> NormalStructure:
        """Effects that clusters share, and one of its own for each row."""
        clusters = self.clusters(effects)
        group = numbered(clusters)[1]
        names, of = np.unique(clusters, return_inverse=True)
        layers = (layer("tau_between", group), own_layer(effects, "tau_within"))
        one_mean = NormalStructure(
            X=np.ones((effects.k, 1)),
            coefficients=("mu",),
            layers=layers,
            errors=Errors.of(effects, group, self.rho),
            priors=explicit_priors(self.named_priors),
            new=new_studies(("theta_new",), np.ones((1, 1)), layers, [0]),
            units=units(effects, Units("cluster", tuple(names.tolist()), of)),
            shares={"ICC": "tau_between"},
        )
        if basis is None:
            return one_mean
        return replace(
            one_mean,
            X=basis.X,
            coefficients=tuple(f"beta[{name}]" for name in basis.names),
            priors=explicit_of_each(self, basis.names),
            new=new_studies((), np.empty((0, basis.p)), layers, []),
            absent=dict.fromkeys(("mu", "theta_new"), NO_SINGLE_MEAN),
            design=basis,
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        errors = "y_ij ~ Normal(theta_ij, se_ij)"
        if self.rho:
            errors += f", sampling errors within a cluster correlated by {self.rho:g}"
        if self.moderators is None:
            means: tuple[str, ...] = (
                "theta_ij ~ Normal(mu_j, tau_within)",
                f"mu_j ~ Normal(mu, tau_between), j = {self.cluster}",
                f"mu ~ {self.mu or DEFAULT}",
            )
        else:
            means = (
                f"theta_ij ~ Normal(x_ij beta + u_j, tau_within), x {formula_words(self.moderators)}",
                f"u_j ~ Normal(0, tau_between), j = {self.cluster}",
                *prior_lines("beta", self.beta),
            )
        return (
            errors,
            *means,
            f"tau_between ~ {self.tau_between or DEFAULT}",
            f"tau_within ~ {self.tau_within or DEFAULT}",
        )


@final
@dataclass(frozen=True)
class JointOutcomes(Assumption):
    """Outcomes o that borrow from one another: mu_o ~ Normal(mu, mu_spread), log tau_o ~ Normal(log tau, tau_spread).

    Within an outcome y_i ~ Normal(theta_i, se_i), theta_i ~ Normal(mu_o, tau_o); effects of one study on several
    outcomes count as independent given mu_o and tau_o.

    Attributes
    ----------
    mu : Prior, optional
        Prior on the mean over outcomes; the scale's default when None.
    mu_spread : Prior, optional
        Prior on the standard deviation of mu_o between outcomes; the scale's default for tau when None.
    tau : Prior, optional
        Prior on the between-study standard deviation of the typical outcome; the scale's default when None.
    tau_spread : Prior
        Prior on the standard deviation of log tau_o between outcomes.

    Notes
    -----
    The scale's prior on tau stands on mu_spread, since outcomes of one question are taken to differ about as much as
    studies do. HalfNormal(0.5) on tau_spread lets one sd of log tau be a factor of 1.6 between outcomes.

    References
    ----------
    Higgins & Whitehead 1996, Statistics in Medicine 15:2733,
    10.1002/(SICI)1097-0258(19961230)15:24<2733::AID-SIM562>3.0.CO;2-0, for heterogeneity that is borrowed; Gelman et
    al. 2013, Bayesian Data Analysis, 3rd ed., section 5.4, 10.1201/b16018, for the hierarchy.
    """

    kind_in_files: ClassVar[str] = "joint-outcomes"
    purpose: ClassVar[str] = "several outcomes that lend each other strength"
    always_needs: ClassVar[frozenset[str]] = frozenset({EXCHANGEABLE})
    label: ClassVar[str] = "joint outcomes"
    strata: ClassVar[str] = "outcome"
    of_scale: ClassVar[tuple[str, ...]] = ("mu", "mu_spread", "tau")
    own_priors: ClassVar[tuple[str, ...]] = ("tau_spread",)
    mu: Prior | None = None
    mu_spread: Prior | None = None
    tau: Prior | None = None
    tau_spread: Prior = DEFAULT_TAU_SPREAD

    def __post_init__(self) -> None:
        check_mu(self.mu)
        for name in ("mu_spread", "tau", "tau_spread"):
            prior = getattr(self, name)
            check_tau(prior, name)
            if prior is not None and not prior.proper:
                raise ModelError(f"{name} has the improper prior {prior}", "a proper prior", "HalfNormal(0.5)")

    def outcomes(self, effects: Effects) -> tuple[str, ...]:
        """The outcome of each estimate, length k."""
        return tuple(outcome or "none named" for outcome in effects.outcome)

    def table(self, effects: Effects) -> Effects:
        """The study table.

        Raises
        ------
        ModelError
            When it has one outcome only.
        """
        first, *others = dict.fromkeys(self.outcomes(effects))
        if not others:
            raise ModelError(
                f"the table has one outcome ({first}), which has none to borrow from",
                "two outcomes or more",
                "RandomEffects(), or Effects(..., outcome=[...])",
            )
        return effects

    def structure(self, effects: Effects) -> NormalStructure:
        """What the model states on a study table: a mean and a heterogeneity for each outcome, exchangeable."""
        names, of = numbered(self.outcomes(effects))
        mu, tau = (tuple(f"{what}[{name}]" for name in names) for what in ("mu", "tau"))
        layers = (Layer(tau, of, np.arange(effects.k)),)
        first = [int(np.argmax(of == o)) for o in range(len(names))]
        return NormalStructure(
            X=np.eye(len(names))[of],
            coefficients=mu,
            layers=layers,
            errors=Errors.of(effects),
            priors=explicit_priors(self.named_priors),
            new=new_studies(tuple(f"theta_new[{name}]" for name in names), np.eye(len(names)), layers, first),
            units=row_units(effects),
            groups="outcome",
            exchangeable=(Exchangeable(mu, "mu", "mu_spread"), Exchangeable(tau, "tau", "tau_spread", log=True)),
            absent=EACH_OUTCOME,
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return (
            "y_i ~ Normal(theta_i, se_i)",
            "theta_i ~ Normal(mu[o], tau[o]), o = outcome of estimate i",
            "mu[o] ~ Normal(mu, mu_spread), log tau[o] ~ Normal(log tau, tau_spread)",
            *self.prior_statement(),
        )
