"""The densities above the summaries of a forest plot: posteriors, with the prior of the mean effect as outline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.plot.conditional_frame import finite
from poolwise.plot.forest_frame import told_apart
from poolwise.plot.posterior_frame import posterior_frame, prior_of
from poolwise.priors import Fixed
from poolwise.quantities import Posterior
from poolwise.result import Result

Array = NDArray[np.float64]
_POINTS = 201
_KINDS = {"mu": "mean", "theta_new": "new study"}


@final
@dataclass(frozen=True)
class Eye:
    """A density and, as far as there is one, a prior on the same scale.

    Attributes
    ----------
    x, density : ndarray
        Points on the analysis scale and the posterior density there, shape (m,).
    prior_x, prior : ndarray
        The same of the prior, shape (m,) or (0,).
    """

    x: Array
    density: Array
    prior_x: Array
    prior: Array


def eyes(results: Sequence[Result], prob: float, span: tuple[float, float]) -> Mapping[tuple[str, str, str], Eye]:
    """The densities by result (as told apart), group and kind of summary; none for what is no posterior."""
    found = {}
    for label, result in zip(told_apart(results), results, strict=True):
        for name in result:
            stem, _, group = name.partition("[")
            if stem in _KINDS and isinstance(result[name], Posterior) and " - " not in name:
                found[(label, group.removesuffix("]"), _KINDS[stem])] = _eye(result, name, prob, span)
    return found


def _eye(result: Result, name: str, prob: float, span: tuple[float, float]) -> Eye:
    """The density as `posterior` draws it; the prior along the whole axis."""
    frame = posterior_frame(result, of=name, prob=prob)
    own = frame[frame["row"] == "posterior"]
    x, density = (own[column].to_numpy(dtype=float) for column in ("x", "density"))
    prior = prior_of(result, name)
    if prior is None or not prior.proper or isinstance(prior, Fixed):
        return Eye(x, density, np.array([]), np.array([]))
    along = np.linspace(*span, _POINTS)
    return Eye(x, density, along, finite(prior.pdf(along)))
