"""The tables of a reconstruction as points of a space in which a search can move and never leave what is published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.reconstruct.aggregate import Aggregate
from poolwise.reconstruct.partition import Plan
from poolwise.reconstruct.plausible import Plausible
from poolwise.reconstruct.pooled import pooled
from poolwise.reconstruct.printed import Printed

Array = NDArray[np.float64]

_EDGE = 1e-4  # of a box's half width, left free on either side: round-off never carries a figure out of its box
_LEAST = 1e-12


@final
@dataclass(frozen=True, eq=False)
class Coordinates:
    """Coordinates of every study table that has the published aggregates, for one division of the studies.

    A point holds, each in units of half its rounding box from the middle, the unrounded d_g and SE_g of every level (of
    the whole outcome without levels, or where studies are left over), Q, and the random-effects estimate d_re where it
    is printed; then k log weights s and k residuals z. Its table has

        w_i = SE_g^-2 exp(s_i) / sum_g exp(s),   y_i = d_g + u_i / sqrt(w_i),

    with u the part of z that is orthogonal to sqrt(w) within every level, and to the row that turns the
    common-effect estimate into d_re, brought to sum u^2 = Q - sum_g W_g (d_g - d)^2 and to that d_re. So sum w, d and Q
    (and d_re) are as they should be by construction; every other fact is a `slack` that must not be negative.

    Attributes
    ----------
    plan : Plan
        What is published.
    limits : Plausible
        Limits on single studies.
    level : ndarray of int
        Column of the plan's `sizes` that each study belongs to, shape (k,).

    References
    ----------
    The construction is ours; see `poolwise.reconstruct`.
    """

    plan: Plan
    limits: Plausible
    level: NDArray[np.int64] = field(repr=False)

    @property
    def anchors(self) -> tuple[Aggregate, ...]:
        """The rows whose d and SE are coordinates."""
        return (*self.plan.levels, self.plan.overall) if self.plan.remainder else self.plan.levels

    @property
    def fixes_d_re(self) -> bool:
        """Whether d_re is a coordinate: it is printed, and Q exceeds its degrees of freedom, so that tau2 > 0."""
        overall = self.plan.overall
        return overall.d_re is not None and overall.q_box()[0] > overall.studies - 1

    @property
    def boxes(self) -> int:
        """How many coordinates are figures in rounding boxes; these run from -1 to 1."""
        return 2 * len(self.anchors) + 1 + self.fixes_d_re

    def table(self, x: Array) -> tuple[Array, Array]:
        """Estimates and inverse variances at these points.

        Parameters
        ----------
        x : ndarray
            Shape (n, boxes + 2 k).

        Returns
        -------
        y, w : ndarray
            Shape (n, k).
        """
        y, w, _ = self._built(x)
        return y, w

    def slack(self, x: Array) -> Array:
        """How much room every fact has that does not hold by construction; all at least 0 in a table that fits.

        Parameters
        ----------
        x : ndarray
            Shape (n, boxes + 2 k).

        Returns
        -------
        ndarray
            Shape (n, facts), each in a unit of the order of what it bounds.
        """
        y, w, room = self._built(x)
        limits, log_se = self.limits, -0.5 * np.log(w)
        parts = [room]
        if np.isfinite(limits.d_max):
            parts += [limits.d_max - _EDGE - y, limits.d_max - _EDGE + y]
        if np.isfinite(limits.se_max):
            parts.append(np.log(limits.se_max) - _EDGE - log_se)
        if limits.se_min > 0.0:
            parts.append(log_se - np.log(limits.se_min) - _EDGE)
        parts += [_in_box(figure, value) for figure, value in self._other_figures(y, w)]
        return np.concatenate(parts, axis=1)

    def point(self, y: Array, w: Array) -> Array:
        """The point of one table, shape (boxes + 2 k,), inside the boxes.

        Parameters
        ----------
        y, w : ndarray
            Estimates and inverse variances, shape (k,).
        """
        every = np.ones(len(y), dtype=bool)
        members = [self.level == g for g in range(len(self.plan.levels))] + [every] * self.plan.remainder
        rows = [pooled(y[None], w[None], member[None]) for member in members]
        whole = pooled(y[None], w[None], every[None])
        figures = [(row.figure("d"), of["d"]) for row, of in zip(self.anchors, rows, strict=True)]
        figures += [(row.figure("se"), of["se"]) for row, of in zip(self.anchors, rows, strict=True)]
        values = [_place(figure.inside, float(value[0])) for figure, value in figures]
        values.append(_place(self.plan.overall.q_box(), float(whole["q"][0])))
        if self.fixes_d_re:
            values.append(_place(self.plan.overall.figure("d_re").inside, float(whole["d_re"][0])))
        z = (y - self._means(y, w)) * np.sqrt(w)
        return np.concatenate([np.clip(values, -1.0, 1.0), np.log(w) - np.log(w).mean(), z])

    def _means(self, y: Array, w: Array) -> Array:
        total = np.bincount(self.level, weights=w)
        return (np.bincount(self.level, weights=w * y) / total)[self.level]

    def _built(self, x: Array) -> tuple[Array, Array, Array]:
        """Estimates, weights, and the room for the residuals (and for studies left over)."""
        d, weight, rooms = self._levels(x)
        k, m, level = len(self.level), self.boxes, self.level
        member = np.equal.outer(level, np.arange(d.shape[1])).astype(float)
        s = x[:, m : m + k]
        largest = np.stack([s[:, level == g].max(axis=1) for g in range(d.shape[1])], axis=1)
        share = np.exp(s - largest[:, level])  # of its level, the largest 1: a far step leaves no level without weight
        w = np.maximum(share / (share @ member)[:, level] * weight[:, level], _LEAST)
        root = np.sqrt(w)
        overall = (weight * d).sum(axis=1) / weight.sum(axis=1)
        low, high = self.plan.overall.q_box()
        q = _figure((low, high), x[:, m - 1 - self.fixes_d_re])
        left = q - (weight * (d - overall[:, None]) ** 2).sum(axis=1)
        rooms.append(left / max(high, _LEAST))

        def orthogonal(rows: Array) -> Array:
            return rows - root * ((root * rows) @ member / weight)[:, level]

        u, fixed = orthogonal(x[:, m + k :]), np.zeros_like(w)
        if self.fixes_d_re:
            fixed, normal = self._to_d_re(x[:, m - 1], d, w, q, orthogonal)
            u = u - normal * (u * normal).sum(axis=1, keepdims=True)
            left = left - (fixed**2).sum(axis=1)
            rooms.append(left / high)
        size = np.sqrt(np.maximum((u**2).sum(axis=1), _LEAST))
        u = fixed + u * (np.sqrt(np.maximum(left, 0.0)) / size)[:, None]
        return d[:, level] + u / root, w, np.column_stack(rooms)

    def _levels(self, x: Array) -> tuple[Array, Array, list[Array]]:
        """Estimate and weight of every level, shape (n, levels), and the room of the studies left over."""
        n = len(self.anchors)
        boxes = [row.figure(name).inside for name in ("d", "se") for row in self.anchors]
        values = [_figure(box, x[:, j]) for j, box in enumerate(boxes)]
        d, weight = np.column_stack(values[:n]), np.column_stack(values[n:]) ** -2.0
        if not self.plan.remainder:
            return d, weight, []
        left = weight[:, -1] - weight[:, :-1].sum(axis=1)
        own = np.maximum(left, _LEAST)
        mean = (weight[:, -1] * d[:, -1] - (weight[:, :-1] * d[:, :-1]).sum(axis=1)) / own
        return (
            np.column_stack([d[:, :-1], mean]),
            np.column_stack([weight[:, :-1], own]),
            [left / weight[:, -1]],
        )

    def _to_d_re(
        self, coordinate: Array, d: Array, w: Array, q: Array, orthogonal: Callable[[Array], Array]
    ) -> tuple[Array, Array]:
        """The residuals that alone give d_re, and the unit row along them, shape (n, k)."""
        total = w.sum(axis=1)
        tau2 = np.maximum(q - (len(self.level) - 1), 0.0) / (total - (w**2).sum(axis=1) / total)
        softened = 1.0 / (1.0 / w + tau2[:, None])
        softened = softened / softened.sum(axis=1, keepdims=True)
        row = orthogonal(softened / np.sqrt(w))
        length = np.sqrt(np.maximum((row**2).sum(axis=1, keepdims=True), _LEAST))
        needed = _figure(self.plan.overall.figure("d_re").inside, coordinate) - (softened * d[:, self.level]).sum(
            axis=1
        )
        normal = row / length
        return normal * (needed[:, None] / length), normal

    def _other_figures(self, y: Array, w: Array) -> list[tuple[Printed, Array]]:
        """Published figures that do not hold by construction, and what each table has."""
        overall = self.plan.overall
        built = {"q", "i2_percent"} | ({"d_re"} if self.fixes_d_re else set())
        if overall in self.anchors:
            built |= {"d", "se"}
        found = _figures(overall, built, y, w, np.ones(y.shape, dtype=bool))
        if self.plan.factor:
            for g, row in enumerate(self.plan.levels):
                found += _figures(row, {"d", "se"}, y, w, np.broadcast_to(self.level == g, y.shape))
        return found


def _figures(
    row: Aggregate, built: set[str], y: Array, w: Array, member: NDArray[np.bool_]
) -> list[tuple[Printed, Array]]:
    names = [name for name in row.figures if name not in built]
    values = pooled(y, w, member) if names else {}
    return [(row.figures[name], values[name]) for name in names]


def _in_box(figure: Printed, value: Array) -> Array:
    """Room to either end of a figure's box in units of its half width, shape (n, 2), or (n, 1) below a bound."""
    low, high = figure.inside
    half = (high - low) / 2.0
    above = (high - value) / half - _EDGE
    return above[:, None] if figure.below else np.column_stack([above, (value - low) / half - _EDGE])


def _figure(box: tuple[float, float], coordinate: Array) -> Array:
    """The unrounded figure at coordinates from -1 to 1."""
    low, high = box
    return (low + high) / 2.0 + coordinate * (1.0 - _EDGE) * (high - low) / 2.0


def _place(box: tuple[float, float], value: float) -> float:
    """The coordinate of an unrounded figure."""
    low, high = box
    return (value - (low + high) / 2.0) / ((1.0 - _EDGE) * (high - low) / 2.0)
