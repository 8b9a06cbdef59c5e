"""Which posterior moments exist when groups are exchangeable: a question of tails, answered on the safe side.

log tau_o = log tau + r z with z standard normal. Far out A_o falls as tau_o^-k_o; the prior on tau brings the power
a - 1 of its tail; and r ~ HalfNormal(sd) gives exp(r z) a tail of power 1 / sd, any prior with a longer tail none.
So at least the moments of tau_o below E_o = k_o + min(1 / sd, a - 1) exist. What follows for the others is derived
in the same way: the cheapest way out for the quantity, with as many other groups along as it takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from poolwise.errors import listing
from poolwise.moments import MOST_MOMENTS
from poolwise.priors import HalfNormal, Prior
from poolwise.result import Finding

MARGIN = 1.0  # powers by which a tail must fall faster than a moment needs, for quadrature to reach it


@final
@dataclass(frozen=True)
class JointMoments:
    """Highest moments that are given, 0 to 4.

    Attributes
    ----------
    mean, spread, tau, tau_spread : int
        Of the hyperparameters.
    mu, tau_of : tuple of int
        Of each group's mean and heterogeneity; theta_new has those that both have, tau^2 half of those of tau.
    """

    mean: int
    spread: int
    tau: int
    tau_spread: int
    mu: tuple[int, ...]
    tau_of: tuple[int, ...]

    def finding(self, groups: Sequence[str]) -> Finding | None:
        """Which quantities have no standard deviation, or no mean either, that could be computed; None when all have.

        Parameters
        ----------
        groups : sequence of str
            Their names.
        """
        known = self._known(groups)
        no_sd = [name for name, (highest, power) in known.items() if highest < 2 * power]
        no_mean = [name for name, (highest, power) in known.items() if highest < power]
        if not no_sd:
            return None
        also = f", and no mean either for {listing(no_mean)}" if no_mean else ""
        return Finding(
            "moment_does_not_exist",
            f"A posteriori there is no standard deviation that could be computed for {listing(no_sd)}{also}: the "
            "tails are too heavy for so few studies. Use medians and quantiles, which do exist, or priors with "
            "lighter tails.",
        )

    def _known(self, groups: Sequence[str]) -> dict[str, tuple[int, int]]:
        """By quantity: the highest moment given of what it is a power of, and that power."""
        known = {"mu": (self.mean, 1), "mu_spread": (self.spread, 1)}
        known |= {"tau": (self.tau, 1), "tau_spread": (self.tau_spread, 1)}
        for group, mu, tau in zip(groups, self.mu, self.tau_of, strict=True):
            known |= {f"mu[{group}]": (mu, 1), f"tau[{group}]": (tau, 1), f"tau2[{group}]": (tau, 2)}
            known[f"theta_new[{group}]"] = (min(mu, tau), 1)
        return known


def joint_moments(k: Sequence[int], *, flat: bool, spread: Prior | None, tau: Prior, tau_spread: Prior) -> JointMoments:
    """Moments that exist, on the safe side.

    Parameters
    ----------
    k : sequence of int
        Studies of each group.
    flat : bool
        Whether the prior on mu is flat.
    spread : Prior or None
        Prior on the spread of the means; None where they are independent.
    tau, tau_spread : Prior

    Returns
    -------
    JointMoments
    """
    wandering = _of_log_normal(tau_spread)
    reach = min(wandering, _excess(tau))
    alone = spread is None
    ends = [count - (1 if flat and alone else 0) + reach for count in k]
    together = sum(ends) - 1.0
    if not flat:
        mu, mean = [math.inf] * len(k), math.inf
    elif spread is None:
        mu, mean = ends, math.inf
    else:
        away = sum(min(1.0, end) for end in ends)
        mu = [min(_excess(spread) + end, together) for end in ends]
        mean = min(_excess(spread) + away - 1.0, together)
    least = sorted(k)
    left = min(sum(least[: len(k) - j]) + math.sqrt(j) * (wandering if j else 0.0) for j in range(len(k) + 1))
    return JointMoments(
        mean=_whole(mean),
        spread=_whole(_excess(spread)) if spread is not None else MOST_MOMENTS,
        tau=_whole(_excess(tau) + left),
        tau_spread=_whole(_excess(tau_spread)),
        mu=tuple(_whole(end) for end in mu),
        tau_of=tuple(_whole(end) for end in ends),
    )


def _excess(prior: Prior) -> float:
    """The power by which a prior's tail falls faster than 1 / x."""
    return math.inf if math.isfinite(prior.upper) else prior.tail_power - 1.0


def _of_log_normal(prior: Prior) -> float:
    """Power of the tail of exp(r z), z standard normal, under this prior on r."""
    if math.isfinite(prior.upper):
        return math.inf
    return 1.0 / prior.scale if isinstance(prior, HalfNormal) else 0.0


def _whole(end: float) -> int:
    return int(min(max(end - MARGIN, 0.0), MOST_MOMENTS))
