"""Study tables drawn from the priors of a model."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, described
from poolwise.model import Model
from poolwise.settings import check_instance, check_whole
from poolwise.simulate.simulators import truth
from poolwise.simulate.truth import Generated

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Simulated:
    """A study table and what is true in it.

    Attributes
    ----------
    number : int
        Which of the simulations it is, from 0.
    effects : Effects
        The table.
    truth : Generated
        The parameters; ``truth.scalars`` has them by the names of a result's quantities.
    theta : ndarray
        True effects of the studies, shape (k,).
    data : ndarray
        What the studies report: their estimates, shape (k,), in normal models.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788, algorithm 1, for tables drawn from the priors.
    """

    number: int
    effects: Effects
    truth: Generated
    theta: Array
    data: Array

    @property
    def log_likelihood(self) -> float:
        """Log density of the data given the true parameters, true effects of the studies integrated out."""
        return self.truth.log_likelihood(self.data)


def prior_tables(
    model: Model, effects: Effects, *, count: int = 1, seed: int = 1, first: int = 0
) -> Iterator[Simulated]:
    """Study tables drawn from a model: parameters from the priors, true effects and estimates given them.

    Parameters
    ----------
    model : Model
        With proper priors; those left open are the defaults of the scale.
    effects : Effects
        The design: standard errors, studies, moderators, outcomes, clusters. Its estimates do not matter.
    count : int
        Number of tables.
    seed : int
        Table i depends on the seed, the model, the design and i alone, so that any part of a series can be made anew.
    first : int
        Number of the first table.

    Returns
    -------
    iterator of Simulated
        One at a time, on the scale of `effects`.

    Raises
    ------
    ModelError
        For an improper prior, which nothing can be drawn from.

    Notes
    -----
    One table unless more are asked for, with a seed that is always the same, so that a table can be made again.

    References
    ----------
    Talts et al. 2018, arXiv:1804.06788, algorithm 1, for tables drawn from the priors.

    Examples
    --------
    >>> import poolwise as pw
    >>> design = pw.datasets.load("bcg")
    >>> for made in prior_tables(pw.RandomEffects(), design, count=2, seed=7):
    ...     print(made.effects.k, round(made.truth.scalars["tau"], 2))
    13 0.16
    13 1.71
    """
    check_whole("count", count, 1, 300)
    check_whole("seed", seed, 0, 1)
    check_whole("first", first, 0, 0)
    check_instance("prior_tables", effects, Effects, expected="Effects", error=InputError)
    if not hasattr(model, "resolved"):
        raise ModelError(f"prior_tables was given {described(model)} as its model", "a model", "pw.RandomEffects()")
    resolved = model.resolved(effects)
    question = _question(resolved, effects)
    return (_simulated(resolved, effects, number, [seed, question, number]) for number in range(first, first + count))


def _question(model: Model, effects: Effects) -> int:
    """A number for the model and the design, whatever the estimates."""
    design = (effects.se.tolist(), effects.study_as_given, effects.outcome, effects.moderators.to_dict("list"))
    return zlib.crc32(f"{model} {design}".encode())


def _simulated(model: Model, effects: Effects, number: int, seed: list[int]) -> Simulated:
    rng = np.random.default_rng(seed)
    drawn = truth(model, effects, rng)
    theta, data = drawn.drawn(rng)
    return Simulated(number, drawn.table(effects, data), drawn, theta, data)
