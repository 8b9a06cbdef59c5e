"""The numbers of a picture of posteriors: densities, priors, medians with intervals, probabilities, point masses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from poolwise.errors import MissingQuantityError, ModelError, nearest, shown
from poolwise.evidence.averaged import Averaged
from poolwise.evidence.bias_averaged import BiasAveraged
from poolwise.evidence.mixed_law import atom_of, parts_of
from poolwise.laws import DrawsLaw
from poolwise.plot._given import check_given
from poolwise.plot.conditional_frame import finite, given_of
from poolwise.priors import Fixed, Prior
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quantities import Law, Posterior
from poolwise.result import NO_PRIOR, Result
from poolwise.settings import as_number, check_prob

if TYPE_CHECKING:
    from poolwise.quantities import Quantity

Array = NDArray[np.float64]
Posteriors = Result | Averaged | BiasAveraged
COLUMNS = (
    "row", "quantity", "x", "density", "lower", "upper", "p_below", "p_above", "p_within", "p", "prob", "interval",
    "prior", "data",
)  # fmt: skip
MOST = 6  # mean effects in one picture
_POINTS, _DRAWS = 301, 2000
_TAILS = 2e-3  # of a posterior, beyond which it is not drawn


def posterior_frame(
    result: Posteriors,
    *,
    of: str | Sequence[str] | None = None,
    threshold: float = 0.0,
    rope: tuple[float, float] | None = None,
    prob: float = 0.95,
) -> pd.DataFrame:
    """Every number that `posterior` draws, on the analysis scale.

    Parameters
    ----------
    result : Result, or what `average` returned
        A fit by `Exact` or `NUTS`, or an average over models.
    of : str or sequence of str, optional
        Names of quantities. By default the mean effects, the true effect of a new study, and tau; with moderators the
        first coefficient in the place of mean effects.
    threshold : float
        What effects are held against.
    rope : tuple of float, optional
        Region of practical equivalence.
    prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        Columns row, quantity, x, density, lower, upper, p_below, p_above, p_within, p, prob, interval, prior, data.
        Rows ``"posterior"`` and ``"prior"`` (density at x; of an average, the part that no point mass has),
        ``"summary"`` (x is the median, with its interval, and the probabilities of the sides of the threshold and of
        the region) and ``"atom"`` (p is the probability of x exactly).

    Raises
    ------
    InputError
        For what has no posteriors of this kind.
    MissingQuantityError
        For a closed-form result, or a quantity that is not there.
    ModelError
        For a `prob` or a region that is none, more than six mean effects.

    Notes
    -----
    Densities of `Exact` are its quadrature's own. From draws, a mean effect of a model with one tau is the mixture of
    its exact normal laws given the drawn tau; all else has a kernel density, reflected where the support ends. The
    threshold is 0 by default, no effect, as everywhere here.

    References
    ----------
    Gelfand & Smith 1990, J. American Statistical Association 85:398, 10.1080/01621459.1990.10476213, for densities as
    mixtures of conditional ones; Kruschke 2018, Advances in Methods and Practices in Psychological Science 1:270,
    10.1177/2515245918771304, for regions of practical equivalence.
    """
    check_given("posterior", result, (Result, Averaged, BiasAveraged))
    check_prob(prob)
    if not math.isfinite(as_number(threshold)):
        raise ModelError(f"threshold = {shown(threshold)}", "a finite number on the analysis scale", "threshold=0.0")
    region = checked_region(rope)
    effects = result.effects
    laws = {name: law_of(result, name) for name in chosen(result, of)}
    held = {name: float(threshold) if is_coefficient(name) else effects.scale.held_against(threshold) for name in laws}
    axes = {name: _axis_of(name, law) for name, law in laws.items()}
    rows = []
    for name, law in laws.items():
        rows += _rows(result, name, (axes[name], law), held[name], region, prob)
        alike = [axes[other] for other in laws if is_spread(other) == is_spread(name)]
        rows += _outline(result, name, _span(alike, () if is_spread(name) else (held[name], *(region or ()))))
    return pd.concat(rows, ignore_index=True).assign(data=result.data_label).reindex(columns=list(COLUMNS))


def _span(axes: Sequence[Array], show: Sequence[float]) -> Array:
    """Points along the whole of an axis that densities share, and to what has to be shown on it where that is near."""
    low, high = min(x[0] for x in axes), max(x[-1] for x in axes)
    wide = high - low
    near = [at for at in show if math.isfinite(at) and low - 0.6 * wide <= at <= high + 0.6 * wide]
    margin = 0.04 * wide
    return np.linspace(min([low, *(at - margin for at in near)]), max([high, *(at + margin for at in near)]), _POINTS)


def checked_region(rope: tuple[float, float] | None) -> tuple[float, float] | None:
    """A region of practical equivalence, in order.

    Raises
    ------
    ModelError
        For what is not two numbers in order.
    """
    if rope is None:
        return None
    ends = tuple(rope) if isinstance(rope, Sequence) and not isinstance(rope, str) else ()
    if len(ends) != 2 or not as_number(ends[0]) < as_number(ends[1]):
        raise ModelError(f"rope = {shown(rope)}", "two numbers in order, on the analysis scale", "rope=(-0.1, 0.1)")
    return float(ends[0]), float(ends[1])


def quantities_of(result: Posteriors) -> Mapping[str, Quantity]:
    """The posteriors of a result or an average, by name."""
    return result.quantities if isinstance(result, Result) else result.averaged


def is_spread(name: str) -> bool:
    """Whether a quantity is a standard deviation, which has an axis of its own."""
    return name.partition("[")[0] in ("tau", "tau_between", "tau_within", "tau_spread", "mu_spread")


def is_coefficient(name: str) -> bool:
    """Whether a quantity is a coefficient of a moderator, in the moderator's unit."""
    return name.startswith("beta[") and name != "beta[intercept]"


