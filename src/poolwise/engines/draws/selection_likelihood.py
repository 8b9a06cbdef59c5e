"""Estimates that were selected for publication, on one study table: a `RowLikelihood`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from poolwise.design import Design
from poolwise.effects import Effects
from poolwise.engines.draws.row_likelihood import Completed, Parameters
from poolwise.engines.heterogeneity import known
from poolwise.model import Selection
from poolwise.model.publication import Publication
from poolwise.model.structure import NormalStructure
from poolwise.moments import MOST_MOMENTS, moments_of_tau, spreads
from poolwise.quantities import Quantity
from poolwise.selection.intervals import Intervals
from poolwise.selection.likelihood import Cells, draw_published, log_density_in_steps, log_normal
from poolwise.selection.weights import SmoothFunction, log_published

Array = NDArray[np.float64]
NO_I2 = {"I2": "it is a share of the variance of all estimates, and those that were published are selected"}
PER_CELL = 4  # edges of cells in one unit of z, within which smooth weights hardly change


@final
@dataclass(frozen=True, eq=False)
class SelectionLikelihood:
    """What a model of selection states on one study table, its true effects integrated out before the selection.

    Attributes
    ----------
    effects : Effects
    model : StepSelection or WeightFunction
        With every prior explicit.
    before : NormalStructure
        What the model states of the effects before any selection.
    """

    effects: Effects
    model: Selection
    before: NormalStructure

    @classmethod
    def of(cls, effects: Effects, model: Selection) -> SelectionLikelihood:
        """On a study table that the model can be asked about."""
        return cls(effects, model, model.before_selection(effects))

    @cached_property
    def publication(self) -> Publication:
        """What it states of the probability of publication."""
        return self.model.publication

    @property
    def design(self) -> Design | None:
        """Of the moderators, where there are any."""
        return self.before.design

    @property
    def absent(self) -> Mapping[str, str]:
        """No I2; with moderators no single mean."""
        return {**self.before.absent, **NO_I2}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noticed of the moderators, and which studies lie on a step."""
        noticed = self.before.design.notes if self.before.design is not None else ()
        return (*noticed, *_on_a_step(self.effects, self.model))

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the parameters that are unknown, or stated by a prior that is a value."""
        tau = () if self.model.tau_fixed is not None else ("tau",)
        return (*self.before.coefficients, *tau, *self.publication.free)

    @cached_property
    def z(self) -> Array:
        """Y / se in the direction of what gets published, shape (k,)."""
        return self.publication.sign * self.effects.y / self.effects.se

    @property
    def smooth(self) -> SmoothFunction:
        """The function omega, where it has no steps."""
        assert self.publication.smooth is not None
        return self.publication.smooth

    @cached_property
    def precision(self) -> Array:
        """By what delta is multiplied, shape (k,)."""
        smooth = self.publication.smooth
        scaled = smooth is not None and smooth.by_precision
        return self.effects.se / self.effects.se.max() if scaled else np.ones(self.effects.k)

    def moments(self) -> dict[str, int]:
        """Those of tau decide; under a prior on means without a light tail selection leaves tau no more than its own.

        Where all that was published lies beyond a step, mu may fall as fast as tau^2 grows at hardly any cost, so that
        the likelihood tells of no tail; a light tail of the prior on mu does.
        """
        priors = self.before.priors
        light = all(priors[name].proper and np.isinf(priors[name].tail_power) for name in self.before.coefficients)
        (spread,) = spreads(self.effects, self.model) or (None,)
        tau = MOST_MOMENTS
        if spread is not None:
            tau = spread.moments if light else max(min(spread.moments, moments_of_tau(0, spread.prior)), 0)
        each = dict.fromkeys(self.before.coefficients, tau if not light else MOST_MOMENTS)
        own = {name: MOST_MOMENTS for name in self.free if name.startswith("omega")}
        own |= {name: max(moments_of_tau(0, prior), 0) for name, prior in self.publication.priors.items()}
        return {"mu": tau if not light else MOST_MOMENTS, "tau": tau, "tau2": tau // 2, "theta_new": tau, **each, **own}

    def mean(self, parameters: Parameters) -> Array:
        """Mean effect of each study before selection, shape (*S, k)."""
        beta = np.stack([parameters[name] for name in self.before.coefficients], axis=-1)
        return np.asarray(beta @ self.before.X.T)

    def log_omega(self, parameters: Parameters) -> Array:
        """Log weights in all intervals, shape (*S, J), or (J,) where they are known."""
        known = self.publication.known
        with np.errstate(divide="ignore"):
            if known is not None:
                return np.log(known)
            each = [parameters[name] for name in self.publication.free]
            return np.log(np.stack([np.ones_like(each[0]), *each], axis=-1))

    def log_likelihood(self, parameters: Parameters) -> Array:
        """Log density of each published estimate, shape (*S, k)."""
        parameters = dict(zip(parameters, np.broadcast_arrays(*parameters.values()), strict=True))
        mean, tau = self.mean(parameters), parameters["tau"]
        return np.stack([self._log_row(i, mean[..., i], tau, parameters) for i in range(self.effects.k)], axis=-1)

    def _log_row(self, i: int, mean: Array, tau: Array, parameters: Parameters) -> Array:
        publication = self.publication
        y, se, sign = float(self.effects.y[i]), float(self.effects.se[i]), publication.sign
        sd = np.hypot(tau, se)
        if publication.intervals is not None:
            at = (np.array(sign * y), sign * mean, sd, np.array(se))
            return log_density_in_steps(*at, self.log_omega(parameters), publication.intervals)
        smooth = self.smooth
        by, delta = smooth.rule, [self.precision[i] * np.ravel(parameters[name])[:, None] for name in publication.free]
        centre, ratio = np.broadcast_arrays(np.ravel(sign * mean / se), np.ravel(sd / se))
        nodes, ends = (smooth.log_weight(at, delta) for at in (by.at, by.ends))
        published = log_published(centre, ratio, nodes, ends, by).reshape(mean.shape)
        own = smooth.log_weight(smooth.p_values(self.z[i]), [d[:, 0] for d in delta])
        return log_normal(y, mean, sd) + np.reshape(own, mean.shape) - published

    def complete(self, parameters: Parameters, drawn: Mapping[str, Array], rng: np.random.Generator) -> Completed:
        """True effects, whose law given the estimate knows nothing of the selection, which saw the estimate alone."""
        mean, tau = self.mean(parameters), parameters["tau"][..., None]
        share = tau**2 / (tau**2 + self.effects.v)
        noise = np.sqrt(share * self.effects.v) * rng.standard_normal(mean.shape)
        theta = mean + share * (self.effects.y - mean) + noise
        new = self.new_effects(parameters, 1, rng)[..., 0] if "mu" in parameters else None
        return Completed(theta, new, np.broadcast_to(1.0 / (tau**2 + self.effects.v), mean.shape))

    def new_effects(self, parameters: Parameters, size: int, rng: np.random.Generator) -> Array:
        """True effects of new studies, published or not, shape (*S, size)."""
        mu, tau = (np.asarray(parameters[name])[..., None] for name in ("mu", "tau"))
        return np.asarray(mu + tau * rng.standard_normal((*mu.shape[:-1], size)))

    def replicates(self, parameters: Parameters, rest: Completed | None, rng: np.random.Generator) -> dict[str, Array]:
        """Estimates of new studies with these standard errors and moderators, as they are published."""
        mean, tau = self.mean(parameters), parameters["tau"]
        out = np.empty(mean.shape)
        for i in range(self.effects.k):
            se, sign = float(self.effects.se[i]), self.publication.sign
            centre, ratio = np.ravel(sign * mean[..., i] / se), np.ravel(np.hypot(tau, se) / se)
            z = self._published(i, centre, np.broadcast_to(ratio, centre.shape), parameters, rng)
            out[..., i] = (sign * se * z).reshape(mean.shape[:-1])
        return {"y": out}

    def _published(
        self, i: int, centre: Array, ratio: Array, parameters: Parameters, rng: np.random.Generator
    ) -> Array:
        """Z of one study, drawn from what is published."""
        intervals = self.publication.intervals
        if intervals is not None:
            cells = _cells_of_steps(intervals, self.log_omega(parameters).reshape(-1, intervals.count))
            return draw_published(centre, ratio, cells, lambda z, at: np.full(len(z), np.inf), rng)
        smooth, delta = self.smooth, [self.precision[i] * np.ravel(parameters[x]) for x in self.publication.free]
        cells = _smooth_cells(smooth, delta)

        def weight(z: Array, at: NDArray[np.intp]) -> Array:
            return np.asarray(smooth.log_weight(smooth.p_values(z), [d[at] for d in delta]))

        return draw_published(centre, ratio, cells, weight, rng)

    def observed(self) -> dict[str, NDArray]:
        """The estimates."""
        return {"y": self.effects.y}

    def derived(self, parameters: Parameters, rest: Completed) -> dict[str, Quantity]:
        """Weights that are known."""
        return {name: known(weight) for name, weight in self.publication.stated.items()}

    def own_prior(self, size: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
        """Falling weights; a known tau."""
        tau = {} if self.model.tau_fixed is None else {"tau": np.full(size, float(self.model.tau_fixed))}
        free = self.publication.free
        if not free or self.publication.priors:
            return tau
        ordered = np.sort(rng.random((*size, len(free))), axis=-1)[..., ::-1]
        return tau | dict(zip(free, np.moveaxis(ordered, -1, 0), strict=True))


def _cells_of_steps(intervals: Intervals, log_omega: Array) -> Cells:
    """Cells of z between the cuts, with the weight in each; log weights of shape (n, J)."""
    outer = np.sort(np.concatenate([intervals.cuts, -intervals.cuts if intervals.sides == 2 else []]))
    edges = np.concatenate([[-np.inf], outer, [np.inf]])
    inner = intervals.holding(0.5 * (edges[1:-2] + edges[2:-1]))
    place = np.concatenate([intervals.holding(outer[:1] - 1.0), inner, [0]])
    return Cells(edges, log_omega[:, place])


def _smooth_cells(smooth: SmoothFunction, delta: list[Array]) -> Cells:
    """Cells of z with the largest weight in each: at one of its ends, or where the beta function has its mode."""
    end = smooth.rule.end
    inner = np.linspace(-end, end, 2 * int(np.ceil(end * PER_CELL)) + 1)
    logs = np.asarray(smooth.log_weight(smooth.p_values(inner), [d[:, None] for d in delta]))
    bound = np.maximum(logs[:, :-1], logs[:, 1:])
    if smooth.kind == "beta":
        a, b = delta[0] - 1.0, delta[1] - 1.0
        peaked = (a > 0.0) & (b > 0.0)
        mode = np.where(peaked, a / np.where(peaked, a + b, 1.0), 0.5)
        z = -ndtri(mode / smooth.sides)
        top = np.asarray(smooth.log_weight(smooth.p_values(z), delta))[:, None]
        for side in (1.0, -1.0) if smooth.sides == 2 else (1.0,):
            here = (inner[:-1] <= side * z[:, None]) & (side * z[:, None] <= inner[1:]) & peaked[:, None]
            bound = np.where(here, top, bound)
    bound = np.concatenate([logs[:, :1], bound, logs[:, -1:]], axis=1)
    return Cells(np.concatenate([[-np.inf], inner, [np.inf]]), bound)


def _on_a_step(effects: Effects, model: Selection) -> tuple[str, ...]:
    """Studies whose p-value is a step up to rounding: which side they are on decides, and rounding decides that."""
    near = model.near_a_step(effects)
    if not near:
        return ()
    return (
        f"p-values within rounding of a step, which count as the more significant ones: {', '.join(near)}; a step a "
        "little higher or lower shows whether it matters.",
    )
