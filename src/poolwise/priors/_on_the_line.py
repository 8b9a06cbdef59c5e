"""A prior on mu that another package's distribution states: normal, t or Cauchy, recognised by its law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from poolwise.errors import ModelError
from poolwise.priors._base import Array, Prior
from poolwise.priors._line import Normal
from poolwise.priors._student import Cauchy, StudentT

OnTheLine = Normal | StudentT | Cauchy
P = np.array([1e-6, 0.001, 0.025, 0.2, 0.45, 0.6, 0.9, 0.999, 1.0 - 1e-6])  # at whose quantiles densities are compared
SAME = 1e-7  # of a log density: a mixture or a skew is off by far more, parameters from quantiles by less
FEW_DF, MANY_DF = 0.5, 1e6
ON_MU = "on mu a normal, Student's t or Cauchy distribution; on tau one on [0, inf), without a point mass"


def of_quantiles(distribution: Any, name: str, metric: str | None) -> OnTheLine:
    """The normal, t or Cauchy distribution with these quantiles, where its density is that of the object.

    Raises
    ------
    ModelError
        For any other law that reaches below 0.
    """
    low, centre, upper, far = (float(distribution.ppf(np.array(p))) for p in (0.25, 0.5, 0.75, 0.975))
    if np.isfinite([low, centre, upper, far]).all() and upper > centre:
        ratio = (far - centre) / (upper - centre)
        for prior in _candidates(_rounded(centre), upper - centre, ratio, metric):
            if _is_law(prior, distribution.logpdf):
                return prior
    below = float(distribution.cdf(np.array(0.0)))
    raise ModelError(f"{name} puts the probability {below:.3g} at 0 and below", ON_MU, "one that is truncated at 0")


def of_pymc(variable: Any, family: str, log_density: Callable[[Array], Array], metric: str | None) -> OnTheLine | None:
    """The prior that an unnamed variable of PyMC states, where it is normal, t or Cauchy; else None."""
    makers: dict[str, Callable[..., OnTheLine]] = {
        "Normal": lambda mean, sd: Normal(mean, sd, metric),
        "StudentT": lambda df, mean, scale: StudentT(df, mean, scale, metric),
        "Cauchy": lambda mean, scale: Cauchy(mean, scale, metric),
    }
    if family not in makers:
        return None
    parameters = [float(part.eval()) for part in variable.owner.op.dist_params(variable.owner)]
    prior = makers[family](*parameters)
    return prior if _is_law(prior, log_density) else None


def _candidates(centre: float, half: float, ratio: float, metric: str | None) -> list[OnTheLine]:
    """Symmetric priors about a centre, by the distance to the upper quartile and the ratio of .975 to it."""
    sd = _rounded(half / special.ndtri(0.75))
    found: list[OnTheLine] = [Normal(centre, sd, metric), Cauchy(centre, _rounded(half), metric)]
    lowest, highest = np.log([FEW_DF, MANY_DF])
    for _ in range(200):  # the ratio falls with df
        middle = 0.5 * (lowest + highest)
        above = special.stdtrit(np.exp(middle), 0.975) / special.stdtrit(np.exp(middle), 0.75) > ratio
        lowest, highest = (middle, highest) if above else (lowest, middle)
    df = _rounded(np.exp(middle), 9)
    found.append(StudentT(df, centre, _rounded(half / special.stdtrit(df, 0.75)), metric))
    return found


def _rounded(x: float, digits: int = 13) -> float:
    """A number without the last digits, which quantiles do not have."""
    return float(f"{x:.{digits}g}")


def _is_law(prior: Prior, log_density: Callable[[Array], Array]) -> bool:
    """Whether a log density is that of a prior."""
    x = prior.ppf(P)
    with np.errstate(all="ignore"):
        return bool(np.allclose(log_density(x), prior.log_pdf(x), rtol=0.0, atol=SAME))
