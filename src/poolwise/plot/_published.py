"""What models of selection say of z: draws of mean, tau and weights, densities with and without selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri

from poolwise.errors import InputError, MissingQuantityError, described
from poolwise.evidence import BiasAveraged
from poolwise.evidence.bias_averaged import omega_names
from poolwise.quantities import Posterior
from poolwise.result import Result
from poolwise.selection.intervals import Intervals
from poolwise.selection.weights import SmoothFunction, log_published

Array = NDArray[np.float64]
Subject = Result | BiasAveraged
DRAWS, MOST = 400, 40_000  # draws at most, and draws times studies
REFERENCE = 0.005  # p-value whose weight is 1 where a weight function has no weight of 1 by itself
_ROOT_2PI = np.sqrt(2.0 * np.pi)


@final
@dataclass(frozen=True, eq=False)
class Draws:
    """Values of what a model of publication leaves unknown, in the direction of what gets published; D of them.

    Attributes
    ----------
    mu, tau : ndarray, shape (D,)
    pet, peese : ndarray, shape (D,)
        Slopes on the standard error and on its square; 0 without.
    weights : ndarray, shape (D, q)
        Step weights of all intervals, or the parameters of a weight function.
    """

    mu: Array
    tau: Array
    pet: Array
    peese: Array
    weights: Array


def sign_of(subject: Subject) -> float:
    """1, or -1 where results below 0 are likelier to be published."""
    model = subject if isinstance(subject, BiasAveraged) else subject.model
    return -1.0 if getattr(model, "direction", "positive") == "negative" else 1.0


def intervals_of(subject: Subject) -> Intervals | None:
    """The intervals of p-values between which step weights change; None without steps."""
    if isinstance(subject, BiasAveraged):
        return Intervals(subject.cuts, 1) if len(subject.cuts) else None
    publication = subject.model.publication
    return None if publication is None else publication.intervals


def smooth_of(subject: Subject) -> SmoothFunction | None:
    """The smooth function of p-values that weights are; None for steps, and without selection."""
    publication = subject.model.publication
    return None if publication is None else publication.smooth


def draws_of(subject: Subject) -> Draws:
    """Draws from a posterior, or the one point of maximum likelihood.

    Raises
    ------
    MissingQuantityError
        Without a single mean.
    """
    if isinstance(subject, BiasAveraged):
        frame = subject.draws(_draws(subject))
        values = {name: frame[name].to_numpy() for name in subject}
        names: tuple[str, ...] = omega_names(subject.cuts)
    else:
        if "mu" not in subject:
            raise MissingQuantityError(f"'{subject.label}' has no single mean", "a model without moderators")
        names = weight_names(subject)
        values = _values(subject, ("mu", "tau", *names))
    size = len(values["mu"])
    zero, one = np.zeros(size), np.ones(size)
    weights = [values.get(name, one) for name in names]
    publication = subject.model.publication
    if publication is not None and publication.known is not None:
        weights = [np.full(size, weight) for weight in publication.known]
    return Draws(
        mu=sign_of(subject) * values["mu"],
        tau=values.get("tau", zero),
        pet=values.get("PET", zero),
        peese=values.get("PEESE", zero),
        weights=np.column_stack(weights) if weights else np.zeros((size, 0)),
    )


def weight_names(result: Result) -> tuple[str, ...]:
    """Names of the weights, or of the parameters of the weight function; none without selection."""
    publication = result.model.publication
    return () if publication is None else publication.names


def _values(result: Result, names: tuple[str, ...]) -> dict[str, Array]:
    known = getattr(result.model, "tau_fixed", None)
    fixed = {} if known is None else {"tau": np.full(1, float(known))}
    if not isinstance(result["mu"], Posterior):
        return fixed | {name: np.array([result[name].point]) for name in names if name in result}
    posterior = result.to_datatree()["posterior"]
    whole = {name: posterior[name].to_numpy().ravel() for name in names if name in posterior}
    step = max(len(whole["mu"]) // _draws(result), 1)
    values = {name: each[::step] for name, each in whole.items()}
    return {name: np.full(len(values["mu"]), each[0]) for name, each in fixed.items()} | values


def _draws(subject: Subject) -> int:
    return max(min(DRAWS, MOST // subject.effects.k), 40)


def relative_to_a_p(subject: Subject) -> bool:
    """Whether weights are relative to that at `REFERENCE`: the beta function is 1 nowhere by itself."""
    smooth = smooth_of(subject)
    return smooth is not None and smooth.kind == "beta"


def log_weights(smooth: SmoothFunction, z: Array, delta: list[Array]) -> Array:
    """Log weights at z; delta broadcasts with z."""
    return np.asarray(smooth.log_weight(smooth.p_values(z), delta)) - log_reference(smooth, delta)


def log_reference(smooth: SmoothFunction, delta: list[Array]) -> Array | float:
    """Log of the weight that counts as 1."""
    if smooth.kind != "beta":
        return 0.0
    at = smooth.p_values(-ndtri(np.array([REFERENCE / smooth.sides])))
    return np.asarray(smooth.log_weight(at, delta))


def densities(subject: Subject, draws: Draws, z: Array) -> tuple[Array, Array, Array]:
    """Densities of z with selection and without it, and how many results are held back for each that is published.

    With N_i the normal law of z_i before selection and A_i the probability that it is published, relative to that of a
    result with weight 1, the mean over studies of N_i omega / A_i, and of N_i / A_i, which is as high where omega = 1
    and has the mean of 1 / A_i as its area.

    Returns
    -------
    tuple of ndarray
        Shapes (D, n), (D, n) and (D,).
    """
    effects = subject.effects
    se = effects.se
    published, whole = (np.empty((len(draws.mu), len(z))) for _ in range(2))
    held = np.empty(len(draws.mu))
    for d in range(len(draws.mu)):
        ratio = np.hypot(1.0, draws.tau[d] / se)
        true = draws.mu[d] / se
        seen = true + draws.pet[d] + draws.peese[d] * se
        log_omega, log_a = _selection(subject, draws.weights[d], (seen, ratio), z)
        published[d] = (_normal(z, seen, ratio) * np.exp(log_omega - log_a[:, None])).mean(axis=0)
        whole[d] = (_normal(z, true, ratio) * np.exp(-log_a[:, None])).mean(axis=0)
        held[d] = np.exp(-log_a).mean() - 1.0
    return published, whole, held


def _normal(z: Array, mean: Array, sd: Array) -> Array:
    off = (z - mean[:, None]) / sd[:, None]
    return np.asarray(np.exp(-0.5 * off**2) / (_ROOT_2PI * sd[:, None]))


def _selection(subject: Subject, weights: Array, law: tuple[Array, Array], z: Array) -> tuple[Array, Array]:
    """Log weights at z, shape (k or 1, n), and the log probability of publication of each study, shape (k,)."""
    mean, ratio = law
    steps = intervals_of(subject)
    if steps is not None:
        with np.errstate(divide="ignore"):
            log_omega = np.log(weights)
        logs = steps.log_probabilities(mean, ratio, np.ones(len(mean)))
        return log_omega[steps.holding(z)][None], np.asarray(logsumexp(logs + log_omega, axis=-1))
    smooth = smooth_of(subject)
    if smooth is None:
        return np.zeros((1, len(z))), np.zeros(len(mean))
    se = subject.effects.se
    scale = (se / se.max())[:, None] if smooth.by_precision else np.ones((1, 1))
    delta = [scale * each for each in weights]
    by = smooth.rule
    nodes = np.broadcast_to(smooth.log_weight(by.at, delta), (len(mean), len(by.z)))
    ends = np.broadcast_to(smooth.log_weight(by.ends, delta), (len(mean), 2))
    log_a = log_published(mean, ratio, nodes, ends, by) - np.ravel(log_reference(smooth, delta))
    return log_weights(smooth, z, delta), log_a


def check_subject(asked: str, subject: object) -> None:
    """Refuse what has no weights of publication."""
    if not isinstance(subject, Subject):
        raise InputError(
            f"{asked} was given {described(subject)}",
            "a result of StepSelection or WeightFunction, or an average over models of publication bias",
            f"{asked}(pw.fit(effects, pw.StepSelection(direction='positive'), pw.ClosedForm()))",
        )
