"""Models whose true effects correlate across rows: crossed factors, outcomes of one study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from poolwise.design import column_of, names_in
from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, listing, nearest, shown
from poolwise.model._priors import DEFAULT, check_mu, check_tau, mu_prior, tau_prior
from poolwise.model.assumption import Assumption
from poolwise.model.needs import CORRELATED, CROSSED
from poolwise.model.structure import (
    Errors,
    Layer,
    NormalStructure,
    Units,
    connected,
    explicit_priors,
    layer,
    new_studies,
    numbered,
    own_layer,
    units,
)
from poolwise.priors import Prior
from poolwise.settings import as_names, as_number

EACH_OUTCOME = "each outcome has its own: mu[...], tau[...], theta_new[...]"


@final
@dataclass(frozen=True)
class CrossedEffects(Assumption):
    """Effects in factors that need not be nested: theta_i ~ Normal(mu + sum_f u_f[level of i], tau_within).

    The levels of a factor, such as laboratories, instruments or samples, have effects u_f ~ Normal(0, tau_f); every
    factor adds its variance to the estimates of one level and their covariance. With one factor it is `ThreeLevel`.

    Attributes
    ----------
    factors : sequence of str
        What the effects are grouped by: ``"study"`` (the studies as given), ``"outcome"``, or names of moderators.
    mu : Prior, optional
        Prior on the mean effect; the scale's default when None.
    tau : Prior or mapping of str to Prior, optional
        Prior on the standard deviation between the levels of each factor, or of those named; the scale's default for
        tau where there is none.
    tau_within : Prior, optional
        Prior on the standard deviation of effects beyond the factors; the scale's default for tau when None.

    Notes
    -----
    The scale's prior on tau stands on every standard deviation, since no factor is known beforehand to vary less than
    another.

    References
    ----------
    Fernández-Castilla et al. 2019, Behavior Research Methods 51:1286, 10.3758/s13428-018-1063-2.

    Examples
    --------
    >>> print(CrossedEffects(["study", "lab"]).statement()[1])
    theta_i ~ Normal(mu + u_study[i] + u_lab[i], tau_within)
    """

    kind_in_files: ClassVar[str] = "crossed-effects"
    purpose: ClassVar[str] = "effects that share laboratories, countries or scales, which are not nested"
    always_needs: ClassVar[frozenset[str]] = frozenset({CROSSED})
    factors: Sequence[str]
    mu: Prior | None = None
    tau: Prior | Mapping[str, Prior] | None = None
    tau_within: Prior | None = None

    def __post_init__(self) -> None:
        names = as_names("factors", self.factors, "['study', 'lab']")
        if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            raise ModelError(f"factors = {self.factors!r}", "names of columns, each once", "['study', 'lab']")
        object.__setattr__(self, "factors", names)
        check_mu(self.mu)
        for name, prior in self._given().items():
            if name not in names:
                raise ModelError(f"tau has a prior for '{name}'", "the name of a factor", nearest(name, names))
            check_tau(prior, f"tau[{name}]")
        check_tau(self.tau_within, "tau_within")

    def _given(self) -> Mapping[str, Prior | None]:
        return self.tau if isinstance(self.tau, Mapping) else dict.fromkeys(self.factors, self.tau)

    @property
    def label(self) -> str:
        """Words for tables."""
        return f"effects in {' x '.join(self.factors)}"

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about."""
        tau_priors = self._given()
        each = {f"tau[{name}]": tau_priors.get(name) for name in self.factors}
        return {"mu": self.mu, **each, "tau_within": self.tau_within}

    @property
    def levels_apart(self) -> tuple[str, ...]:
        """The factors."""
        return tuple(self.factors)

    def levels(self, effects: Effects) -> dict[str, tuple[str, ...]]:
        """The level of each effect, length k, by factor.

        Raises
        ------
        InputError
            For a column that does not exist, misses values or has one level; for factors that say the same.
        """
        by_factor = {name: level_of_rows(effects, name) for name in self.factors}
        seen: dict[bytes, str] = {}
        for name, values in by_factor.items():
            if len(set(values)) < 2:
                raise InputError(f"'{name}' is '{values[0]}' for all effects", "at least two levels")
            which = np.unique(values, return_index=True, return_inverse=True)[1:]
            same = np.argsort(np.argsort(which[0]))[which[1]].astype(np.int64).tobytes()
            if same in seen:
                raise InputError(f"'{seen[same]}' and '{name}' group the effects alike", advice="one of the two")
            seen[same] = name
        return by_factor

    def resolved(self, effects: Effects) -> CrossedEffects:
        """The same model with every prior explicit for this scale of effect."""
        self.levels(effects)
        tau_priors = self._given()
        return replace(
            self,
            mu=mu_prior(self.mu, effects, self),
            tau={name: tau_prior(tau_priors.get(name), effects, self, f"tau[{name}]") for name in self.factors},
            tau_within=tau_prior(self.tau_within, effects, self, "tau_within"),
        )

    def structure(self, effects: Effects) -> NormalStructure:
        """What the model states on a study table: effects that the levels of each factor share, and one of each row."""
        shared = []
        for factor, values in self.levels(effects).items():
            names, group = numbered(values)
            shared.append(layer(f"tau[{factor}]", group, tuple(f"u[{factor}: {name}]" for name in names)))
        layers = (*shared, own_layer(effects, "tau_within"))
        linked = np.logical_or.reduce([one.group[:, None] == one.group for one in shared])
        return NormalStructure(
            X=np.ones((effects.k, 1)),
            coefficients=("mu",),
            layers=layers,
            errors=Errors.of(effects),
            priors=explicit_priors({"mu": self.mu, "tau_within": self.tau_within} | self.named_priors),
            new=new_studies(("theta_new",), np.ones((1, 1)), layers, [0]),
            units=units(effects, connected("component", linked)),
            groups="factor",
            shares={f"ICC[{factor}]": f"tau[{factor}]" for factor in self.factors},
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return (
            "y_i ~ Normal(theta_i, se_i)",
            f"theta_i ~ Normal(mu + {' + '.join(f'u_{name}[i]' for name in self.factors)}, tau_within)",
            *(f"u_{name} ~ Normal(0, tau[{name}])" for name in self.factors),
            *self.prior_statement(),
        )


@final
@dataclass(frozen=True)
class CorrelatedOutcomes(Assumption):
    """Outcomes whose true effects correlate over studies: theta_s ~ Normal(mu, diag(tau) R diag(tau)), R ~ LKJ(eta).

    A study contributes to any of the outcomes: those that it lacks are integrated out. The sampling errors of its
    estimates correlate by `rho`, which is known or assumed.

    Attributes
    ----------
    by : str
        What tells the outcomes apart: ``"outcome"``, or the name of a moderator.
    cluster : str
        What the correlated effects share: ``"study"`` (the studies as given), or the name of a moderator.
    mu : Prior, optional
        Prior on the mean effect of each outcome; the scale's default when None.
    tau : Prior, optional
        Prior on the between-study standard deviation of each outcome; the scale's default when None.
    eta : float
        Shape of the LKJ prior on R, above 0: 1 is uniform over correlation matrices, more favours small correlations.
    rho : float
        Correlation of the sampling errors within a study, 0 <= rho < 1.
    tau_within : Prior, optional
        Prior on the standard deviation of true effects of one study on one outcome, which a table with several such
        effects needs; there is none where None.

    Notes
    -----
    eta = 2 favours small correlations a little, as few studies hardly tell them: for two outcomes the density of the
    correlation is then proportional to 1 - r^2. rho = 0 leaves sampling errors independent: their correlation has to be
    known or assumed, and then reported. No tau_within: tables with one effect for each study and outcome do not tell
    it.

    References
    ----------
    Riley 2009, J. R. Statist. Soc. A 172:789, 10.1111/j.1467-985X.2008.00593.x; Lewandowski, Kurowicka & Joe 2009,
    J. Multivariate Analysis 100:1989, 10.1016/j.jmva.2009.04.008, for the prior.

    Examples
    --------
    >>> print(CorrelatedOutcomes(rho=0.5).statement()[1])
    theta_s ~ Normal(mu, diag(tau) R diag(tau)), s = study, one element for each outcome
    """

    kind_in_files: ClassVar[str] = "correlated-outcomes"
    purpose: ClassVar[str] = "outcomes that correlate within and between studies"
    always_needs: ClassVar[frozenset[str]] = frozenset({CORRELATED})
    by: str = "outcome"
    cluster: str = "study"
    mu: Prior | None = None
    tau: Prior | None = None
    eta: float = 2.0
    rho: float = 0.0
    tau_within: Prior | None = None

    def __post_init__(self) -> None:
        for name in ("by", "cluster"):
            if not isinstance(getattr(self, name), str):
                raise ModelError(f"{name} = {getattr(self, name)!r}", "the name of one column")
        super().__post_init__()
        check_tau(self.tau_within, "tau_within")
        for name, low, high in (("eta", 0.0, np.inf), ("rho", 0.0, 1.0)):
            value = getattr(self, name)
            number = as_number(value)
            if not low <= number < high or (name == "eta" and not number > 0.0):
                expected = "a number above 0" if name == "eta" else "a correlation of at least 0 and below 1"
                raise ModelError(f"{name} = {shown(value)}", expected, "eta=2.0" if name == "eta" else "rho=0.6")

    @property
    def label(self) -> str:
        """Words for tables."""
        return "correlated outcomes" if self.rho == 0.0 else f"correlated outcomes, rho = {self.rho:g}"

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about; that of R is LKJ(eta)."""
        within = {} if self.tau_within is None else {"tau_within": self.tau_within}
        return {"mu": self.mu, "tau": self.tau, **within}

    @property
    def levels_apart(self) -> tuple[str, ...]:
        """What tells the outcomes apart."""
        return (self.by,)

    def outcomes(self, effects: Effects) -> tuple[str, ...]:
        """The outcome of each estimate, length k.

        Raises
        ------
        InputError
            For a column that does not exist, misses values, or names one outcome.
        """
        names = level_of_rows(effects, self.by)
        if len(set(names)) < 2:
            raise InputError(
                f"the table has one outcome ('{names[0]}')", "two outcomes or more", "RandomEffects(), or ThreeLevel()"
            )
        return names

    def clusters(self, effects: Effects) -> tuple[str, ...]:
        """The study of each estimate, length k."""
        return level_of_rows(effects, self.cluster)

    def resolved(self, effects: Effects) -> CorrelatedOutcomes:
        """The same model with every prior explicit for this scale of effect.

        Raises
        ------
        ModelError
            When a study has several effects on one outcome and the model no `tau_within`.
        """
        pairs = list(zip(self.clusters(effects), self.outcomes(effects), strict=True))
        twice = dict.fromkeys(f"{study}: {outcome}" for study, outcome in pairs if pairs.count((study, outcome)) > 1)
        if twice and self.tau_within is None:
            raise ModelError(
                f"several effects of one {self.cluster} on one outcome: {listing(twice)}",
                "one effect each, or a standard deviation between them",
                "CorrelatedOutcomes(..., tau_within=priors.HalfNormal(0.5)) in the unit of the effects",
            )
        full = super().resolved(effects)
        return full if self.tau_within is None else replace(full, tau_within=self.tau_within.for_variances(effects.v))

    def structure(self, effects: Effects) -> NormalStructure:
        """What the model states on a study table: a true effect of each study on each outcome, which correlate."""
        names, of = numbered(self.outcomes(effects))
        studies, group = numbered(self.clusters(effects))
        mu, tau, new = (tuple(f"{what}[{name}]" for name in names) for what in ("mu", "tau", "theta_new"))
        layers: tuple[Layer, ...] = (Layer(tau, of, group, root="root", eta=float(self.eta)),)
        if self.tau_within is not None:
            layers = (*layers, own_layer(effects, "tau_within"))
        unit, stated = np.eye(len(names)), explicit_priors(self.named_priors)
        of_each = {"mu": mu, "tau": tau, "tau_within": ("tau_within",)}
        return NormalStructure(
            X=unit[of],
            coefficients=mu,
            layers=layers,
            errors=Errors.of(effects, group, self.rho),
            priors={name: prior for what, prior in stated.items() for name in of_each[what]},
            new=new_studies(new, unit, layers, [int(np.argmax(of == o)) for o in range(len(names))]),
            units=units(effects, Units("cluster", studies, group)),
            groups="outcome",
            contrasts={f"{mu[b]} - {mu[a]}": unit[b] - unit[a] for b in range(len(mu)) for a in range(b)},
            absent=dict.fromkeys(("mu", "tau", "theta_new"), EACH_OUTCOME),
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        errors = "y_so ~ Normal(theta_so, se_so)"
        if self.rho:
            errors += f", sampling errors within a {self.cluster} correlated by {self.rho:g}"
        within = "" if self.tau_within is None else f"tau_within ~ {self.tau_within}, between effects of one theta_so"
        return (
            errors,
            f"theta_s ~ Normal(mu, diag(tau) R diag(tau)), s = {self.cluster}, one element for each {self.by}",
            f"mu[o] ~ {self.mu or DEFAULT}",
            f"tau[o] ~ {self.tau or DEFAULT}",
            f"R ~ LKJ({self.eta:g})",
            *((within,) if within else ()),
        )


def level_of_rows(effects: Effects, name: str) -> tuple[str, ...]:
    """The level of each row in one column, length k.

    Raises
    ------
    InputError
        When there is no such column, or it misses values.
    """
    if name == "study":
        return effects.study_as_given
    if name == "outcome":
        return tuple(outcome or "none named" for outcome in effects.outcome)
    if name not in effects.moderators:
        known = ["study", "outcome", *effects.moderators]
        raise InputError(f"there is no column '{name}' to group by", advice=nearest(name, known))
    column = column_of(effects, name)
    if column.isna().any():
        rows = effects.rows.names(column.isna().to_numpy(dtype=bool))
        raise InputError(f"the column '{name}' is missing for {rows}", "a level for each effect")
    return names_in(column)
