"""Laws of true effects between studies, each with mean 0 and standard deviation 1: theta = mu + tau x."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from poolwise.errors import ModelError, described, nearest

Array = NDArray[np.float64]
Rng = np.random.Generator

HEAVY_DF = 3.0
GROUP_APART = 0.9  # half the distance between the means of two groups
OUTLIERS, OUTLYING = 0.1, 3.0  # share of studies that lie apart, and by how many sds of the others


@final
@dataclass(frozen=True, eq=False)
class EffectLaw:
    """How true effects differ between studies, in units of tau about mu.

    Attributes
    ----------
    name : str
    words : str
        What the law is, for a caption.
    draw : callable
        From a generator and a shape to values with mean 0 and standard deviation 1.
    cdf : callable
        Distribution function.

    References
    ----------
    Kontopantelis & Reeves 2012, Statistical Methods in Medical Research 21:409, 10.1177/0962280210392008, for methods
    under true effects that are not normal.
    """

    name: str
    words: str
    draw: Callable[[Rng, tuple[int, ...]], Array]
    cdf: Callable[[Array], Array]

    def __repr__(self) -> str:
        return f"EffectLaw({self.name!r})"


def _exponential(rng: Rng, shape: tuple[int, ...]) -> Array:
    return rng.standard_exponential(shape) - 1.0


def _student(rng: Rng, shape: tuple[int, ...]) -> Array:
    return rng.standard_t(HEAVY_DF, shape) * np.sqrt((HEAVY_DF - 2.0) / HEAVY_DF)


def _mixture(share: float, low: float, high: float, sd: float) -> dict[str, Any]:
    """Normal laws about two means, the higher one with this probability."""

    def draw(rng: Rng, shape: tuple[int, ...]) -> Array:
        centre = np.where(rng.random(shape) < share, high, low)
        return centre + sd * rng.standard_normal(shape)

    def cdf(x: Array) -> Array:
        return np.asarray(share * special.ndtr((x - high) / sd) + (1.0 - share) * special.ndtr((x - low) / sd))

    return {"draw": draw, "cdf": cdf}


_OTHERS_SD = 1.0 / np.sqrt(1.0 + OUTLIERS * (1.0 - OUTLIERS) * OUTLYING**2)

LAWS: dict[str, EffectLaw] = {
    law.name: law
    for law in (
        EffectLaw("normal", "normal", lambda rng, shape: rng.standard_normal(shape), special.ndtr),
        EffectLaw(
            "skewed", "exponential (skewness 2)", _exponential, lambda x: -np.expm1(-np.maximum(np.add(x, 1.0), 0.0))
        ),
        EffectLaw(
            "heavy-tailed",
            f"Student's t with {HEAVY_DF:g} degrees of freedom",
            _student,
            lambda x: special.stdtr(HEAVY_DF, np.multiply(x, np.sqrt(HEAVY_DF / (HEAVY_DF - 2.0)))),
        ),
        EffectLaw(
            "two groups",
            f"two groups of studies, their means {2 * GROUP_APART:g} \N{GREEK SMALL LETTER TAU} apart",
            **_mixture(0.5, -GROUP_APART, GROUP_APART, float(np.sqrt(1.0 - GROUP_APART**2))),
        ),
        EffectLaw(
            "outliers",
            f"{OUTLIERS:.0%} of studies {OUTLYING:g} standard deviations above the others",
            **_mixture(
                OUTLIERS, -OUTLIERS * OUTLYING * _OTHERS_SD, (1.0 - OUTLIERS) * OUTLYING * _OTHERS_SD, float(_OTHERS_SD)
            ),
        ),
    )
}
"""What `truth={"law": [...]}` may name: a law joins by an entry."""


def as_law(given: Any) -> EffectLaw:
    """A law by its name, or that of a distribution, moved to mean 0 and scaled to standard deviation 1.

    Raises
    ------
    ModelError
        For a name that is none of `LAWS`, and for a distribution whose standard deviation does not exist.

    References
    ----------
    Kontopantelis & Reeves 2012, Statistical Methods in Medical Research 21:409, 10.1177/0962280210392008.
    """
    if isinstance(given, EffectLaw):
        return given
    if isinstance(given, str):
        if given not in LAWS:
            raise ModelError(f"truth names the law {given!r} of true effects", " or ".join(LAWS), nearest(given, LAWS))
        return LAWS[given]
    if not all(callable(getattr(given, name, None)) for name in ("ppf", "cdf", "mean", "std")):
        raise ModelError(
            f"truth has {described(given)} as a law of true effects",
            f"{' or '.join(LAWS)}, or a frozen distribution of scipy.stats",
            "truth={'law': ['normal', 'skewed']}",
        )
    mean, sd = float(given.mean()), float(given.std())
    if not (np.isfinite(mean) and np.isfinite(sd) and sd > 0.0):
        raise ModelError(
            f"a law of true effects has mean {mean:g} and standard deviation {sd:g}", "finite ones, above 0"
        )
    name = getattr(getattr(given, "dist", None), "name", type(given).__name__)
    named = [f"{key}={x:g}" for key, x in getattr(given, "kwds", {}).items()]
    parameters = ", ".join([*(f"{x:g}" for x in getattr(given, "args", ())), *named])
    label = f"{name}({parameters})" if parameters else name

    def draw(rng: Rng, shape: tuple[int, ...]) -> Array:
        return np.asarray((given.ppf(rng.random(shape)) - mean) / sd)

    return EffectLaw(label, label, draw, lambda x: np.asarray(given.cdf(mean + sd * np.asarray(x))))
