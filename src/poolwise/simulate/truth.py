"""What is true in a simulated table, and the estimates that studies of it would report."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.normal_law import NormalLaw
from poolwise.errors import PoolwiseWarning
from poolwise.model.structure import NormalStructure

Array = NDArray[np.float64]
Values = dict[str, Array]
"""Parameters by name, shape () each; Cholesky factors of correlations, shape (m, m)."""


class Generated(Protocol):
    """What every simulator returns; `Truth` for normal models, a record of its own for others.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788, for parameters drawn from the priors, and data given them.
    """

    @property
    def scalars(self) -> Mapping[str, float]:
        """True values by the names of a result's quantities."""

    @property
    def predictions(self) -> Mapping[str, tuple[Array, float]]:
        """True effects of new studies that have no name in a result: weights of the coefficients, true value."""

    @property
    def varied(self) -> bool:
        """Whether true effects differ from their means."""

    def drawn(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """True effects, shape (k,), and what studies report."""

    def table(self, effects: Effects, data: Array) -> Effects:
        """The study table of a design in which this is reported."""

    def log_likelihood(self, data: Array) -> float:
        """Log density of what studies report given the parameters, as the log_likelihood of a DataTree adds up to."""


@final
@dataclass(frozen=True, eq=False)
class Truth:
    """Parameters drawn from the priors of a normal model: theta = mean + layers, y ~ Normal(theta, errors).

    Attributes
    ----------
    scalars : mapping of str to float
        True values by the names of a result's quantities.
    law : NormalLaw
        The structure of the model at one draw of its parameters.
    mean : ndarray
        Mean effect of each row, shape (k,).
    predictions : mapping of str to (ndarray, float)
        True effects of new studies that have no name in a result: weights of the coefficients in their mean effect,
        shape (p,), and the true value.
    likelihood : callable, optional
        Log density of the estimates where the model leaves more than true effects unknown, which `law` and `mean` know.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788, for parameters drawn from the priors, and data given them.
    """

    scalars: Mapping[str, float]
    law: NormalLaw
    mean: Array
    predictions: Mapping[str, tuple[Array, float]] = field(default_factory=dict)
    likelihood: Callable[[Array], float] | None = None

    @property
    def structure(self) -> NormalStructure:
        """What the model states on the design."""
        return self.law.structure

    @property
    def varied(self) -> bool:
        """Whether true effects differ from their means."""
        return bool(self.structure.layers)

    def drawn(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """True effects and estimates, shape (k,) each."""
        layers = (self.law.effects_of(layer, rng)[0] for layer in self.structure.layers)
        theta = self.mean + sum(layers, np.zeros(len(self.mean)))
        errors = self.structure.errors.among(np.arange(self.structure.k))
        return theta, theta + np.linalg.cholesky(errors) @ rng.standard_normal(len(theta))

    def table(self, effects: Effects, data: Array) -> Effects:
        """The design with these estimates."""
        return with_estimates(effects, data)

    def log_likelihood(self, data: Array) -> float:
        """Log density of estimates given the parameters, true effects integrated out."""
        if self.likelihood is not None:
            return self.likelihood(data)
        return float(self.law.log_density((data - self.mean)[None]).sum())


def truth_at(structure: NormalStructure, values: Values, rng: np.random.Generator) -> Truth:
    """The truth at these parameters, with true effects of new studies.

    Parameters
    ----------
    structure : NormalStructure
    values : dict of str to ndarray
        Every parameter that the model does not state.
    rng : Generator

    Returns
    -------
    Truth
        Its scalars do not include contrasts of coefficients that are exchangeable or whose true effects correlate.
    """
    needed = {*structure.sds, *structure.gammas, *(layer.root for layer in structure.layers)}
    law = NormalLaw.of(structure, {name: np.asarray(x)[None] for name, x in values.items() if name in needed})
    beta = np.array([values[name] for name in structure.coefficients])
    scalars = {name: float(x) for name, x in values.items() if np.ndim(x) == 0}
    scalars |= {name: float(x[0]) for name, x in structure.derived(law.parameters).items()}
    new = law.new_theta(structure.new, beta[None], rng)[0]
    scalars |= dict(zip(structure.new.names, new.tolist(), strict=True))
    if not structure.exchangeable and not any(layer.root for layer in structure.layers):
        scalars |= {name: float(c @ beta) for name, c in structure.contrasts.items()}
    predictions = {}
    if structure.one_heterogeneity and not structure.new.names:
        first = law.new_theta(structure.like(np.array([0])), beta[None], rng)
        predictions["theta_new at x_1"] = (structure.X[0], float(first[0, 0]))
    return Truth(scalars, law, structure.X @ beta, predictions)


def with_estimates(effects: Effects, y: Array) -> Effects:
    """The same table with simulated estimates, shape (k,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)  # a simulated table may look odd; it is as the model has it
        return Effects(
            y,
            se=effects.se,
            study=effects.study,
            study_as_given=effects.study_as_given,
            moderators=effects.moderators,
            outcome=effects.outcome,
            n=effects.n,
            scale=effects.scale,
            provenance="simulated",
            covariance=effects.covariance,
            title="simulated",
            allow_single=effects.allow_single,
        )
