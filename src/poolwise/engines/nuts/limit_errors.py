"""Monte Carlo error of the limits that reports print: how large it is, and whether it leaves a limit its sign."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from poolwise import show
from poolwise.engines.nuts.mixing import effective_sizes
from poolwise.errors import listing
from poolwise.laws import DrawsLaw
from poolwise.quantities import Posterior, Quantity

if TYPE_CHECKING:
    from poolwise.result import Result

Array = NDArray[np.float64]

LIMITS: Mapping[str, float] = {"q2.5": 0.025, "q97.5": 0.975}
"""The limits of 95 % intervals, by their names among diagnostics."""
MOST_ERROR = 0.1
"""Posterior standard deviations that the Monte Carlo standard error of a limit may have."""
FEW_STUDIES = 5
"""Number of rows up to which every estimated error above MOST_ERROR is called too large; limits move most there."""
DOUBT = 0.14
"""Relative standard deviation of an estimated error above 0.08, at 4,000 draws of chains (0.09 of independent ones)."""
OF_NOISE = 2.0
"""Monte Carlo standard errors from a value within which a limit does not tell on which side of it it lies."""
NARROW, WIDE = math.log(2.0), math.log(8.0)
"""Distances of logits, on each side of a limit, over which the density at the limit is averaged."""
_DERIVED = ("tau2", "I2", "ICC")  # functions of what is judged itself


def printed(quantities: Mapping[str, Quantity]) -> dict[str, DrawsLaw]:
    """Laws of the quantities whose limits are judged: all that have draws, without functions of a tau."""
    return {
        name: quantity.law
        for name, quantity in quantities.items()
        if isinstance(quantity, Posterior) and isinstance(quantity.law, DrawsLaw) and not name.startswith(_DERIVED)
    }


def quantile_error(draws: Array, prob: float) -> float:
    """Monte Carlo standard error of an empirical quantile.

    sqrt(p (1 - p) / n_eff) / f, with n_eff of the indicators draw <= quantile, at most the number of draws, and the
    density f = 2 h p (1 - p) / (Q(logit p + h) - Q(logit p - h)), Q(l) the quantile whose probability has the logit l:
    the slope of the quantiles on that scale, on which exponential tails and the logistic law are straight and a normal
    tail nearly so, which lets the window be wide. h is the standard error of the logit, at least log 2 and at most
    log 8. From p / 2 to 2 p the estimate at 4,000 draws of chains has a relative standard deviation of 0.14 and is
    right on average; from 3 / 4 p to 5 / 4 p it was 0.19.

    Parameters
    ----------
    draws : ndarray
        Shape (chains, draws), at least 4 draws in each chain.
    prob : float
        Probability p of the quantile.

    Returns
    -------
    float
        On the scale of the draws.

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221, section 4.4, for n_eff of a quantile; Serfling
    1980, Approximation Theorems of Mathematical Statistics, section 2.3.3, 10.1002/9780470316481, for the error.
    """
    return float(_quantiles(draws, np.array([prob]))[1][0])


def _quantiles(draws: Array, probs: Array) -> tuple[Array, Array]:
    """Several quantiles and their errors, from one sorting of the draws."""
    ordered = np.sort(draws, axis=None)
    at = np.quantile(ordered, probs)
    effective = np.minimum(effective_sizes(np.asarray(draws <= at[:, None, None], dtype=float)), draws.size)
    variance = probs * (1.0 - probs)
    error = np.sqrt(variance / effective)
    h = np.clip(error / variance, NARROW, WIDE)
    odds = probs / (1.0 - probs) * np.exp(np.stack([-h, h]))
    low, high = np.quantile(ordered, odds / (1.0 + odds))
    return at, error / variance * (high - low) / (2.0 * h)


def limit_errors(draws: Array, moments: int) -> dict[str, float]:
    """``mcse_q2.5``, ``mcse_q97.5``, and ``limit_share``: the larger one in posterior standard deviations.

    Parameters
    ----------
    draws : ndarray
        Shape (chains, draws).
    moments : int
        Highest moment that exists. Without the second one the width of the 95 % interval over 3.92 stands for the
        standard deviation.

    References
    ----------
    Vehtari et al. 2021, Bayesian Analysis 16:667, 10.1214/20-BA1221, section 4.4, for the error of a quantile.
    """
    (low, high), values = _quantiles(draws, np.array(list(LIMITS.values())))
    errors = {f"mcse_{word}": float(value) for word, value in zip(LIMITS, values, strict=True)}
    sd = float(draws.std()) if moments >= 2 else float(high - low) / 3.92
    return errors | {"limit_share": max(errors.values()) / sd if sd > 0.0 else np.nan}


def limit_bound(studies: int) -> float:
    """Posterior standard deviations above which an estimated error of a limit is called too large.

    With more than a few studies those that are above 0.1 by more than the standard error of the estimate itself: the
    largest of several estimated errors is above 0.1 half of the time where the largest error is 0.1.

    Parameters
    ----------
    studies : int
        Number of rows of the study table.
    """
    return MOST_ERROR if studies <= FEW_STUDIES else MOST_ERROR * (1.0 + DOUBT)


def enough(numbers: Mapping[str, float]) -> float:
    """Estimated error of a limit, in posterior standard deviations, down to which draws are added.

    The bound among the diagnostics; on few studies, where limits move most and draws cost least, less than 0.1 by the
    standard error of the estimate, so that most errors of limits are below 0.1 in truth.
    """
    bound = numbers.get("limit_bound", MOST_ERROR)
    return bound if bound > MOST_ERROR else MOST_ERROR * (1.0 - DOUBT)


def too_noisy(numbers: Mapping[str, float]) -> bool:
    """Whether the largest error of a limit is above the bound among the diagnostics."""
    return noisiest(numbers)[1] > numbers.get("limit_bound", MOST_ERROR)


def noisiest(numbers: Mapping[str, float]) -> tuple[str, float]:
    """The quantity whose limits have the largest error, and that error in posterior standard deviations."""
    start = "limit_share_"
    shares = {n.removeprefix(start): x for n, x in numbers.items() if n.startswith(start) and np.isfinite(x)}
    return max(shares.items(), key=lambda item: item[1], default=("", 0.0))


def noisy_limit(numbers: Mapping[str, float]) -> str:
    """The limit with the largest error in words: 'the 97.5 % limit of tau'."""
    name = noisiest(numbers)[0]
    word = max(LIMITS, key=lambda limit: numbers[f"mcse_{limit}_{name}"])
    return f"the {word.removeprefix('q')} % limit of {name}"


def sign_notes(
    quantities: Mapping[str, Quantity], numbers: Mapping[str, float], *, about: float = 0.0
) -> tuple[str, ...]:
    """Sentences on the limits that Monte Carlo error alone could carry to the other side of a value.

    Parameters
    ----------
    quantities : mapping
        Of a result of draws.
    numbers : mapping
        Its diagnostics, with ``mcse_q2.5_mu`` and the like.
    about : float
        The value for mean effects and a new study's effect, on the scale of the effects: no effect, or a threshold of
        the user's; NaN for none. Differences and coefficients are compared with 0 all the same; what has a lowest
        value, with none.

    Returns
    -------
    tuple of str
        A sentence for each value that a limit lies near to.
    """
    noisy: dict[float, list[str]] = {}
    for name, law in printed(quantities).items():
        value = about if show.is_effect(name) else 0.0
        for word, prob in LIMITS.items():
            error, limit = numbers.get(f"mcse_{word}_{name}", np.nan), float(law.ppf(np.asarray(prob)))
            if law.lower == -np.inf and abs(limit - value) <= OF_NOISE * error:
                found = f"{show.number(limit)}, error {show.number(error)}"
                noisy.setdefault(value, []).append(f"the {word.removeprefix('q')} % limit of {name} ({found})")
    return tuple(_of_noise(value, limits) for value, limits in noisy.items())


def notes_about(result: Result, threshold: float) -> tuple[str, ...]:
    """The notes of a result with its limits compared with the threshold of a report, where it has one, instead of 0.

    Parameters
    ----------
    result : Result
        Of any engine; limits without Monte Carlo error have no such note.
    threshold : float
        On the scale of the effects.

    Returns
    -------
    tuple of str
    """
    found, numbers, scale = result.quantities, result.report.diagnostics, result.effects.scale
    of_zero = sign_notes(found, numbers, about=scale.held_against(0.0))
    others = tuple(note for note in result.report.notes if note not in of_zero)
    return others + sign_notes(found, numbers, about=scale.held_against(threshold))


def _of_noise(value: float, limits: list[str]) -> str:
    at = show.number(value) if value else "0"
    which = "it lies is" if len(limits) == 1 else "they lie is"
    return (
        f"Within {OF_NOISE:g} Monte Carlo standard errors of {at}: {listing(limits)}. On which side of {at} "
        f"{which} noise: raise draws, or use Exact(), which has no sampling error."
    )
