"""What a prior panel is about: mu of random effects, or one mean effect or contrast of a model with a design."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.checks.question import integrated
from poolwise.effects import Effects
from poolwise.engines.means import Means, means
from poolwise.errors import ModelError
from poolwise.model import MetaRegression, Model, RandomEffects, Subgroups
from poolwise.model.needs import UNCERTAIN
from poolwise.moments import moments_of_tau
from poolwise.priors import Fixed, Flat, Normal, Prior
from poolwise.quadrature.one_tau.jobs import TauPriors
from poolwise.quadrature.one_tau.regression import Regression
from poolwise.quadrature.one_tau.tau_posterior import TauPosterior, below, tau_posterior
from poolwise.quadrature.rules.gaussian import Basis
from poolwise.reading import mean_words, reading_scale
from poolwise.scale import Scale
from poolwise.settings import check_option

Array = NDArray[np.float64]
Asked = RandomEffects | MetaRegression | Subgroups
EXAMPLE = {
    "prior_panel": "prior_panel(effects, MetaRegression('~ ablat'), quantity='beta[ablat]')",
    "specifications": "specifications(effects, MetaRegression('~ ablat'), of='beta[ablat]')",
}


@final
@dataclass(frozen=True, eq=False)
class Subject:
    """One quantity of one model on one study table.

    Attributes
    ----------
    effects : Effects
    model : RandomEffects, MetaRegression or Subgroups
        With every prior explicit; Subgroups with a common tau.
    quantity : str
        As the result of a fit names it.
    means : Means
        The mean effects of the model.
    """

    effects: Effects
    model: Asked
    quantity: str
    means: Means

    @property
    def weights(self) -> Array:
        """Of the coefficients in the quantity, shape (p,)."""
        return self.means.linear[self.quantity]

    @property
    def new(self) -> bool:
        """Whether a new study has one true effect to speak of."""
        return self.model.pools

    @property
    def reading(self) -> Scale:
        """The scale on which the quantity is told."""
        return reading_scale(self.quantity, self.effects.scale)

    @property
    def reads_otherwise(self) -> bool:
        """Whether it is told on another scale than the one of the analysis."""
        return self.reading.transform != "identity"

    @property
    def words(self) -> str:
        """The quantity in a sentence: the mean on the scale on which it is told, with its level, or its name."""
        return mean_words(self.quantity, self.effects.scale)

    @property
    def normal(self) -> bool:
        """Whether the priors on the mean effects are normal or flat, so that one batch serves all priors on tau."""
        return all(isinstance(prior, Normal | Flat) for prior in self.means.priors)

    @property
    def prior(self) -> str:
        """The prior on the quantity, or those on what it is a contrast of."""
        touched = [prior for prior, c in zip(self.means.priors, self.weights, strict=True) if c != 0.0]
        return ", ".join(dict.fromkeys(str(prior) for prior in touched))

    @property
    def prior_words(self) -> str:
        """The prior as a sentence names it."""
        single = np.count_nonzero(self.weights) == 1
        return f"{self.quantity if single else 'its mean effects'} ~ {self.prior}"

    def under(self, tau: Prior) -> Asked:
        """The model with another prior on tau."""
        return replace(self.model, tau=tau).resolved(self.effects)

    def posterior(self, taus: tuple[Prior, ...]) -> TauPosterior:
        """The posterior under each prior on tau, all in one batch."""
        effects = self.effects
        if self.model.pools:
            return integrated(effects, self.means.priors[0], taus)
        b, s = self.means.normal_priors()
        studies = Regression(Basis.of(effects.y[None], effects.v[None], self.means.X[None], b[None], s[None]))
        counted = effects.k - sum(not prior.proper for prior in self.means.priors)
        moments = np.array([moments_of_tau(counted, tau) for tau in taus])
        return tau_posterior(studies, TauPriors.of(taus), moments=moments)

    def below(self, posterior: TauPosterior, threshold: float) -> Array:
        """P(quantity < threshold) of each job."""
        return below(posterior, self.weights, threshold)


def subject(
    effects: Effects, model: Model, quantity: str | None, *, check: str = "prior_panel", option: str = "quantity"
) -> Subject:
    """What a panel is asked about, with every prior explicit.

    Parameters
    ----------
    effects : Effects
    model : RandomEffects, MetaRegression or Subgroups
    quantity : str, optional
        The only mean effect when None.
    check, option : str
        Who asks, and its option that names the quantity, for messages.

    Raises
    ------
    ModelError
        For a model without a panel or a quantity that it does not have.
    """
    if not isinstance(model, RandomEffects | MetaRegression | Subgroups):
        raise ModelError(
            f"{check} was given the model {model!r}", "RandomEffects, MetaRegression or Subgroups", EXAMPLE[check]
        )
    if not model.one_tau:
        raise ModelError(
            f"{check} was given {model.label}", "one tau", f"Subgroups('{model.strata}', heterogeneity='common')"
        )
    if model.tau_fixed is not None:
        raise ModelError(f"{check} was given a model with a known tau", "tau left to the panel", EXAMPLE[check])
    if UNCERTAIN in model.needs:
        raise ModelError(
            f"{check}, which goes by quadrature, knows no uncertain moderators (missing=, errors=)",
            "known moderators",
            "fit(effects, replace(model, tau=...), NUTS()) for each prior",
        )
    resolved = model.resolved(effects)
    mean_effects = means(effects, resolved)
    about = Subject(effects, resolved, _quantity(mean_effects, quantity, option), mean_effects)
    touched = [prior for prior, c in zip(mean_effects.priors, about.weights, strict=True) if c != 0.0]
    if all(isinstance(prior, Fixed) for prior in touched):
        found = f"{about.quantity} ~ {about.prior} is known, and {check} asks what is known of it"
        raise ModelError(found, f"a prior on {about.quantity} that leaves it open")
    return about


def _quantity(mean_effects: Means, quantity: str | None, option: str) -> str:
    names = list(mean_effects.linear)
    if quantity is None:
        slopes = [name for name in names if name != "beta[intercept]"]
        if len(slopes) == 1:
            return slopes[0]
        raise ModelError("the model has several mean effects and none is named", f"{option}=" + " or ".join(names))
    return check_option(option, quantity, names)
