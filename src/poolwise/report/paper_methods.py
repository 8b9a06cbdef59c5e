"""The methods paragraph: data, model, priors, computation, conventions and software, as they were."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Mapping

from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.exact import Exact
from poolwise.engines.nuts import NUTS
from poolwise.model import Model
from poolwise.prior_catalogue import CATALOGUE
from poolwise.priors import Prior
from poolwise.report import words
from poolwise.report.answers import level
from poolwise.report.references import key_of
from poolwise.report.said import Said, Told
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.show import and_list, capital, method, number, symbol

MODELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "common-effect": ("took one and the same effect to be true in every study", ("common-effect",)),
    "random-effects": (
        "took the true effects of the studies to be normally distributed about a mean μ with standard deviation τ",
        ("random-effects",),
    ),
    "meta-regression": (
        "took the true effects to be normally distributed, with residual standard deviation τ, about a mean that "
        "depends linearly on the moderators",
        ("regression",),
    ),
    "subgroups": ("gave each subgroup a mean effect of its own", ("subgroups",)),
    "three-level": (
        "divided the heterogeneity into that between clusters and that of the effects within a cluster",
        ("three-level",),
    ),
    "location-scale": ("let mean effect and heterogeneity depend on moderators", ("location-scale",)),
    "joint-outcomes": (
        "took the mean effects of the outcomes, and the logarithms of their τ, to be exchangeable, so that outcomes "
        "borrow strength from one another",
        (),
    ),
    "crossed-effects": ("let effects vary over several factors that need not be nested", ()),
    "correlated-outcomes": ("let the true effects on several outcomes correlate over studies", ("multivariate",)),
    "student-t": ("took the true effects to follow a t distribution", ("robust",)),
    "skew-normal": ("took the true effects to follow a skew-normal distribution", ("robust",)),
    "contaminated": ("allowed for a share of outlying studies", ("beath",)),
    "binomial-normal": (
        "took the counts of events to be binomial and the true effects to be normally distributed, without a normal "
        "approximation of the estimates",
        ("binomial",),
    ),
    "poisson-normal": (
        "took the counts of events to be Poisson and the true effects to be normally distributed",
        ("binomial",),
    ),
    "pet": ("regressed the estimates on their standard errors", ("pet-peese",)),
    "peese": ("regressed the estimates on their sampling variances", ("pet-peese",)),
    "step-selection": (
        "weighted results by how likely they were to be published, in steps of the p-value",
        ("selection",),
    ),
    "weight-function": (
        "weighted results by how likely they were to be published, as a function of the p-value",
        ("selection",),
    ),
}
"""What a model assumes, after its name, by its kind in files, and whom to cite; of another kind its label is told."""

TAU2 = {
    "REML": "restricted maximum likelihood",
    "ML": "maximum likelihood",
    "DL": "the method of DerSimonian and Laird",
    "PM": "the method of Paule and Mandel",
    "EB": "empirical Bayes",
    "PMM": "the median-unbiased method of Paule and Mandel",
    "HE": "the method of Hedges",
    "HS": "the method of Hunter and Schmidt",
    "HSk": "the method of Hunter and Schmidt, corrected for few studies",
    "SJ": "the method of Sidik and Jonkman",
    "DLIT": "the iterated method of DerSimonian and Laird",
    "SJIT": "the iterated method of Sidik and Jonkman",
}
_TAU2_CITED = {"ML": "estimators", "EB": "estimators", "PMM": "estimators", "HS": "estimators", "HSk": "estimators"}
_INTERVALS = {"hartung-knapp": "hartung-knapp", "hartung-knapp-adhoc": "hartung-knapp-adhoc"}


def methods(told: Told) -> tuple[Said, ...]:
    """The sentences, in their order.

    Parameters
    ----------
    told : Told
        The fits.

    Returns
    -------
    tuple of Said
        Each on something that ran.
    """
    said = [*data(told.main), *models(one.model for one in told.results)]
    said += priors(told.posteriors)
    said += [*computed(told.posteriors), *closed_forms(told.frequentist, bool(told.posteriors))]
    said += [*conventions(told), *told.also, software(told.results)]
    return tuple(said)


def data(main: Result) -> Iterator[Said]:
    """The study table: how many studies, on what scale, from where."""
    effects = main.effects
    scale = effects.scale
    yield Said(f"The analysis comprised {effects.counted}, with effects as {plural(scale)}{_analysed(scale)}")
    if authors := _authors(effects.citation):
        yield Said(f"The data were those of {authors}")
    if effects.reconstructed:
        yield Said(
            "The study table was reconstructed from published summary figures; its rows are compatible with these "
            "figures and are not the original studies"
        )
    if effects.data_label == "simulated":
        yield Said("The data were simulated")
    if effects.covariance is not None:
        yield Said("The sampling errors entered with their covariance matrix, taken as known")


def _authors(citation: str) -> str:
    """``"Colditz et al. (1994)"``, or both of two authors; empty where a citation does not begin with several."""
    found = _AUTHORS.match(citation)
    if not found:
        return ""
    first, second, *others = (name.rpartition(" ")[0] for name in found[1].split(", "))
    return f"{first} et al. ({found[2]})" if others else f"{first} & {second} ({found[2]})"


_AUTHORS = re.compile(r"((?:[^\W\d][\w'’ -]* [A-Z]+, )+[^\W\d][\w'’ -]* [A-Z]+) \(((?:19|20)\d\d)\)")
"""Names with initials, two or more, and the year."""


def plural(scale: Scale) -> str:
    """``"risk ratios"``."""
    name = scale.natural_label
    return name if name.endswith("s") else f"{name}s"


def _analysed(scale: Scale) -> str:
    return f" (analysed as {scale.label})" if scale.transform != "identity" else ""


def models(used: Iterable[Model]) -> Iterator[Said]:
    """What each model assumes, each kind once."""
    for label, model in {model.label: model for model in used}.items():
        told, cites = MODELS.get(model.kind_in_files, ("", ()))
        name = f"model “{method(label)}”" if model.has_coefficients or model.strata or not told else _named(label)
        tau = _tau_of_groups(model)
        yield Said(f"The {name} {told or 'was fitted'}{tau}", cites)


def _named(label: str) -> str:
    """``"random-effects model"``."""
    return f"{label.replace(' effects', '-effects').replace(' effect', '-effect')} model"


def _tau_of_groups(model: Model) -> str:
    kind = getattr(model, "heterogeneity", "")
    told = {"common": "one τ common to all subgroups", "separate": "a τ of its own for each subgroup"}
    told["exchangeable"] = "exchangeable τ"
    return f", with {told[kind]}" if kind in told and model.strata else ""


def priors(posteriors: tuple[Result, ...]) -> Iterator[Said]:
    """The priors of each model that has a posterior, and where the prior on tau comes from."""
    told = [_priors_said(prior) for prior in dict.fromkeys(one.prior for one in posteriors)]
    if told:
        yield Said(f"The prior distributions were {'; in another fit '.join(told)}")
    if posteriors:
        yield from sources_of([one.model for one in posteriors], posteriors[0].effects.scale)


def sources_of(used: Iterable[Model], scale: Scale) -> Iterator[Said]:
    """Where the priors on standard deviations come from, each once, where the catalogue of priors knows it."""
    seen: set[str] = set()
    for name, prior in (pair for model in used for pair in model.named_priors.items()):
        if prior is not None and name.startswith("tau") and str(prior) not in seen:
            seen.add(str(prior))
            yield from _source(prior, name, scale)


def _priors_said(text: str) -> str:
    """The priors with Greek letters, and words for the spreads between outcomes."""
    said = words.prior(text)
    for name, other in _SPOKEN.items():
        said = said.replace(name, other)
    return said


_SPOKEN = {
    "mu_spread": "spread of the mean effects",
    "tau_spread": "spread of log τ",
    "tau_between": "τ between clusters",
    "tau_within": "τ within clusters",
}


def _source(prior: Prior, name: str, scale: Scale) -> Iterator[Said]:
    """Where the catalogue of priors has this one from; nothing where it has not."""
    entries = [one for one in CATALOGUE if one.prior.metric == scale.name and str(one.prior) == str(prior)]
    for entry in entries[:1]:
        what = f"{prior} on {_SPOKEN.get(name, symbol(name))}, half of it below {number(float(prior.ppf(0.5)), 2)},"
        key = key_of(entry.source)
        if key:
            yield Said(f"The prior {what} has been proposed for effects on this scale", (key,))
        else:
            yield Said(
                f"The prior {what} is a convention for effects on this scale, not an estimate from other reviews"
            )


def computed(posteriors: tuple[Result, ...]) -> Iterator[Said]:
    """How posteriors were computed."""
    exact = [one for one in posteriors if isinstance(one.engine, Exact)]
    if exact:
        yield Said("Posterior distributions were computed by numerical quadrature, without simulation")
    for result in (one for one in posteriors if isinstance(one.engine, NUTS)):
        yield _sampled(result, also=bool(exact))


def _sampled(result: Result, *, also: bool) -> Said:
    engine, found, made = result.engine, result.report.diagnostics, result.report.versions
    made_by = " and ".join(name for key, name in _SAMPLERS.items() if key in made)
    settings = (
        f"{engine.chains} chains of {words.count(engine.draws)} draws, each after {words.count(engine.tune)} tuning "
        f"draws, seed {engine.seed}"
    )
    watched = []
    r_hat = [float(value) for name, value in found.items() if name.startswith("r_hat")]
    ess = [float(value) for name, value in found.items() if name.startswith("ess_")]
    if r_hat:
        watched.append(f"the largest R-hat was {max(r_hat):.3f}")
    if ess:
        watched.append(f"the smallest effective sample size {words.count(min(ess))}")
    if "divergences" in found:
        divergences = int(found["divergences"])
        watched.append(f"{divergences or 'no'} transition{'s' if divergences != 1 else ''} diverged")
    which = "The posterior was sampled, too," if also else "The posterior was sampled"
    told = f"; {and_list(watched)}" if watched else ""
    return Said(f"{which} by the No-U-Turn Sampler in {made_by} ({settings}){told}", ("nuts", "pymc", "r-hat"))


_SAMPLERS = {"pymc": "PyMC", "nutpie": "nutpie", "numpyro": "NumPyro"}


def closed_forms(results: tuple[Result, ...], beside: bool) -> Iterator[Said]:
    """The frequentist fits: estimator, interval, prediction, and the interval of tau."""
    kinds: dict[str, tuple[str, ...]] = {}
    for result in results:
        if isinstance(result.engine, ClosedForm):
            kinds[_method(result)] = _cited(result)
    if kinds:
        before = "For comparison, mean effects were estimated without priors" if beside else "Means were estimated"
        cites = tuple(dict.fromkeys(key for keys in kinds.values() for key in keys))
        yield Said(f"{before} {and_list([*kinds])}", cites)
    of_tau = {one["tau"].interval_kind() for one in results if "tau" in one and one.model.varies}
    if any("Q-profile" in kind for kind in of_tau):
        yield Said("Confidence intervals of τ were Q-profile intervals", ("q-profile",))
    new = dict.fromkeys(_prediction_said(one) for one in results if "theta_new" in one)
    if new:
        yield Said(f"Prediction intervals for the true effect in a new study were based on {and_list([*new])}")


def _prediction_said(result: Result) -> str:
    """``"a t distribution with k − 1 degrees of freedom"``."""
    law, _, df = words.kind_parts(result["theta_new"].interval_kind())[1].strip("()").partition(", ")
    return f"a {law} distribution with {df} degrees of freedom" if df else "a normal distribution"


def _method(result: Result) -> str:
    kind = result[result.answers[0]].interval_kind()
    interval = words.kind_parts(kind)[1].strip("()")
    if not result.model.varies:
        return f"by inverse-variance weighting under a common effect ({interval} interval)"
    tau2 = result.engine.tau2
    estimator = f"with τ² by {TAU2.get(tau2, tau2)}" if isinstance(tau2, str) else f"with τ² set to {tau2:g}"
    if result.model.kind_in_files in ("step-selection", "weight-function"):
        estimator = "by maximum likelihood"
    return f"{estimator} ({interval} interval)"


def _cited(result: Result) -> tuple[str, ...]:
    if not result.model.varies:
        return ()
    tau2, interval = str(result.engine.tau2), str(result.engine.interval or "hartung-knapp-adhoc")
    keys = (_TAU2_CITED.get(tau2, tau2 if tau2 in TAU2 else ""), _INTERVALS.get(interval, ""))
    return tuple(key for key in keys if key)


def conventions(told: Told) -> Iterator[Said]:
    """Points and intervals, what effects are held against, and the region of practical equivalence."""
    prob, scale = level(told.prob), told.main.effects.scale
    if told.posteriors:
        kind = words.kind(told.posteriors[0][told.posteriors[0].answers[0]].interval_kind())
        yield Said(f"Posterior distributions were summarised by their medians and {prob} {kind}s")
    if told.frequentist:
        yield Said(f"Confidence{_prediction(told)} intervals were of {prob}")
    null = scale.held_against(told.threshold)
    if told.posteriors and null == null:
        at = words.signed(null) if scale.transform == "identity" else words.ratio(null, scale)
        against = "no effect" if told.threshold == 0.0 else "the threshold of interest"
        yield Said(f"Mean effects were held against {at} ({against})")
    if told.posteriors and told.rope is not None:
        yield region(told.rope, scale)


def _prediction(told: Told) -> str:
    return " and prediction" if any("theta_new" in one for one in told.frequentist) else ""


def region(rope: tuple[float, float], scale: Scale) -> Said:
    """The region of practical equivalence, on the reading scale and on that of the analysis."""
    return Said(f"Effects {_between(rope, scale)} were regarded as practically equivalent to none")


def _between(rope: tuple[float, float], scale: Scale) -> str:
    low, high = (words.signed(edge) for edge in rope)
    if scale.transform == "identity":
        return f"between {low} and {high}"
    back = [number(float(edge), 2) for edge in scale.back(list(rope))]
    same = [number(edge, 2) for edge in rope] == back
    return f"between {back[0]} and {back[1]}" + ("" if same else f" ({low} to {high} on the scale of the analysis)")


def software(results: tuple[Result, ...]) -> Said:
    """The versions of everything that took part."""
    versions: Mapping[str, str] = {name: one for result in results for name, one in result.report.versions.items()}
    return versions_said(versions)


def versions_said(versions: Mapping[str, str]) -> Said:
    """The sentence on software."""
    others = [f"{_NAMES.get(name, capital(name))} {one}" for name, one in versions.items() if name != "poolwise"]
    own = f" {versions['poolwise']}" if "poolwise" in versions else ""
    beside = f", {and_list(others)}" if others else ""
    return Said(f"All computations were made with poolwise{own} in Python {platform.python_version()}{beside}")


_NAMES = {"numpy": "NumPy", "scipy": "SciPy", "pymc": "PyMC", "nutpie": "nutpie", "arviz": "ArviZ", "xarray": "xarray"}
