"""Models of one mean effect: common and random effects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from poolwise.effects import Effects
from poolwise.model._priors import DEFAULT, check_known_tau, mu_prior, tau_prior, tau_words
from poolwise.model.assumption import Assumption
from poolwise.model.structure import Errors, NormalStructure, explicit_priors, new_studies, own_layer, row_units
from poolwise.priors import Prior

NO_SPREAD = dict.fromkeys(("tau", "tau2", "theta_new"), "a common effect has no spread between studies")


@final
@dataclass(frozen=True)
class CommonEffect(Assumption):
    """Common effect: y_i ~ Normal(mu, se_i).

    Attributes
    ----------
    mu : Prior, optional
        Prior on the common effect; the scale's default when None.

    Notes
    -----
    The scale's prior on mu is Normal(0, 1) for standardised mean differences, Normal(0, 2) for log ratios and Normal(0,
    0.5) for Fisher's z: no direction is favoured, and effects beyond two of its sds are hardly ever seen.

    References
    ----------
    Hedges & Vevea 1998, Psychological Methods 3:486, 10.1037/1082-989X.3.4.486; Rice, Higgins & Lumley 2018, J. R.
    Statist. Soc. A 181:205, 10.1111/rssa.12275, for what it estimates where effects differ.
    """

    kind_in_files: ClassVar[str] = "common-effect"
    purpose: ClassVar[str] = "one true effect behind all studies"
    label: ClassVar[str] = "common effect"
    varies: ClassVar[bool] = False
    one_tau: ClassVar[bool] = True  # none at all
    of_scale: ClassVar[tuple[str, ...]] = ("mu",)
    mu: Prior | None = None

    def structure(self, effects: Effects) -> NormalStructure:
        """What the model states on a study table: one mean, and no layers."""
        return NormalStructure(
            X=np.ones((effects.k, 1)),
            coefficients=("mu",),
            layers=(),
            errors=Errors.of(effects),
            priors=explicit_priors(self.named_priors),
            new=new_studies((), np.ones((0, 1)), (), []),
            units=row_units(effects),
            absent=NO_SPREAD,
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return ("y_i ~ Normal(mu, se_i)", *self.prior_statement())


@final
@dataclass(frozen=True)
class RandomEffects(Assumption):
    """Normal-normal random effects: y_i ~ Normal(theta_i, se_i), theta_i ~ Normal(mu, tau).

    Attributes
    ----------
    mu : Prior, optional
        Prior on the mean effect; the scale's default when None.
    tau : Prior, optional
        Prior on the between-study standard deviation; the scale's default when None.
    tau_fixed : float, optional
        A known between-study standard deviation instead of a prior.

    Notes
    -----
    The scale's priors are mu ~ Normal(0, 1), tau ~ HalfNormal(0.5) for standardised mean differences; Normal(0, 2),
    HalfNormal(1) for log ratios; Normal(0, 0.5), HalfNormal(0.25) for Fisher's z, the former times 0.5. tau = 0.5
    already spreads 95 % of the true effects over two units, so that the half-normal rules out little but what no one
    has seen; tau = 0 stays possible. With fewer than five studies the width decides: see `checks.prior_panel`. tau is
    unknown unless `tau_fixed` says otherwise, since few studies hardly ever tell it.

    References
    ----------
    Higgins, Thompson & Spiegelhalter 2009, J. R. Statist. Soc. A 172:137, 10.1111/j.1467-985X.2008.00552.x; Röver
    2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06; Röver et al. 2021, Research Synthesis Methods 12:448,
    10.1002/jrsm.1475, for the prior on tau.

    Examples
    --------
    >>> from poolwise import priors
    >>> print(*RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5)).statement(), sep="; ")
    y_i ~ Normal(theta_i, se_i); theta_i ~ Normal(mu, tau); mu ~ Normal(0, 1); tau ~ HalfNormal(0.5)
    """

    kind_in_files: ClassVar[str] = "random-effects"
    purpose: ClassVar[str] = "true effects that vary between studies: the usual question"
    label: ClassVar[str] = "random effects"
    one_tau: ClassVar[bool] = True
    mu: Prior | None = None
    tau: Prior | None = None
    tau_fixed: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_known_tau(self.tau, self.tau_fixed)

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about; none for a known tau."""
        return {"mu": self.mu} | ({} if self.tau_fixed is not None else {"tau": self.tau})

    def fit_label(self, engine: str) -> str:
        """The engine's own words: the usual model need not be named."""
        return engine

    def resolved(self, effects: Effects) -> RandomEffects:
        """The same model with every prior explicit for this scale of effect."""
        tau = self.tau if self.tau_fixed is not None else tau_prior(self.tau, effects, self)
        return replace(self, mu=mu_prior(self.mu, effects, self), tau=tau)

    def structure(self, effects: Effects) -> NormalStructure:
        """What the model states on a study table: one mean, and a true effect of its own for each study."""
        layers = (own_layer(effects, "tau"),)
        return NormalStructure(
            X=np.ones((effects.k, 1)),
            coefficients=("mu",),
            layers=layers,
            errors=Errors.of(effects),
            priors=explicit_priors(self.named_priors),
            new=new_studies(("theta_new",), np.ones((1, 1)), layers, [0]),
            units=row_units(effects),
            known={} if self.tau_fixed is None else {"tau": float(self.tau_fixed)},
        )

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return (
            "y_i ~ Normal(theta_i, se_i)",
            "theta_i ~ Normal(mu, tau)",
            f"mu ~ {self.mu or DEFAULT}",
            tau_words(self.tau, self.tau_fixed),
        )
