"""Fit the four models of {common, random} x {null, effect} exactly and average over them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.engines.exact.answer import log_density_of_mu
from poolwise.errors import InputError, ModelError, listing, nearest, shown
from poolwise.evidence.averaged import MODELS, Averaged, SavageDickey
from poolwise.evidence.bias_average import Component, Problem, common_cuts, components
from poolwise.evidence.bias_averaged import BiasAveraged, having, quantities
from poolwise.evidence.bias_models import NO_BIAS, Bias, BiasModel, BiasSet, biases, checked_table, priors_for
from poolwise.evidence.comparison import BayesFactor, refuse_improper_priors
from poolwise.evidence.probabilities import log_inclusion, log_posterior, shares
from poolwise.fit import check_table, fit
from poolwise.model import CommonEffect, RandomEffects
from poolwise.model.publication import NOT_SAID, Direction, sign_of
from poolwise.priors import Fixed, Prior
from poolwise.quadrature.selection.coordinates import turned
from poolwise.result import Result
from poolwise.settings import as_number

Array = NDArray[np.float64]
NULL = 0.0
NO_CUTS = np.empty(0)
SIDES = {
    "effect": ("an effect", "mu = 0"),
    "heterogeneity": ("heterogeneity", "tau = 0"),
    "bias": ("publication bias", "no bias"),
    "selection": ("selection by p-values", "no such selection"),
    "PET-PEESE": ("PET or PEESE", "neither"),
}


@overload
def average(
    effects: Effects,
    model: RandomEffects | None = None,
    *,
    bias: None = None,
    direction: Direction = NOT_SAID,
    unit: float | None = None,
    prior_weights: Mapping[str, float] | None = None,
) -> Averaged: ...


@overload
def average(
    effects: Effects,
    model: RandomEffects | None = None,
    *,
    bias: BiasSet | Sequence[BiasModel],
    direction: Direction = NOT_SAID,
    unit: float | None = None,
    prior_weights: Mapping[str, float] | None = None,
) -> BiasAveraged: ...


def average(
    effects: Effects,
    model: RandomEffects | None = None,
    *,
    bias: BiasSet | Sequence[BiasModel] | None = None,
    direction: Direction = NOT_SAID,
    unit: float | None = None,
    prior_weights: Mapping[str, float] | None = None,
) -> Averaged | BiasAveraged:
    """Average over models: common or random effects, with mu = 0 or a prior on mu, and with publication bias or none.

    P(m | y) = P(m) p(y | m) / sum_j P(j) p(y | j), and the posterior of a quantity is the mixture of what the
    models say of it. Where a model states the quantity (mu = 0, tau = 0, a weight of 1) the mixture has a point mass.
    Without `bias` there are four models; with it each bias, no bias among them, is joined with these four.

    Parameters
    ----------
    effects : Effects
        The study table.
    model : RandomEffects, optional
        The priors: on mu where there is an effect, on tau where there is heterogeneity. Both must be proper. When
        None the scale's defaults, or with `bias` those of RoBMA 3 times the unit of the effects.
    bias : {"PSMA", "6w", "2w", "PP"} or sequence, optional
        Models of publication bias: ``"PSMA"`` six step functions, PET and PEESE (36 models); ``"6w"`` the step
        functions; ``"2w"`` the two-sided ones of them; ``"PP"`` PET and PEESE; or a list of `StepSelection`, `PET`,
        `PEESE`, with None for no bias.
    direction : {"positive", "negative"}
        In which direction results are likelier to be published, of which `bias` asks unless its steps are two-sided.
    unit : float, optional
        What one standard deviation is in the unit of the effects, by which the default priors of `bias` are multiplied;
        the scale's own when None: 1 for standardised mean differences, 2 for log ratios, 0.5 for Fisher's z.
    prior_weights : mapping of str to float, optional
        Prior weight of each of ``"common null"``, ``"common effect"``, ``"random null"``, ``"random effect"``,
        above 0 and in any unit; equal when None. With `bias` they are those of the four models over all biases.

    Returns
    -------
    Averaged, or BiasAveraged with `bias`
        Posterior model probabilities, inclusion Bayes factors, and averaged and conditional posteriors of mu, tau
        and theta_new.

    Raises
    ------
    InputError
        When something other than a study table is given.
    ModelError
        When a prior is improper, mu or tau is stated, or the weights are impossible; with `bias` when no direction is
        given, the default priors have no known unit, effects are dependent or reconstructed, or a model has too many
        free weights.

    Notes
    -----
    Equal prior weights favour none of the four models, so that the prior odds of an effect and of heterogeneity are 1
    and an inclusion Bayes factor is the posterior odds. The scale's default priors are what `fit` assumes as well when
    no model is named.

    Half of the prior probability has no bias. With `bias` the default priors are mu ~ Normal(0, 1) and tau ~
    InverseGamma(1, 0.15) in standard deviations, those of RoBMA 3, with whose answers people compare.

    References
    ----------
    Hoeting, Madigan, Raftery & Volinsky 1999, Statistical Science 14:382, 10.1214/ss/1009212519, for model averaging;
    Gronau, Heck, Berkhout, Haaf & Wagenmakers 2021, Advances in Methods and Practices in Psychological Science 4(3),
    10.1177/25152459211031256, for these four models; Bartoš, Maier, Wagenmakers, Doucouliagos & Stanley 2023, Research
    Synthesis Methods 14:99, 10.1002/jrsm.1594, for those of publication bias.

    Examples
    --------
    >>> import poolwise as pw
    >>> averaged = average(pw.datasets.load("bcg"))
    >>> averaged.effect.strength, averaged.heterogeneity.strength
    ('strong', 'extreme')
    >>> [round(limit, 3) for limit in averaged.conditional["mu"].interval(0.95)]
    [-1.112, -0.316]
    >>> adjusted = average(pw.datasets.load("bcg"), bias="PSMA", direction="negative")
    >>> len(adjusted.models), adjusted.inclusion["effect"].strength
    (36, 'moderate')
    """
    check_table(effects, "pw.average", error=InputError)
    if bias is not None:
        return _with_bias(effects, model, bias, direction, unit, prior_weights)
    _refuse_alone(direction, unit)
    explicit = _checked(RandomEffects() if model is None else model).resolved(effects)
    prior = _prior_probabilities(prior_weights)
    assert explicit.mu is not None
    results = _fits(effects, explicit, explicit.mu)
    problem = Problem(effects, explicit, _side(effects, explicit.mu), None)
    made = components(problem, (NO_BIAS,), _in_direction(problem, results), prior)
    inclusion, posterior, _ = _told(made)
    return Averaged(
        effects=effects,
        model=explicit,
        results=results,
        prior_probabilities=dict(zip(MODELS, prior.tolist(), strict=True)),
        log_posterior=dict(zip(MODELS, posterior.tolist(), strict=True)),
        effect=inclusion["effect"],
        heterogeneity=inclusion["heterogeneity"],
        savage_dickey=_savage_dickey(results, explicit.mu),
        quantities=quantities(made, posterior, NO_CUTS),
        conditional=quantities(made, posterior, NO_CUTS, given=True),
    )


def again(averaged: Averaged | BiasAveraged, effects: Effects, model: RandomEffects) -> Averaged | BiasAveraged:
    """The same average over other studies, or under other priors on mu and tau.

    Parameters
    ----------
    averaged : Averaged or BiasAveraged
    effects : Effects
    model : RandomEffects
        With both priors explicit.
    """
    if isinstance(averaged, Averaged):
        return average(effects, model, prior_weights=averaged.prior_probabilities)
    among = tuple(dict.fromkeys(component.bias for component in averaged.components))
    prior = np.zeros(len(MODELS))
    for component in averaged.components:
        prior[2 * component.random + component.effect] += component.prior
    problem = Problem(effects, _checked(model).resolved(effects), sign_of(averaged.direction), averaged.unit)
    return _over(problem, averaged.bias, averaged.direction, among, prior / prior.sum())


def _with_bias(
    effects: Effects,
    model: RandomEffects | None,
    bias: BiasSet | Sequence[BiasModel],
    direction: Direction,
    unit: float | None,
    prior_weights: Mapping[str, float] | None,
) -> BiasAveraged:
    direction = checked_table(effects, bias, direction)
    among = biases(bias, direction)
    prior = _prior_probabilities(prior_weights)
    explicit, known = priors_for(effects, None if model is None else _checked(model), unit)
    name = bias if isinstance(bias, str) else "a list"
    return _over(Problem(effects, explicit, sign_of(direction), known), name, direction, among, prior)


def _over(problem: Problem, name: str, direction: Direction, among: tuple[Bias, ...], prior: Array) -> BiasAveraged:
    """Every model fitted, and what they say together."""
    mu, cuts = problem.model.mu, common_cuts(among)
    assert mu is not None
    results = _fits(problem.effects, problem.model, mu)
    made = components(problem, among, _in_direction(problem, results), prior)
    inclusion, posterior, error = _told(made)
    return BiasAveraged(
        effects=problem.effects,
        model=problem.model,
        bias=name,
        direction=direction,
        unit=problem.unit,
        components=made,
        log_posterior=posterior,
        inclusion=inclusion,
        cuts=cuts,
        averaged=quantities(made, posterior, cuts),
        conditional=quantities(made, posterior, cuts, given=True),
        numerical_error=error,
    )


def _told(made: tuple[Component, ...]) -> tuple[dict[str, BayesFactor], Array, float]:
    """Inclusion Bayes factors, log posterior probabilities of models, and the largest error of a Bayes factor."""
    evidence, prior = np.array([one.log_evidence for one in made]), np.array([one.prior for one in made])
    prior = prior / prior.sum()
    posterior = log_posterior(evidence, prior)
    inside = {name: having(name, made) for name in SIDES}
    asked = {name: which for name, which in inside.items() if which.any() and not which.all()}
    factors = {name: BayesFactor(log_inclusion(evidence, prior, which), *SIDES[name]) for name, which in asked.items()}
    return factors, posterior, max(_error(posterior, made, which) for which in asked.values())


def _error(log_weight: Array, made: tuple[Component, ...], inside: NDArray[np.bool_]) -> float:
    """Largest relative error of posterior odds that the errors of the evidences can add up to."""
    error = np.array([one.error for one in made])
    return float(sum(shares(log_weight[which]) @ error[which] for which in (inside, ~inside)))


def _refuse_alone(direction: object, unit: object) -> None:
    for name, value, usual in (("direction", direction, NOT_SAID), ("unit", unit, None)):
        if value != usual:
            raise ModelError(f"{name} = {shown(value)} is given and no bias", "bias='PSMA' beside it, or neither")


def _checked(model: RandomEffects) -> RandomEffects:
    if not isinstance(model, RandomEffects):
        raise ModelError(
            f"average was given {model!r}", "RandomEffects, whose priors say what an effect and heterogeneity are"
        )
    if isinstance(model.mu, Fixed) or model.tau_fixed is not None:
        raise ModelError(
            "average was given a model that states mu or tau", "a prior on both: the null models are added to it"
        )
    return model


def _prior_probabilities(weights: Mapping[str, float] | None) -> Array:
    if weights is None:
        return np.full(len(MODELS), 1.0 / len(MODELS))
    unknown = [name for name in weights if name not in MODELS]
    if unknown:
        raise ModelError(f"prior_weights names the model {unknown[0]!r}", advice=nearest(str(unknown[0]), MODELS))
    missing = [name for name in MODELS if name not in weights]
    if missing:
        raise ModelError(f"prior_weights has no weight for {listing(missing)}", "a weight for each of the four models")
    values = [weights[name] for name in MODELS]
    for name, value in zip(MODELS, values, strict=True):
        if not 0.0 < as_number(value) < math.inf:
            raise ModelError(
                f"prior_weights gives {name!r} the weight {shown(value)}",
                "a finite number above 0: a model without weight has no odds to update",
                "pw.bayes_factor(one, other), which compares two models alone",
            )
    table = np.array(values, dtype=float) / max(values)
    return table / table.sum()


def _fits(effects: Effects, model: RandomEffects, mu: Prior) -> dict[str, Result]:
    if effects.scale.null_value is None:
        raise ModelError(
            f"the scale '{effects.scale}' has no value of no effect, and averaging asks whether there is an effect",
            "a difference, a log ratio or a correlation",
            "checks.prior_panel(effects) for what the prior on tau decides",
        )
    full = fit(effects, model, Exact())  # warns of what is odd about data and priors, once for the four
    refuse_improper_priors(full)
    return dict(zip(MODELS, (*_simpler(effects, model, mu), full), strict=True))


def _simpler(effects: Effects, model: RandomEffects, mu: Prior) -> list[Result]:
    """The fits of the three models that state mu, tau or both."""
    null = Fixed(NULL)
    models = (CommonEffect(mu=null), CommonEffect(mu=mu), RandomEffects(mu=null, tau=model.tau))
    return [Exact().fit(effects, simpler) for simpler in models]


def _in_direction(problem: Problem, results: Mapping[str, Result]) -> Mapping[str, Result]:
    """The same fits to the table in the direction of what gets published."""
    inside = problem.in_direction
    if inside is problem:
        return results
    effects, model = inside.effects, inside.model
    assert model.mu is not None
    return dict(zip(MODELS, (*_simpler(effects, model, model.mu), Exact().fit(effects, model)), strict=True))


def _side(effects: Effects, mu: Prior) -> float:
    """On which side of 0 a table without a direction is answered, so that its mirror image has the same answer."""
    if turned(mu) is None:
        return 1.0
    leaning = float(np.sum(effects.y / effects.v)) or next((float(y) for y in effects.y if y), 1.0)
    return -1.0 if leaning < 0.0 else 1.0


def _savage_dickey(results: Mapping[str, Result], prior: Prior) -> tuple[SavageDickey, ...]:
    """The check of each model with an effect; none where the prior on mu leaves 0 out, so that no density is there."""
    if float(prior.log_pdf(NULL)) == -math.inf:
        return ()
    return tuple(_density_ratio(results, prior, name) for name in ("common", "random"))


def _density_ratio(results: Mapping[str, Result], prior: Prior, which: str) -> SavageDickey:
    null, effect = results[f"{which} null"], results[f"{which} effect"]
    ratio = float(prior.log_pdf(NULL)) - log_density_of_mu(effect, NULL)
    sides = (f"{which} effect", f"{which} null")
    return SavageDickey(
        model=f"{which} effect",
        density_ratio=BayesFactor(ratio, *sides),
        evidence_ratio=BayesFactor(effect.log_evidence - null.log_evidence, *sides),
    )
