"""The law of a quantity averaged over models: several laws, and a point at which some models put it exactly.

F(x) = sum_j w_j F_j(x) + a 1[x >= atom], with sum_j w_j + a = 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.laws import Mirrored
from poolwise.quantities import Law, Posterior, shortest_by_widths

Array = NDArray[np.float64]
CLOSE = 4e-16  # a bracket this narrow over x, or a gap this small in probability, leaves nothing to find
INSIDE = (np.finfo(float).tiny, 1.0 - 2.0**-53)  # least and largest probability whose quantile is finite
MOST_STEPS = 200
PATIENCE = 8  # Newton steps before every second one halves the bracket


@final
@dataclass(frozen=True, eq=False)
class MixedLaw:
    """A mixture of continuous laws and of a point mass.

    Attributes
    ----------
    laws : tuple of Law
        The laws, one for each model that leaves the quantity unknown.
    weight : ndarray
        Their probabilities, shape (m,); with `atom_probability` they sum to 1.
    atom : float
        Where the other models put the quantity.
    atom_probability : float
        How probable that point is: P(quantity = atom). 0 for a law without a point mass.

    References
    ----------
    Hoeting et al. 1999, Statistical Science 14:382, 10.1214/ss/1009212519, equation 1.
    """

    laws: tuple[Law, ...]
    weight: Array
    atom: float = 0.0
    atom_probability: float = 0.0

    @property
    def mean(self) -> float:
        """Mean, the point mass included; NaN when one of the laws has none."""
        return float(self.weight @ [law.mean for law in self.laws] + self.atom_probability * self.atom)

    @property
    def sd(self) -> float:
        """Standard deviation, the point mass included; NaN when one of the laws has none."""
        mean = self.mean
        inside = [law.sd**2 + (law.mean - mean) ** 2 for law in self.laws]
        return float(np.sqrt(self.weight @ inside + self.atom_probability * (self.atom - mean) ** 2))

    def pdf(self, x: Array) -> Array:
        """Density of the continuous part, which integrates to 1 - `atom_probability`; same shape as x."""
        x = np.asarray(x, dtype=float)
        return sum((w * law.pdf(x) for w, law in self._held), np.zeros(x.shape))

    def cdf(self, x: Array) -> Array:
        """Probability of a value at most x, with a jump at the atom; same shape as x."""
        x = np.asarray(x, dtype=float)
        jump = np.where(np.isnan(x), np.nan, self.atom_probability * (x >= self.atom))
        return np.minimum(self._continuous(x) + jump, 1.0)

    def before(self, x: Array) -> Array:
        """Probability of a value below x; same shape as x."""
        x = np.asarray(x, dtype=float)
        jump = np.where(np.isnan(x), np.nan, self.atom_probability * (x > self.atom))
        return np.minimum(self._continuous(x) + jump, 1.0)

    def ppf(self, p: Array) -> Array:
        """Smallest x with F(x) >= p, flat where the atom holds p; same shape as p.

        At p = 0 and p = 1 the ends of the support.
        """
        p = np.asarray(p, dtype=float)
        flat = p.reshape(-1)
        before, jump = float(self._continuous(np.array(self.atom))), self.atom_probability
        left, right = flat <= before, flat > before + jump
        target = np.where(left, flat, flat - jump)
        out = np.full(flat.shape, self.atom)
        moved = (left | right) & (flat > 0.0) & (flat < 1.0)
        quantiles = self._quantiles(target[moved])
        if jump > 0.0:  # rounding of the probabilities must not carry a quantile past the atom
            quantiles = np.where(left[moved], np.minimum(quantiles, self.atom), np.maximum(quantiles, self.atom))
        out[moved] = quantiles
        ends = np.stack([law.ppf(np.array([0.0, 1.0])) for _, law in self._held] + [[self.atom] * 2] * (jump > 0.0))
        out[flat == 0.0], out[flat == 1.0] = ends[:, 0].min(), ends[:, 1].max()
        out[np.isnan(flat)] = np.nan
        return out.reshape(p.shape)

    def shortest(self, prob: float) -> tuple[float, float]:
        """The shortest interval that holds `prob`, by its width: the density knows nothing of the atom."""
        return shortest_by_widths(self, prob)

    def sample(self, size: int, rng: np.random.Generator) -> Array:
        """Draws: a model by its probability, then a draw of that model."""
        odds = np.append(self.weight, self.atom_probability)
        which = rng.choice(len(odds), size=size, p=odds / odds.sum())
        out = np.full(size, self.atom)
        for j, law in enumerate(self.laws):
            mine = which == j
            out[mine] = law.sample(int(mine.sum()), rng)
        return out

    @property
    def _held(self) -> list[tuple[float, Law]]:
        """The laws that have any weight in double precision."""
        return [(float(w), law) for w, law in zip(self.weight, self.laws, strict=True) if w > 0.0]

    def _continuous(self, x: Array) -> Array:
        return sum((w * law.cdf(x) for w, law in self._held), np.zeros(x.shape))

    def _quantiles(self, target: Array) -> Array:
        """Where the continuous part reaches `target`, strictly between 0 and its whole.

        The laws' own quantiles at target / whole bracket the root; Newton steps that leave the bracket, and every
        second one after a few, give way to bisection.
        """
        if target.size == 0 or not self._held:
            return np.full(target.shape, self.atom)
        whole = sum(w for w, _ in self._held)
        own = np.stack([law.ppf(np.clip(target / whole, *INSIDE)) for _, law in self._held])
        low, high = own.min(axis=0), own.max(axis=0)
        x = np.clip(np.array([w for w, _ in self._held]) @ own / whole, low, high)
        for count in range(MOST_STEPS):
            gap = self._continuous(x) - target
            low, high = np.where(gap < 0.0, x, low), np.where(gap < 0.0, high, x)
            if np.all((np.abs(gap) <= CLOSE) | (high - low <= CLOSE * np.maximum(np.abs(low), np.abs(high)))):
                break
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                new = x - gap / self.pdf(x)
            halve = ~((new > low) & (new < high)) | (count > PATIENCE and count % 2 == 1)
            x = np.where(gap == 0.0, x, np.where(halve, 0.5 * (low + high), new))
        return x


def sides(law: Law) -> tuple[float, float, float]:
    """Probabilities of values below, at and above the point at which some models put a quantity.

    Parameters
    ----------
    law : Law
        A `MixedLaw` or its mirror image.
    """
    if isinstance(law, Mirrored):
        above, at, below = sides(law.reflected)
        return below, at, above
    assert isinstance(law, MixedLaw)
    below = float(law.before(np.array(law.atom)))
    return below, law.atom_probability, max(1.0 - below - law.atom_probability, 0.0)


def atom_of(law: Law) -> tuple[float, float] | None:
    """The point at which some models put a quantity and its probability; None where no model does."""
    if isinstance(law, Mirrored):
        found = atom_of(law.reflected)
        return None if found is None else (0.0 - found[0], found[1])
    if not isinstance(law, MixedLaw) or law.atom_probability == 0.0:
        return None
    return law.atom, law.atom_probability


def parts_of(law: Law) -> list[tuple[float, Law]]:
    """Shares and laws of the models that leave a quantity unknown; the law itself where it is of one model."""
    if isinstance(law, Mirrored):
        return [(share, Mirrored(part)) for share, part in parts_of(law.reflected)]
    return list(zip(law.weight.tolist(), law.laws, strict=True)) if isinstance(law, MixedLaw) else [(1.0, law)]


def mixed(laws: Sequence[tuple[float, Law]], at: float, atom: float) -> Posterior:
    """The posterior of a quantity over several models, from the share and the law of each that leaves it unknown.

    Parameters
    ----------
    laws : sequence of tuple
        Shares and laws.
    at : float
        Where the other models put the quantity.
    atom : float
        Their share.

    Returns
    -------
    Posterior
        Shares are taken in proportion.

    References
    ----------
    Hoeting et al. 1999, Statistical Science 14:382, 10.1214/ss/1009212519, equation 1.
    """
    weight = np.array([share for share, _ in laws] + [atom])
    weight = weight / weight.sum()
    return Posterior(MixedLaw(tuple(law for _, law in laws), weight[:-1], at, float(weight[-1])))
