"""A model that the package does not have: effects in proportion to doses, for the test of what a new model costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np

from poolwise.design import column_of
from poolwise.effects import Effects
from poolwise.model._priors import check_mu, check_tau, mu_prior, tau_prior
from poolwise.model.assumption import Assumption
from poolwise.model.structure import Errors, NormalStructure, explicit_priors, new_studies, own_layer, row_units
from poolwise.priors import Prior


@final
@dataclass(frozen=True)
class ThroughOrigin(Assumption):
    """Effects in proportion to doses: theta_i ~ Normal(sum_j s_j x_ij, tau).

    Attributes
    ----------
    doses : sequence of str
        Names of the columns of doses, such as ['dose']. All at 0 have no effect.
    steepness : Prior, optional
        Prior on the effect for each unit of a dose.
    tau : Prior, optional
        Prior on the between-study sd.
    """

    kind_in_files: ClassVar[str] = "through-origin"
    doses: Sequence[str]
    steepness: Prior | None = None
    tau: Prior | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "doses", tuple(self.doses))
        check_mu(self.steepness, "steepness")
        check_tau(self.tau)

    @property
    def label(self) -> str:
        return "through the origin"

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        return {"steepness": self.steepness, "tau": self.tau}

    @property
    def one_tau(self) -> bool:
        return True

    def resolved(self, effects: Effects) -> ThroughOrigin:
        return replace(self, steepness=mu_prior(self.steepness, effects, self), tau=tau_prior(self.tau, effects, self))

    def structure(self, effects: Effects) -> NormalStructure:
        X = np.column_stack([np.asarray(column_of(effects, name), dtype=float) for name in self.doses])
        layers = (own_layer(effects, "tau"),)
        names = tuple(f"beta[{name}]" for name in self.doses)
        stated = explicit_priors(self.named_priors)
        priors = {name: stated["steepness"] for name in names if "steepness" in stated}
        return NormalStructure(
            X=X,
            coefficients=names,
            layers=layers,
            errors=Errors.of(effects),
            priors=priors | {name: prior for name, prior in stated.items() if name == "tau"},
            new=new_studies((), np.empty((0, X.shape[1])), layers, []),
            units=row_units(effects),
            absent=dict.fromkeys(("mu", "theta_new"), "there is no dose that all studies have"),
        )

    def statement(self) -> tuple[str, ...]:
        return (
            "y_i ~ Normal(theta_i, se_i)",
            "theta_i ~ Normal(x_i s, tau)",
            f"s ~ {self.steepness}",
            f"tau ~ {self.tau}",
        )
