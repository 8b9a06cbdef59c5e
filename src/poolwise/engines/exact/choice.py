"""From a model and a study table to quadrature over its nonlinear parameters, and back to named quantities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.exact import spread_laws
from poolwise.engines.exact.groups import refuse_covariance
from poolwise.engines.exact.mean_priors import (
    SHARE_OF_A_NODE,
    blended,
    heavy_tailed,
    over_boxes,
    refuse_other_priors,
    study_shares,
)
from poolwise.engines.exact.one_sided import columns, is_one_sided, one_sided
from poolwise.engines.exact.posterior import Fitted, Nodes
from poolwise.engines.exact.rows import has_rows, refuse_prior
from poolwise.engines.exact.selected import is_selected, refuse_steps
from poolwise.engines.heterogeneity import known_tau, typical_variance
from poolwise.engines.means import Means, means
from poolwise.errors import ModelError
from poolwise.laws import Deferred
from poolwise.model import Model
from poolwise.model.needs import CORRELATED, CROSSED
from poolwise.moments import MOST_MOMENTS
from poolwise.priors import Cauchy, Flat, Mixture, Normal, Prior, StudentT, TruncatedNormal
from poolwise.quadrature.boxes.diagonal import Diagonal
from poolwise.quadrature.boxes.levels import Levels
from poolwise.quadrature.boxes.polar import Polar, is_sharp
from poolwise.quadrature.boxes.variables import OnLine, Spread, Variable
from poolwise.quadrature.one_tau.independent import Independent
from poolwise.quadrature.one_tau.jobs import MEAN, Studies, Tables, TauPriors
from poolwise.quadrature.one_tau.mixtures import Mixtures
from poolwise.quadrature.one_tau.regression import Regression
from poolwise.quadrature.one_tau.rotated import Turned, TurnedMixtures
from poolwise.quadrature.one_tau.tau_posterior import TauPosterior, tau_posterior, watched_limits
from poolwise.quadrature.one_tau.truncated import TruncatedMixtures, TruncatedStudies
from poolwise.quadrature.rules.gaussian import Basis
from poolwise.quadrature.rules.mixture import NormalMixture
from poolwise.quantities import Law, Quantity

Array = NDArray[np.float64]
MOST_HALVINGS = 3
REACH = 9.0  # prior standard deviations of a coefficient of log tau that can matter


def quadrature(effects: Effects, model: Model, tolerance: float, mean: Means | None = None) -> Fitted:
    """Fit a model whose priors are explicit, refining the grid until the limits are good to `tolerance`.

    Parameters
    ----------
    effects : Effects
    model : Model
        Any that one quadrature answers.
    tolerance : float
        Largest estimated error of medians and limits, in half-widths of the 95 % interval.
    mean : Means, optional
        Its mean effects on this table, where they are not those that the table alone would give: on some rows of a
        table, moderators keep the levels and the centre that they have on all.

    Returns
    -------
    Fitted
    """
    mean = means(effects, model) if mean is None else mean
    _refuse_correlated(effects, model, mean)
    other = _takes_other_priors(model)
    if other:
        if any(isinstance(prior, Mixture) for prior in mean.priors):
            return blended(effects, model, mean, tolerance, quadrature)
        if is_one_sided(mean):
            return one_sided(effects, model, mean, tolerance)
        if any(isinstance(prior, StudentT | Cauchy) for prior in mean.priors):
            return heavy_tailed(effects, model, mean, tolerance)
    refuse_other_priors(mean, known=other)
    structure = mean.structure
    stated = {*structure.priors, *structure.known}
    if not stated.issuperset(structure.sds) or len(mean.priors) < mean.p or model.needs & {CROSSED, CORRELATED}:
        raise ModelError(f"{model!r} leaves a prior open", "explicit priors")
    if mean.Z is not None:
        return _location_scale(effects, model, mean, tolerance)
    if len(structure.layers) > 1:
        return _levels(effects, model, mean, tolerance)
    if not model.one_tau:
        return _separate(effects, model, mean, tolerance)
    if isinstance(structure.tau, Prior):
        return _one_tau(effects, model, mean, structure.tau, tolerance)
    return _known(effects, model, mean, structure.tau)


def _takes_other_priors(model: Model) -> bool:
    """Whether t, Cauchy and mixtures may stand on its mean effects: those of all studies, with one tau."""
    return model.one_tau and model.strata is None


def _refuse_correlated(effects: Effects, model: Model, mean: Means) -> None:
    """Refuse a known covariance of sampling errors where no quadrature takes it into account."""
    if not model.one_tau:
        refuse_covariance(effects, model)
    if effects.covariance is None:
        return
    other = [f"{name} ~ {prior}" for name, prior in zip(mean.linear, mean.priors, strict=False)
             if not isinstance(prior, Normal | Flat)]  # fmt: skip
    if other:
        raise ModelError(f"the sampling errors have a known covariance, and {other[0]}", "a normal or flat prior")


def refuse_unknown_priors(effects: Effects, model: Model) -> None:
    """Refuse, before anything is integrated, a prior on a mean effect that no quadrature here knows.

    Parameters
    ----------
    effects : Effects
    model : Model
        With every prior explicit.

    Raises
    ------
    ModelError
        Naming the prior.
    """
    if has_rows(model):
        refuse_prior(model)
        return
    if is_selected(model):
        refuse_steps(model)
        return
    mean = means(effects, model)
    if mean.structure.exchangeable_means:
        mu = model.named_priors["mu"]
        if not isinstance(mu, Normal | Flat):
            raise ModelError(f"mu ~ {mu} is not supported for this model", "a normal or flat prior")
        return
    mixed = _takes_other_priors(model)
    if mixed and is_one_sided(mean):
        columns(mean)
        return
    if not (mixed and any(isinstance(prior, Mixture | StudentT | Cauchy) for prior in mean.priors)):
        refuse_other_priors(mean, known=mixed)


def tables(effects: Effects, mean: Means) -> Tables:
    """The study table of a single job with its design and priors."""
    if effects.covariance is not None:
        return Turned.of(effects.y, effects.covariance, mean.X).table(*mean.normal_priors())
    if mean.p == 1 and (mean.X == 1.0).all():
        prior = mean.priors[0]
        if isinstance(prior, TruncatedNormal):
            m0, s0 = np.array([prior.mean]), np.array([prior.sd])
            whole = Studies.centred(effects.y[None], effects.v[None], m0, s0)
            return TruncatedStudies(whole, prior.lower, prior.upper)
        b, s = mean.normal_priors()
        return Studies.centred(effects.y[None], effects.v[None], b, s)
    b, s = mean.normal_priors()
    return Regression(Basis.of(effects.y[None], effects.v[None], mean.X[None], b[None], s[None]))


def _known(effects: Effects, model: Model, mean: Means, tau: float) -> Fitted:
    source = Mixtures.at(tables(effects, mean), tau)
    between = known_tau(tau, typical_variance(effects.v, mean.X)) if model.varies else {}
    nodes = _nodes(source, effects, mean)
    shares = _pooled_shares(nodes, effects.v, np.ones(1), np.array([tau]))
    total = float(source.log_likelihood[0])
    return Fitted(effects, model, mean, nodes, source, 0.0, MOST_MOMENTS, between, shares, total, mean.proper)


def _nodes(found: Mixtures, effects: Effects, mean: Means) -> Nodes:
    """What is normal given tau, with the restriction of the prior on mu, or the turn of the table, if there is one."""
    table = found.tables
    if effects.covariance is not None:
        return TurnedMixtures(found, Turned.of(effects.y, effects.covariance, mean.X))
    return TruncatedMixtures(found, table.lower, table.upper) if isinstance(table, TruncatedStudies) else found


def _one_tau(effects: Effects, model: Model, mean: Means, prior: Prior, tolerance: float) -> Fitted:
    (spread,) = mean.spreads
    job = tables(effects, mean)
    linear, new = list(mean.linear.values()), list(mean.new.values())
    posterior, error, laws = _refined(job, prior, spread.moments, linear, new, tolerance)
    nodes = posterior.mixtures
    between = spread_laws.of_tau(posterior.tau, typical_variance(effects.v, mean.X), nodes.weight, nodes.tau)
    log_total, proper = float(posterior.panels.log_total[0]), mean.proper and prior.proper
    normal = _nodes(nodes, effects, mean)
    shares = _pooled_shares(normal, effects.v, nodes.weight, nodes.tau)
    named = dict(zip((*mean.linear, *mean.new), laws, strict=True)) if normal is nodes else {}
    return Fitted(
        effects, model, mean, normal, posterior, error, spread.moments, between, shares, log_total, proper, named
    )


def _separate(effects: Effects, model: Model, mean: Means, tolerance: float) -> Fitted:
    group = mean.X.argmax(axis=1)
    place = np.array([np.count_nonzero(group[:i] == g) for i, g in enumerate(group)])
    centres, widths = mean.normal_priors()
    found = mean.spreads
    groups, errors, shares = [], [], np.empty(effects.k)
    for g, spread in enumerate(found):
        rows = np.flatnonzero(group == g)
        job = Studies.centred(effects.y[None, rows], effects.v[None, rows], centres[g : g + 1], widths[g : g + 1])
        posterior, error, _ = _refined(job, spread.prior, spread.moments, [MEAN], [MEAN], tolerance)
        groups.append(posterior)
        errors.append(error)
        shares[rows] = study_shares(effects.v[rows], posterior.mixtures.weight, posterior.mixtures.tau)
    nodes = Independent(tuple(groups), group, place)
    laws = {spread.name: posterior.tau for spread, posterior in zip(found, groups, strict=True)}
    between: dict[str, Law | Quantity] = {**laws}
    between |= {name.replace("tau", "tau2"): spread_laws.square(law) for name, law in laws.items()}
    total = sum(float(posterior.panels.log_total[0]) for posterior in groups)
    moments, proper = min(spread.moments for spread in found), all(spread.prior.proper for spread in found)
    return Fitted(
        effects, model, mean, nodes, nodes, max(errors), moments, between, shares, total, mean.proper and proper
    )


def _refined(
    job: Tables, prior: Prior, moments: int, linear: Sequence[Array], new: Sequence[Array], tolerance: float
) -> tuple[TauPosterior, float, list[NormalMixture]]:
    """Quadrature over tau of a single job, its first panels halved until the limits are good to `tolerance`.

    With the estimated error of the limits, and the laws of `linear` and `new`.
    """
    for halvings in range(MOST_HALVINGS + 1):
        posterior = tau_posterior(job, TauPriors.of([prior]), moments=np.array([moments]), halvings=halvings)
        error, of_means, of_new = watched_limits(posterior, linear, new)
        if error <= tolerance:
            break
    return posterior, error, of_means + of_new


def _levels(effects: Effects, model: Model, mean: Means, tolerance: float) -> Fitted:
    b, s = mean.normal_priors()
    structure = mean.structure
    levels = Levels.of(effects.y, effects.v, mean.X, b, s, structure.units.of, structure.errors.rho)
    between, within = mean.spreads
    variables = [Spread(one.prior, unit) for one, unit in zip((between, within), levels.units(), strict=True)]
    moments = min(between.moments, within.moments)
    posterior, error = over_boxes(levels, variables, mean, moments, tolerance)
    weight, phi, _ = posterior.nodes
    laws = [posterior.marginal(axis) for axis in range(2)]
    named: dict[str, Law | Quantity] = {"tau_between": laws[0], "tau_within": laws[1]}
    named |= {"tau2_between": spread_laws.square(laws[0]), "tau2_within": spread_laws.square(laws[1])}
    if sharp := [one for one in (between, within) if is_sharp(one.prior)]:
        reason = f"it turns the axes of the quadrature, which does not follow the narrow prior {sharp[0].prior}"
        mean = mean.without(("tau", "I2", "ICC"), reason)
    else:
        polar = Polar(posterior, (between.prior, within.prior))
        named |= spread_laws.of_levels(polar, typical_variance(effects.v, mean.X))
    telling = weight > SHARE_OF_A_NODE
    shares = weight[telling] @ levels.weights(phi[:, telling]) / weight[telling].sum()
    proper = mean.proper and between.prior.proper and within.prior.proper
    return Fitted(
        effects, model, mean, posterior, posterior, error, moments, named, shares, posterior.log_total, proper
    )


def _location_scale(effects: Effects, model: Model, mean: Means, tolerance: float) -> Fitted:
    b, s = mean.normal_priors()
    Z, gammas = mean.Z, mean.structure.gammas
    assert Z is not None
    job = Diagonal.of(effects.y, effects.v, mean.X, b, s, Z, np.array([], dtype=np.intp))
    (spread,) = mean.spreads
    variables: list[Variable] = [job.spread(spread.prior)]
    for name in gammas:
        prior = mean.structure.priors[name]
        if not isinstance(prior, Normal):
            raise ModelError(f"{name} has the prior {prior}", "a normal prior", "Normal(0, 1)")
        variables.append(OnLine(prior.log_pdf, prior.mean, prior.sd, (-REACH, REACH)))
    posterior, error = over_boxes(job, variables, mean, spread.moments, tolerance)
    named: dict[str, Law | Quantity] = {"tau": posterior.marginal(0)}
    named |= {name: Deferred(partial(posterior.coefficient, 1 + j)) for j, name in enumerate(gammas)}
    weight, phi, _ = posterior.nodes
    telling = weight > SHARE_OF_A_NODE
    tau = phi[0][telling, None] * np.exp(phi[1:, telling].T @ Z.T)
    shares = study_shares(effects.v, weight[telling], tau)
    proper, total = mean.proper and spread.prior.proper, posterior.log_total
    return Fitted(effects, model, mean, posterior, posterior, error, spread.moments, named, shares, total, proper)


def _pooled_shares(nodes: Nodes, v: Array, weight: Array, tau: Array) -> Array:
    """Posterior mean share of each study in the mean effect, shape (k,)."""
    if isinstance(nodes, TurnedMixtures):
        return nodes.turned.shares(weight, tau)
    return study_shares(v, weight, tau)
