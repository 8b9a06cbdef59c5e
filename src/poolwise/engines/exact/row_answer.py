"""What every quadrature of a model that states a `RowLikelihood` takes from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.draws.row_likelihood import RowLikelihood
from poolwise.model import Model


class RowAnswer[L: RowLikelihood]:
    """An answer by quadrature of rows that are independent given the parameters, without moderators.

    Attributes
    ----------
    likelihood : RowLikelihood
        What the model states, with every prior explicit.
    """

    likelihood: L

    @property
    def effects(self) -> Effects:
        """The study table."""
        return self.likelihood.effects

    @property
    def model(self) -> Model:
        """With every prior explicit."""
        return self.likelihood.model

    @cached_property
    def moments(self) -> dict[str, int]:
        """Highest moment of each quantity that exists."""
        return self.likelihood.moments()

    @property
    def linear(self) -> Mapping[str, NDArray[np.float64]]:
        """There is no design."""
        return {}

    @property
    def design(self) -> None:
        """There are no moderators."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the model has to say."""
        return self.likelihood.notes