def chosen(result: Posteriors, of: str | Sequence[str] | None) -> list[str]:
    """Names of the quantities to draw.

    Raises
    ------
    MissingQuantityError
        For a quantity that is not there or has no posterior.
    ModelError
        For more mean effects than one picture tells apart.
    """
    there = quantities_of(result)
    if of is not None:
        names = [of] if isinstance(of, str) else list(of) if isinstance(of, Sequence) else [str(of)]
    else:
        answers = list(result.answers) if isinstance(result, Result) else ["mu"]
        if answers and answers[0].startswith("beta["):
            answers = answers[:1]
        inner = [name.partition("[")[1] + name.partition("[")[2] for name in answers if name.startswith("mu")]
        new = [f"theta_new{each}" for each in inner] if len(inner) == 1 else []
        spreads = ["tau"] if "tau" in there else [name for name in there if is_spread(name) and "_spread" not in name]
        names = [*answers, *(name for name in new if name in there), *spreads]
        unknown = [name for name in names if isinstance(there.get(name), Posterior)]
        names = unknown or names  # what a model states to be known has no density
    for name in names:
        if name not in there:
            raise MissingQuantityError(f"there is no quantity {shown(name)} to draw", advice=nearest(str(name), there))
        if not isinstance(there[name], Posterior):
            raise _without_density(result, name)
    for kind in (True, False):
        several = [name for name in names if is_spread(name) is kind]
        if len(several) > MOST:
            raise ModelError(f"{len(several)} quantities in one picture", f"at most {MOST}", f"of={several[:2]}")
    if not names:
        raise MissingQuantityError("no quantity was named", "one or more", "of='mu'")
    return names


def _without_density(result: Posteriors, name: str) -> MissingQuantityError:
    if isinstance(result, Result) and result.prior == NO_PRIOR:
        return MissingQuantityError(
            f"'{name}' has no posterior: a confidence distribution is not one",
            "a fit with priors, by Exact or NUTS",
            "pw.plot.posterior(pw.fit(effects, pw.RandomEffects(), pw.Exact())), or pw.plot.forest for this result",
        )
    others = [other for other, quantity in quantities_of(result).items() if isinstance(quantity, Posterior)]
    return MissingQuantityError(
        f"'{name}' has no density: the model states what it is", "an unknown quantity", f"of='{others[0]}'"
    )


