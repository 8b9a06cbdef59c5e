"""The scale of a half-normal prior on tau at which the answer changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.exact_batch import fit_many
from poolwise.model import RandomEffects
from poolwise.prior_catalogue import DEFAULTS
from poolwise.priors import HalfNormal, Prior
from poolwise.result import Result
from poolwise.scale import Scale

Array = NDArray[np.float64]

HALF_NORMAL_MEDIAN = 0.6744897501960817  # of HalfNormal(1)
TIPPING_RANGE = (0.02, 20.0)  # half-normal scales searched, in units of the default scale


def tipping_point(effects: Effects, reference: Result, prob: float) -> float:
    """Scale of a half-normal prior on tau, nearest to the reference, at which the answer changes; NaN for none."""
    model = reference.model
    assert isinstance(model, RandomEffects)
    assert model.tau is not None
    unit = _half_normal_unit(model.tau, effects.scale)
    if np.isnan(unit):
        return np.nan
    scales = unit * np.geomspace(*TIPPING_RANGE, 121)
    margin = _margin(effects, model, scales, prob)
    flips = np.flatnonzero(np.diff(np.sign(margin)) != 0)
    if flips.size == 0:
        return np.nan
    nearest = flips[np.argmin(np.abs(np.log(scales[flips] / unit)))]
    low, high = scales[nearest], scales[nearest + 1]
    sign = np.sign(margin[nearest])
    for _ in range(4):  # each round narrows the bracket 32-fold
        inner = np.geomspace(low, high, 33)
        inside = np.flatnonzero(np.sign(_margin(effects, model, inner, prob)) != sign)
        first = int(inside[0]) if inside.size else len(inner) - 1
        low, high = inner[max(first - 1, 0)], inner[first]
    return float(np.sqrt(low * high))


def _half_normal_unit(tau: Prior, scale: Scale) -> float:
    """Scale of the half-normal prior that has this prior's median; for an improper one, that of the default."""
    prior = tau if tau.proper else DEFAULTS.get(scale.name)
    if prior is None:
        return np.nan
    return prior.scale if isinstance(prior, HalfNormal) else float(prior.ppf(0.5)) / HALF_NORMAL_MEDIAN


def _margin(effects: Effects, model: RandomEffects, scales: Array, prob: float) -> Array:
    """How far the interval for mu stays clear of 0, under half-normal priors: positive when it excludes 0."""
    models = [replace(model, tau=HalfNormal(float(scale))) for scale in scales]
    batch = fit_many(effects.y[None], effects.v[None], models, prob=prob, new=False)
    return np.maximum(batch["mu_lower"], -batch["mu_upper"])


def tipping_sentence(tipping: float, reference: Prior, scale: Scale) -> str:
    """The tipping point in words, or the range that was searched in vain."""
    if np.isnan(tipping):
        low, high = (end * _half_normal_unit(reference, scale) for end in TIPPING_RANGE)
        if np.isnan(low):
            return "No tipping point was sought: no prior of the panel is proper, so that none gives its unit."
        return (
            "No tipping point: under tau ~ HalfNormal(s) the answer does not change for any s from "
            f"{low:.3g} to {high:.3g}."
        )
    return f"Tipping point: under tau ~ HalfNormal(s) the answer changes at s = {tipping:.3g}."
