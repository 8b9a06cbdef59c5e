"""Truths of all models whose true effects are normal given their standard deviations, from what these state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.model import NORMAL_MODELS, Model
from poolwise.model.structure import Exchangeable, NormalStructure
from poolwise.simulate.missing_levels import levels_truth
from poolwise.simulate.shared_priors import shared_values
from poolwise.simulate.simulators import SIMULATORS, drawn
from poolwise.simulate.truth import Generated, Values, truth_at
from poolwise.simulate.uncertain import uncertain_truth

Array = NDArray[np.float64]
Rng = np.random.Generator


def normal_truth(model: Model, effects: Effects, rng: Rng) -> Generated:
    """Parameters drawn from the priors of a normal model, and true effects of new studies.

    Parameters
    ----------
    model : Model
        With every prior explicit.
    effects : Effects
        The design.
    rng : Generator

    Returns
    -------
    Generated

    Raises
    ------
    ModelError
        For an improper prior.
    """
    structure = model.structure(effects)
    assert structure is not None
    if structure.shares_priors:
        return truth_at(structure, shared_values(structure, rng), rng)
    values = _values(model, structure, rng)
    if structure.gaps is not None:
        return levels_truth(structure, structure.gaps, values, rng)
    if structure.uncertain is not None:
        return uncertain_truth(effects, structure, structure.uncertain, values, rng)
    return truth_at(structure, values, rng)


SIMULATORS.update(dict.fromkeys(NORMAL_MODELS, normal_truth))


def _values(model: Model, structure: NormalStructure, rng: Rng) -> Values:
    """A value of every parameter: of those with priors of their own, in their order, then of exchangeable ones."""
    values: Values = {}
    for name in (*structure.priors, *_open(structure)):
        stated = name if name in model.named_priors else name.partition("[")[0]
        values[name] = np.asarray(drawn(structure.priors.get(name), rng, stated))
        values |= _correlations(structure, values, rng)
    for group in structure.exchangeable:
        values |= _exchangeable(group, values, rng)
    return values


def _open(structure: NormalStructure) -> tuple[str, ...]:
    """Parameters whose priors the model leaves open."""
    shared = {name for group in structure.exchangeable for name in group.names}
    parameters = (*structure.coefficients, *structure.sds, *structure.gammas)
    return tuple(
        name for name in parameters if not {name} & (shared | structure.priors.keys() | structure.known.keys())
    )


def _correlations(structure: NormalStructure, values: Values, rng: Rng) -> Values:
    """Correlations of a layer's effects, once all of its standard deviations are there."""
    out: Values = {}
    for layer in structure.layers:
        if layer.root and layer.root not in values and values.keys() >= set(layer.sds):
            R = lkj(len(layer.sds), layer.eta, rng)
            out |= dict(zip(layer.correlations, R[np.tril_indices(len(R), -1)], strict=True))
            out[layer.root] = np.linalg.cholesky(R)
    return out


def _exchangeable(group: Exchangeable, values: Values, rng: Rng) -> Values:
    """Values of parameters about a common one."""
    z = values[group.spread] * rng.standard_normal(len(group.names))
    each = values[group.centre] * np.exp(z) if group.log else values[group.centre] + z
    return dict(zip(group.names, each, strict=True))


def lkj(m: int, eta: float, rng: Rng) -> Array:
    """A correlation matrix with density proportional to det(R)^(eta - 1), by the onion method.

    Parameters
    ----------
    m : int
        Rows, at least 2.
    eta : float
        Above 0.
    rng : Generator

    Returns
    -------
    ndarray
        Shape (m, m).

    References
    ----------
    Lewandowski, Kurowicka & Joe 2009, J. Multivariate Analysis 100:1989, 10.1016/j.jmva.2009.04.008, section 3.2.
    """
    beta = eta + 0.5 * (m - 2)
    r = 2.0 * rng.beta(beta, beta) - 1.0
    R = np.array([[1.0, r], [r, 1.0]])
    for size in range(2, m):
        beta -= 0.5
        direction = rng.standard_normal(size)
        direction /= np.linalg.norm(direction)
        column = np.linalg.cholesky(R) @ direction * np.sqrt(rng.beta(0.5 * size, beta))
        R = np.block([[R, column[:, None]], [column[None, :], np.ones((1, 1))]])
    return R