def law_of(result: Posteriors, name: str) -> Law:
    """The law that is drawn: of draws, one smoother than their histogram where their model allows it."""
    quantity = quantities_of(result)[name]
    assert isinstance(quantity, Posterior)
    law, tau = quantity.law, quantities_of(result).get("tau")
    if not (isinstance(result, Result) and isinstance(law, DrawsLaw) and isinstance(tau, Posterior)):
        return law
    if not isinstance(tau.law, DrawsLaw) or is_spread(name):
        return law
    try:
        given = given_of(result, "mu" if name == "theta_new" else name)
    except ModelError:
        return law
    flat = np.sort(tau.law.draws, axis=None)
    some = flat[:: max(flat.size // _DRAWS, 1)]
    laws = given.at(some)
    spread = np.hypot(laws.sd, some) if name == "theta_new" else laws.sd
    return NormalMixture(np.full(some.size, 1.0 / some.size), laws.mean, spread, law.moments)


def _rows(
    result: Posteriors,
    name: str,
    drawn: tuple[Array, Law],
    held: float,
    region: tuple[float, float] | None,
    prob: float,
) -> list[pd.DataFrame]:
    quantity = quantities_of(result)[name]
    assert isinstance(quantity, Posterior)
    x, law = drawn
    lower, upper = quantity.interval(prob)
    atom = atom_of(law)
    summary: dict[str, object] = {"row": "summary", "quantity": name, "x": quantity.point, "lower": lower}
    summary |= {"upper": upper, "prob": prob, "interval": quantity.interval_kind()}
    if not is_spread(name) and math.isfinite(held):
        at_most = float(quantity.cdf(held))
        exactly = atom[1] if atom is not None and atom[0] == held else 0.0
        summary |= {"p_below": at_most - exactly, "p_above": 1.0 - at_most}
    if region is not None and not is_spread(name):
        summary["p_within"] = quantity.probability(*region)
    density = finite(law.pdf(x))
    rows = [pd.DataFrame({"row": "posterior", "quantity": name, "x": x, "density": density}), pd.DataFrame([summary])]
    if atom is not None:
        rows.append(pd.DataFrame([{"row": "atom", "quantity": name, "x": atom[0], "p": atom[1]}]))
    prior = prior_of(result, name)
    return [row.assign(prior="" if prior is None else str(prior)) for row in rows]


def _outline(result: Posteriors, name: str, x: Array) -> list[pd.DataFrame]:
    prior = prior_of(result, name)
    if prior is None or not prior.proper or isinstance(prior, Fixed):
        return []
    density = _slab(result, name) * finite(prior.pdf(x))
    return [pd.DataFrame({"row": "prior", "quantity": name, "x": x, "density": density, "prior": str(prior)})]


def _axis_of(name: str, law: Law) -> Array:
    """Points at which a density is drawn: the bulk of the posterior, from 0 on for a standard deviation."""
    parts = parts_of(law)
    largest = max(share for share, _ in parts)
    held = [part for share, part in parts if share > 0.01 * largest]
    ends = np.array([part.ppf(np.array([_TAILS, 0.05, 0.95, 1.0 - _TAILS])) for part in held])
    low, near, far, high = ends[:, 0].min(), ends[:, 1].min(), ends[:, 2].max(), ends[:, 3].max()
    wide = far - near
    low, high = max(low, near - 2.0 * wide), min(high, far + 2.0 * wide)
    low = 0.0 if is_spread(name) else low - 0.1 * wide
    return np.linspace(low, high + 0.1 * wide, _POINTS)


def prior_of(result: Posteriors, name: str) -> Prior | None:
    """The prior of a parameter that has one of its own."""
    priors = result.model.named_priors
    if name in priors:
        return priors[name]
    if not isinstance(result, Result):
        return None
    structure = result.model.structure(result.effects)
    return None if structure is None else structure.priors.get(name)


def _slab(result: Posteriors, name: str) -> float:
    """The prior probability of the models in which a parameter is unknown."""
    if isinstance(result, Result):
        return 1.0
    if isinstance(result, BiasAveraged):
        models = result.models
        there = models["effect"] if name == "mu" else models["random"]
        return float(models.loc[there.astype(bool), "prior"].sum())
    without = ("common null", "random null") if name == "mu" else ("common null", "common effect")
    return 1.0 - sum(p for model, p in result.prior_probabilities.items() if model in without)
