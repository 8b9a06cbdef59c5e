"""The mean were every study weighted by how much likelier significant results are published: arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

Array = NDArray[np.float64]
NOTHING = 1e-12  # share of a study's variance that is none: its residual is 0 by construction
DOMINANT = 0.9  # share of all weight from which a study's residual is a small difference of large numbers


@final
@dataclass(frozen=True, eq=False)
class Weighted:
    """Estimates that are weighted against selection.

    Attributes
    ----------
    y, variance : ndarray, shape (k,)
        Estimates in the direction that gets published, and their variances, tau2 included.
    affirmative : ndarray of bool, shape (k,)
        Significant in that direction.
    cluster : ndarray of int, shape (k,)
        The study of each estimate, from 0.
    robust : bool
        Whether standard errors are clustered by study (CR2) with Satterthwaite's degrees of freedom; else the variances
        are taken as known and the law as normal.

    References
    ----------
    Mathur & VanderWeele 2020, J. R. Statist. Soc. C 69:1091, 10.1111/rssc.12440; Pustejovsky & Tipton 2018, J. Business
    & Economic Statistics 36:672, 10.1080/07350015.2016.1247004, for CR2 and its degrees of freedom.
    """

    y: Array
    variance: Array
    affirmative: NDArray[np.bool_]
    cluster: NDArray[np.intp]
    robust: bool

    def balance(self, threshold: float) -> tuple[float, float]:
        """Sum of w (y - threshold) over the affirmative estimates, and over the others, w = 1 / variance."""
        pull = (self.y - threshold) / self.variance
        return float(pull[self.affirmative].sum()), float(pull[~self.affirmative].sum())

    def at(self, eta: float) -> tuple[float, float, float]:
        """Mean, standard error and degrees of freedom where affirmative results are eta times as likely published.

        The others' weights are multiplied by eta, which may be infinite.
        """
        weight = np.where(self.affirmative, 1.0 / eta, 1.0) / self.variance
        mean = float((weight * self.y).sum() / weight.sum())
        if not self.robust:
            return mean, float(np.sqrt((weight**2 * self.variance).sum()) / weight.sum()), np.inf
        return (mean, *self._clustered(weight, mean))

    def limits(self, eta: float, prob: float) -> tuple[float, float, float]:
        """Mean with the lower and upper limit at this probability; NaN limits where there are no degrees of freedom."""
        mean, se, df = self.at(eta)
        upper = 0.5 + 0.5 * prob
        reach = (ndtri(upper) if df == np.inf else stdtrit(df, upper) if df > 0.0 else np.nan) * se
        return mean, float(mean - reach), float(mean + reach)

    def _clustered(self, weight: Array, mean: float) -> tuple[float, float]:
        """CR2 standard error and Satterthwaite's degrees of freedom, independent estimates as the working model.

        With M = 1 / sum w the residuals of a cluster have the covariance B = (I - H) V (I - H)', H = 1 M w'. The vector
        a = A w with A = D (D B D)^(-1/2) D, D = V^(1/2), is what its residuals are summed by.
        """
        share = weight / weight.sum()
        if np.bincount(self.cluster, share).max() > DOMINANT:
            return self._dominated(share, mean)
        m, variance = 1.0 / weight.sum(), self.variance
        total = float((weight**2 * variance).sum())
        sums = self._adjusted(weight, m, total)
        count = int(self.cluster.max()) + 1

        def by_study(values: Array) -> Array:
            return np.bincount(self.cluster, values, count)

        a, square = by_study(sums), by_study(sums**2 * variance)
        cross = by_study(weight * variance * sums)
        se = m * float(np.sqrt((by_study(sums * (self.y - mean)) ** 2).sum()))
        # G = diag(square) - m (a cross' + cross a') + m^2 total a a' is the covariance of the summed residuals
        own, outer = float(a @ a), m * m * total
        diagonal = square - 2.0 * m * a * cross + outer * a * a
        mixed = 2.0 * m * m * (float(a @ cross) ** 2 + own * float(cross @ cross))
        mixed += outer * own * (outer * own - 4.0 * m * float(a @ cross))
        size = float((square * (2.0 * diagonal - square)).sum()) + mixed
        if size <= 0.0 or np.count_nonzero(by_study(weight)) < 2:
            return np.nan, np.nan
        return se, float(diagonal.sum() ** 2 / size)

    def _dominated(self, share: Array, mean: float) -> tuple[float, float]:
        """The same by the whole matrix B, whose entries are summed without differences of numbers that nearly agree."""
        rest = np.where(np.eye(len(share), dtype=bool), 0.0, share).sum(axis=1)  # 1 - share
        own = share**2 * self.variance
        without = np.where(np.eye(len(share), dtype=bool), 0.0, own).sum(axis=1)  # the sum of all but one
        larger = own[:, None] >= own
        both = np.where(larger, without[:, None] - own, without - own[:, None])  # the sum of all but two
        near = rest * share * self.variance
        residual = both - near[:, None] - near
        np.fill_diagonal(residual, rest**2 * self.variance + without)
        sums = np.zeros(len(share))
        for study in range(int(self.cluster.max()) + 1):
            rows = np.flatnonzero(self.cluster == study)
            root = np.sqrt(self.variance[rows])
            values, vectors = np.linalg.eigh(root[:, None] * residual[np.ix_(rows, rows)] * root)
            there = values > (NOTHING if len(rows) > 1 else 0.0) * values.max(initial=0.0)
            inverse = np.where(there, 1.0 / np.sqrt(np.where(there, values, 1.0)), 0.0)
            sums[rows] = root * ((vectors * inverse) @ (vectors.T @ (root * share[rows])))
        by_study = self.cluster[:, None] == np.arange(int(self.cluster.max()) + 1)
        covariance = by_study.T @ (sums[:, None] * residual * sums) @ by_study
        size = float((covariance**2).sum())
        if size <= 0.0 or np.count_nonzero(by_study.T @ share) < 2:
            return np.nan, np.nan
        se = float(np.sqrt(((by_study.T @ (sums * (self.y - mean))) ** 2).sum()))
        return se, float(np.trace(covariance) ** 2 / size)

    def _adjusted(self, weight: Array, m: float, total: float) -> Array:
        """The weights by which residuals are summed, made unbiased under the working model; shape (k,)."""
        variance = self.variance
        own = variance - 2.0 * m * weight * variance + m * m * total
        seen = own > NOTHING * variance
        sums = np.where(seen, weight * np.sqrt(variance / np.where(seen, own, 1.0)), 0.0)
        sizes = np.bincount(self.cluster)
        for study in np.flatnonzero(sizes > 1):
            rows = np.flatnonzero(self.cluster == study)
            scaled = m * weight[rows] * variance[rows]
            b = np.diag(variance[rows]) - scaled[:, None] - scaled[None, :] + m * m * total
            root = np.sqrt(variance[rows])
            values, vectors = np.linalg.eigh(root[:, None] * b * root)
            there = values > NOTHING * values.max(initial=0.0)
            inverse = np.where(there, 1.0 / np.sqrt(np.where(there, values, 1.0)), 0.0)
            sums[rows] = root * ((vectors * inverse) @ (vectors.T @ (root * weight[rows])))
        return sums
