"""The regularised horseshoe: a joint prior on several coefficients, of which few are expected to matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from poolwise.priors._base import Array, Prior, check_positive


@final
@dataclass(frozen=True)
class RegularizedHorseshoe(Prior):
    """Joint prior on coefficients b_j, each that of one standard deviation of its moderator.

    b_j ~ Normal(0, g s_j), s_j^2 = c^2 l_j^2 / (c^2 + g^2 l_j^2), g ~ HalfCauchy(scale), l_j ~ HalfCauchy(1),
    c^2 ~ InverseGamma(slab_df / 2, slab_df slab_scale^2 / 2): most coefficients are shrunk to nearly 0, those that
    matter as by a t prior with `slab_df` degrees of freedom and scale `slab_scale`. Coefficients that are given equal
    priors of this family share g and c. They are per standard deviation of the moderator, so that scales compare;
    results are reported per unit of the moderator.

    Attributes
    ----------
    scale : float
        Scale of g in the unit of the effects. With p0 of p coefficients expected to matter and k studies,
        p0 / (p - p0) x (typical standard error) / sqrt(k).
    slab_scale : float
        Size of a coefficient that matters, in the unit of the effects.
    slab_df : float
        Degrees of freedom of the slab.

    Notes
    -----
    Four degrees of freedom give a coefficient that matters a tail heavy enough not to be drawn in, and light enough
    that the slab still has a variance and the sampler ends.

    References
    ----------
    Piironen & Vehtari 2017, Electronic J. Statistics 11:5018, 10.1214/17-EJS1337SI, equations 2.8 and 3.12.

    Examples
    --------
    >>> print(RegularizedHorseshoe(0.1, 0.5))
    RegularizedHorseshoe(0.1, 0.5, 4)
    """

    positive: ClassVar[bool] = False
    vectorised: ClassVar[bool] = True
    lengths: ClassVar[tuple[str, ...]] = ("scale", "slab_scale")

    scale: float
    slab_scale: float
    slab_df: float = 4.0
    metric: str | None = None

    def __post_init__(self) -> None:
        check_positive(self, "scale", "slab_scale", "slab_df")

    @property
    def tail_power(self) -> float:
        """1 + slab_df."""
        return self.slab_df + 1.0

    def joint(self, p: int, size: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Joint draws of p coefficients per standard deviation of their moderators, shape (*size, p)."""
        g = self.scale * np.abs(rng.standard_cauchy((*size, 1)))
        slope = g * np.abs(rng.standard_cauchy((*size, p)))
        c = self.slab_scale / np.sqrt(rng.chisquare(self.slab_df, (*size, 1)) / self.slab_df)
        return slope / np.hypot(1.0, slope / c) * rng.standard_normal((*size, p))
