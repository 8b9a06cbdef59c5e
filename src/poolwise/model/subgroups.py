"""Subgroups of studies, each with a mean of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, final, get_args

import numpy as np

from poolwise.design import column_of, matrix, names_in
from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.model._priors import (
    DEFAULT,
    DEFAULT_TAU_SPREAD,
    check_tau,
    mu_prior,
    tau_prior,
)
from poolwise.model.assumption import Designed, Needs
from poolwise.model.needs import EXCHANGEABLE
from poolwise.model.structure import (
    Errors,
    Exchangeable,
    Layer,
    NormalStructure,
    explicit_priors,
    new_studies,
    numbered,
    own_layer,
    row_units,
)
from poolwise.priors import Prior
from poolwise.settings import check_option

Heterogeneity = Literal["common", "separate", "exchangeable"]


@final
@dataclass(frozen=True)
class Subgroups(Designed[tuple[str, ...]]):
    """Subgroups g of studies: theta_i ~ Normal(mu_g, tau_g).

    Attributes
    ----------
    by : str
        The moderator whose levels are the subgroups.
    mu : Prior, optional
        Prior on the mean effect of each subgroup; the scale's default when None.
    tau : Prior, optional
        Prior on the between-study standard deviation: of all subgroups when it is common, of each when separate,
        of the typical subgroup when exchangeable. The scale's default when None.
    heterogeneity : {"common", "separate", "exchangeable"}
        Whether the subgroups share tau, have each their own, or log tau_g ~ Normal(log tau, tau_spread).
    tau_spread : Prior
        Prior on the standard deviation of log tau_g between subgroups, for ``"exchangeable"``.

    Notes
    -----
    A common tau is the default, since subgroups of few studies hardly tell a tau of their own. HalfNormal(0.5) on
    tau_spread lets one sd of log tau be a factor of 1.6 between subgroups.

    References
    ----------
    Borenstein & Higgins 2013, Prevention Science 14:134, 10.1007/s11121-013-0377-7; Borenstein et al. 2009,
    Introduction to Meta-Analysis, chapter 19, 10.1002/9780470743386.

    Examples
    --------
    >>> print(*Subgroups("alloc").statement()[:2], sep="; ")
    y_i ~ Normal(theta_i, se_i); theta_i ~ Normal(mu[g], tau), g = alloc of study i
    """

    kind_in_files: ClassVar[str] = "subgroups"
    purpose: ClassVar[str] = "the mean effect in each group, and how groups differ"
    may_need: ClassVar[Needs] = {EXCHANGEABLE: lambda model: model.heterogeneity == "exchangeable"}
    by: str
    mu: Prior | None = None
    tau: Prior | None = None
    heterogeneity: Heterogeneity = "common"
    tau_spread: Prior | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.by, str):
            raise ModelError(f"by = {self.by!r}", "the name of one moderator", "Subgroups('setting')")
        super().__post_init__()
        check_tau(self.tau_spread, "tau_spread")
        check_option("heterogeneity", self.heterogeneity, get_args(Heterogeneity))
        if self.tau_spread is not None and self.heterogeneity != "exchangeable":
            raise ModelError(
                f"tau_spread has the prior {self.tau_spread} and the heterogeneity is '{self.heterogeneity}'",
                "a spread of log tau between subgroups only where they are exchangeable",
                "heterogeneity='exchangeable'",
            )

    @property
    def label(self) -> str:
        """Words for tables."""
        return f"subgroups by {self.by}, {self.heterogeneity} tau"

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about."""
        spread = {"tau_spread": self.tau_spread} if self.heterogeneity == "exchangeable" else {}
        return {"mu": self.mu, "tau": self.tau} | spread

    @property
    def one_tau(self) -> bool:
        """Where the subgroups share it."""
        return self.heterogeneity == "common"

    @property
    def strata(self) -> str:
        """The moderator whose levels are the subgroups."""
        return self.by

    def levels(self, effects: Effects) -> tuple[str, ...]:
        """The subgroups of a study table.

        Raises
        ------
        InputError
            For a moderator that does not exist, misses values or is constant.
        ModelError
            For numbers that are no groups: with decimals, or with less than two studies for each value.
        """
        known = matrix(effects, [self.by], groups=[self.by]).levels.get(self.by)
        if known is None:
            raise ModelError(
                f"the moderator '{self.by}' is numeric",
                "words, whose levels are the subgroups",
                f"MetaRegression(['{self.by}'])",
            )
        return tuple(str(level) for level in known)

    def groups(self, effects: Effects) -> tuple[str, ...]:
        """The subgroup of each study, length k."""
        return names_in(column_of(effects, self.by))

    def basis(self, effects: Effects) -> tuple[str, ...]:
        """The subgroups."""
        return self.levels(effects)

    def resolved_on(self, effects: Effects, basis: tuple[str, ...]) -> Subgroups:
        """The same model with every prior explicit for this scale of effect."""
        full = replace(self, mu=mu_prior(self.mu, effects, self), tau=tau_prior(self.tau, effects, self))
        if self.heterogeneity != "exchangeable":
            return full
        return replace(full, tau_spread=self.tau_spread or DEFAULT_TAU_SPREAD)

    def structure_on(self, effects: Effects, basis: tuple[str, ...]) -> NormalStructure:
        """A mean for each subgroup, and one heterogeneity or one for each."""
        names, of = numbered(self.groups(effects), basis)
        mu, tau, new = (tuple(f"{what}[{name}]" for name in names) for what in ("mu", "tau", "theta_new"))
        apart = self.heterogeneity != "common"
        layers = (Layer(tau, of, np.arange(effects.k)) if apart else own_layer(effects, "tau"),)
        stated, unit = explicit_priors(self.named_priors), np.eye(len(names))
        of_each = {"mu": mu} | ({"tau": tau} if self.heterogeneity == "separate" else {})
        return NormalStructure(
            X=unit[of],
            coefficients=mu,
            layers=layers,
            errors=Errors.of(effects),
            priors={name: prior for what, prior in stated.items() for name in of_each.get(what, (what,))},
            new=new_studies(new, unit, layers, [int(np.argmax(of == g)) for g in range(len(names))]),
            units=row_units(effects),
            groups="subgroup",
            exchangeable=(Exchangeable(tau, "tau", "tau_spread", log=True),)
            if self.heterogeneity == "exchangeable"
            else (),
            contrasts={f"{name} - {mu[0]}": unit[g] - unit[0] for g, name in enumerate(mu) if g},
            absent=dict.fromkeys(("mu", "theta_new"), "each subgroup has its own: mu[...], theta_new[...]"),
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        name = "tau" if self.heterogeneity == "common" else "tau[g]"
        lines = ["y_i ~ Normal(theta_i, se_i)", f"theta_i ~ Normal(mu[g], {name}), g = {self.by} of study i"]
        lines.append(f"mu[g] ~ {self.mu or DEFAULT}")
        if self.heterogeneity == "exchangeable":
            lines.append("log tau[g] ~ Normal(log tau, tau_spread)")
            lines.append(f"tau_spread ~ {self.tau_spread or DEFAULT_TAU_SPREAD}")
            name = "tau"
        return (*lines, f"{name} ~ {self.tau or DEFAULT}")
