"""fit_batch: one model on many study tables at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolwise import show
from poolwise.closed_form.batch import BatchFit, common_effect_batch, q_profile_batch, random_effects_batch
from poolwise.closed_form.inference import FLOORED, critical, is_narrower
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.closed_form.quantities import INTERVAL_WORDS
from poolwise.engines.exact import Exact
from poolwise.engines.exact.many_tables import fit_many
from poolwise.engines.nuts import NUTS
from poolwise.errors import InputError, ModelError, described, listing, nearest, warn
from poolwise.intake.cells import like, tables
from poolwise.intake.columns import Block
from poolwise.intake.rows import LARGEST, SMALLEST
from poolwise.intake.table import PROVENANCES
from poolwise.model import CommonEffect, MetaRegression, Model, RandomEffects, prior_words, with_prior
from poolwise.priors import Flat, Prior
from poolwise.result import NO_PRIOR
from poolwise.settings import as_number, check_flag, check_memory, check_option, check_prob
from poolwise.threads import one_thread

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]


ARRAYS = 4  # of the shape of the estimates: they, standard errors, variances, weights


@one_thread()
def fit_batch(
    y: ArrayLike,
    se: ArrayLike,
    model: CommonEffect | RandomEffects | MetaRegression | Sequence[RandomEffects],
    engine: Exact | ClosedForm,
    *,
    moderators: Mapping[str, ArrayLike] | None = None,
    prob: float = 0.95,
    theta_new: bool = False,
    threshold: float | None = None,
    provenance: str = "reported",
) -> xr.Dataset:
    """Fit one model to many study tables, or many models to one table, without a Python loop over them.

    Parameters
    ----------
    y, se : array_like
        Estimates and standard errors, shape (n, k); NaN where a table has fewer studies. Shape (1, k) or (k,)
        for one table under many models.
    model : CommonEffect, RandomEffects, MetaRegression, or sequence of RandomEffects
        With explicit priors for `Exact` (arrays have no scale of effect that could supply defaults), normal or flat
        ones on mean effects; a prior on tau that is made from sampling variances takes those of each table. A
        meta-regression names its moderators, ``MetaRegression(["dose"], ...)``; formulas need a study table.
    engine : Exact or ClosedForm
    moderators : mapping of str to array_like, optional
        Numbers for each moderator of a meta-regression, shape (k,) for all tables or (n, k).
    prob : float
        Probability of the intervals.
    theta_new : bool
        Whether `Exact` summarises the true effect in a new study too, which takes half as long again.
        `ClosedForm` always gives its prediction interval.
    threshold : float, optional
        With `Exact` and one mean effect: adds ``mu_below``, the posterior probability that mu is below it.
    provenance : str
        What the tables are, for ``attrs["data"]``: ``"reported"``, ``"reconstructed"`` or ``"simulated"``.

    Returns
    -------
    xarray.Dataset
        Variables of dimension ``dataset``: ``mu``, ``mu_sd``, ``mu_lower``, ``mu_upper``, ``tau``, ... as a
        `Result` would give them one by one (``beta``, ``beta_lower``, ... of a meta-regression have a second dimension
        ``coefficient``); ``attrs`` name engine, model, probability and the kind of interval
        for mu (closed form: tau has its Q-profile limits, theta_new its prediction interval, I2 and H2 none).

    Raises
    ------
    InputError
        Naming the rows whose numbers cannot be used.
    ModelError
        When the engine has no batch form of the model, a prior is missing, or a posterior is improper.

    Notes
    -----
    prob = 0.95 is the probability at which papers report. theta_new is left out since it takes half as long again and a
    study by simulation seldom asks for it.

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the Bayesian model; Knapp & Hartung 2003,
    Statistics in Medicine 22:2693, 10.1002/sim.1482, for the closed form.

    Examples
    --------
    >>> import poolwise as pw
    >>> model = pw.RandomEffects(mu=pw.priors.Normal(0, 1), tau=pw.priors.HalfNormal(0.5))
    >>> y, se = [[0.2, 0.4, 0.1], [0.5, 0.3, float("nan")]], [[0.1, 0.2, 0.1], [0.2, 0.2, float("nan")]]
    >>> pw.fit_batch(y, se, model, pw.Exact())["mu_lower"].round(3).values
    array([-0.123, -0.217])
    """
    import xarray as xr

    check_prob(prob)
    check_option("provenance", provenance, PROVENANCES, error=InputError)
    if isinstance(y, Effects):
        raise InputError("y is one Effects", "shape (n, k), NaN-padded", "pw.fit for one Effects")
    size = math.prod(getattr(y, "shape", ()))  # a list holds its numbers already
    check_memory(f"fit_batch of {size} estimates", ARRAYS * size, "fewer tables at a time")
    first = tables(y, "y")
    estimates, errors = _tables(first, se)
    models = _checked_models(model)
    _check_engine(engine)
    check_flag("theta_new", theta_new)
    _check_threshold(threshold, engine, models[0])
    if len(models) == 1 and isinstance(models[0], MetaRegression):
        own = {name: like(tables(x, f"'{name}'"), first, f"'{name}'", "y") for name, x in (moderators or {}).items()}
        return _regression(estimates, errors, models[0], engine, own, prob=prob, provenance=provenance)
    _check_pooling(models, moderators, len(estimates))
    if isinstance(engine, Exact):
        values, kind = _exact(estimates, errors, models, engine, prob=prob, new=theta_new, threshold=threshold)
    elif len(models) == 1:
        values, kind = _closed_form(estimates, errors, models[0], engine, prob)
    else:
        raise ModelError(f"{engine!r} has no batch form here", "Exact(), or ClosedForm() with one model")
    prior = prior_words(models[0]) if isinstance(engine, Exact) else NO_PRIOR
    if len(models) > 1:
        prior = f"one for each of {len(models)} models; the first: {prior}"
    attrs = _attrs(engine, models[0], prior=prior, prob=prob, interval=kind, data=provenance)
    return xr.Dataset({name: ("dataset", column) for name, column in values.items()}, attrs=attrs)


def _attrs(engine: Exact | ClosedForm, model: Model, **told: Any) -> dict[str, Any]:
    """What a batch says of itself."""
    return {"engine": engine.label, "model": model.label, **told}


def _checked_models(model: object) -> tuple[CommonEffect | RandomEffects | MetaRegression, ...]:
    """One model or several, of those that have a batch form."""
    models = tuple(model) if isinstance(model, Iterable) and not isinstance(model, str) else (model,)
    if not models:
        raise ModelError("fit_batch was given no model", "one model or more")
    for given in models:
        if not isinstance(given, CommonEffect | RandomEffects | MetaRegression):
            shown = repr(given) if isinstance(given, Exact | ClosedForm) else described(given)
            advice = "fit_batch(y, se, model, engine), in this order" if shown == repr(given) else ""
            raise ModelError(
                f"fit_batch was given the model {shown}", "RandomEffects(...) or CommonEffect(...)", advice
            )
    return models


def _check_engine(engine: object) -> None:
    if not isinstance(engine, Exact | ClosedForm):
        shown = repr(engine) if isinstance(engine, NUTS) else described(engine)
        raise ModelError(f"{shown} has no batch form here", "Exact(), or ClosedForm() with one model")


def _check_pooling(models: Sequence[Model], moderators: object, n: int) -> None:
    """Refuse several regressions, moderators of none, and numbers of models and tables that do not go together."""
    if not all(model.pools for model in models):
        raise ModelError("several meta-regressions at once have no batch form", "one MetaRegression([...])")
    if moderators is not None:
        raise ModelError(f"moderators are given for {models[0].label}", "MetaRegression([...]) alone")
    if len(models) > 1 and n > 1 and len(models) != n:
        raise ModelError(
            f"{len(models)} models for {n} tables",
            "one model, one table, or as many models as tables",
        )


def _check_threshold(threshold: float | None, engine: Exact | ClosedForm, model: Model) -> None:
    if threshold is None:
        return
    if not isinstance(engine, Exact):
        raise ModelError(
            f"threshold = {threshold:g} asks a confidence interval for a probability", "Exact(), which has posteriors"
        )
    if model.has_coefficients:
        raise ModelError(f"threshold = {threshold:g} is given for {model.label}", "a model with one mean effect")
    if not math.isfinite(as_number(threshold)):
        raise ModelError(f"threshold is {threshold!r}", "a finite number", "threshold=0.0")


def _regression(
    y: Array,
    se: Array,
    model: MetaRegression,
    engine: Exact | ClosedForm,
    moderators: Mapping[str, Array],
    *,
    prob: float,
    provenance: str,
) -> xr.Dataset:
    import xarray as xr

    columns = _checked_regression(model, engine)
    names, X = ("intercept", *columns), _design(y, columns, moderators)
    beta = _explicit_beta(model, names)
    explicit = replace(model, beta=beta)
    values = fit_many(y, se**2, _for_tables([explicit], se), prob=prob, new=False, X=X)
    data: dict[str, Any] = {name: ("dataset", column) for name, column in values.items() if not name.startswith("beta")}
    for ending in ("", "_mean", "_sd", "_lower", "_upper"):
        table = np.stack([values[f"beta{j}{ending}"] for j in range(len(names))], axis=1)
        data[f"beta{ending}"] = (("dataset", "coefficient"), table)
    proper = all(prior is not None and prior.proper for prior in (*beta.values(), model.tau))
    log_total = data.pop("log_total")[1]
    data["log_evidence"] = ("dataset", log_total if proper else np.full(len(y), np.nan))
    kind = "credible (equal-tailed)"
    attrs = _attrs(engine, model, prior=prior_words(explicit), prob=prob, interval=kind, data=provenance)
    return xr.Dataset(data, coords={"coefficient": list(names)}, attrs=attrs)


def _checked_regression(model: MetaRegression, engine: Exact | ClosedForm) -> Sequence[str]:
    """The names of the moderators of a regression that has a batch form."""
    if not isinstance(engine, Exact) or engine.kind != "equal-tailed":
        raise ModelError(f"MetaRegression by {engine!r} has no batch form", "Exact()")
    if model.tau is None:
        raise ModelError("the batch form of a meta-regression needs a prior on tau", "tau=priors.HalfNormal(0.5)")
    if isinstance(model.moderators, str):
        raise ModelError(
            f"the formula '{model.moderators}' needs a study table", "names of moderators", "MetaRegression(['dose'])"
        )
    return model.moderators


def _explicit_beta(model: MetaRegression, names: Sequence[str]) -> dict[str, Prior]:
    """The prior on each coefficient, flat where none is given."""
    given = model.beta if isinstance(model.beta, Mapping) else dict.fromkeys(names, model.beta or Flat())
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ModelError(
            f"beta has a prior for '{unknown[0]}'", "the name of a coefficient", nearest(unknown[0], names)
        )
    return {name: given.get(name, Flat()) for name in names}


def _design(y: Array, wanted: Sequence[str], moderators: Mapping[str, Array]) -> Array:
    """Intercept and moderators, shape (n, k, p) or (1, k, p), NaN where a study is missing."""
    absent = [name for name in wanted if name not in moderators]
    if absent:
        raise InputError(f"no values for the moderator '{absent[0]}'", "moderators={'dose': array of shape (n, k)}")
    columns = []
    for name in wanted:
        column = moderators[name]
        if column.shape not in (y.shape, (1, y.shape[1])):
            raise InputError(f"the moderator '{name}' has shape {column.shape}", f"{y.shape} or ({y.shape[1]},)")
        missing = np.flatnonzero((np.isnan(column) & ~np.isnan(y)).any(axis=1))
        if missing.size:
            raise InputError(f"the moderator '{name}' is missing for a study in row(s) {listing(missing + 1)}")
        columns.append(np.nan_to_num(column))
    rows = max((len(column) for column in columns), default=1)
    if rows == 1 and not np.isnan(y).any():
        X = np.stack([np.ones((1, y.shape[1])), *columns], axis=-1)
    else:
        X = np.stack([np.ones_like(y), *(np.broadcast_to(column, y.shape) for column in columns)], axis=-1)
    there = ~np.isnan(y[: len(X)]) if len(X) > 1 or len(y) == 1 else np.ones((1, y.shape[1]), dtype=bool)
    rank = np.linalg.matrix_rank(np.where(there[..., None], X, 0.0))
    poor = np.flatnonzero(rank < X.shape[-1])
    if poor.size:
        raise InputError(
            f"in row(s) {listing(poor + 1)} the moderators determine one another or are constant",
            "columns that differ, and more studies than coefficients",
        )
    return X


def _tables(y: Block, se: ArrayLike) -> tuple[Array, Array]:
    estimates, errors = y.values, like(tables(se, "se"), y, "se", "y")
    if estimates.shape != errors.shape or estimates.ndim != 2 or estimates.size == 0:
        raise InputError(f"y has shape {estimates.shape} and se {errors.shape}", "the same shape (n, k), NaN-padded")
    here = ~np.isnan(estimates)
    bad = np.flatnonzero((here != ~np.isnan(errors)).any(axis=1))
    if bad.size:
        raise InputError(f"in row(s) {listing(bad + 1)} y and se are not missing together", "NaN in both or in neither")
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero((here & ~(np.isfinite(estimates) & np.isfinite(errors) & (errors > 0))).any(axis=1))
    if wrong.size:
        raise InputError(
            f"row(s) {listing(wrong + 1)} hold an infinite number or a standard error of 0 or below",
            "finite estimates and standard errors above 0",
        )
    size = np.abs(np.where(here, errors, 1.0))
    extreme = (size < SMALLEST) | (size > LARGEST) | (np.abs(np.where(here, estimates, 0.0)) > LARGEST)
    if extreme.any():
        beyond = listing(np.flatnonzero(extreme.any(axis=1)) + 1)
        limits = f"standard errors between {SMALLEST:g} and {LARGEST:g}, and effects up to {LARGEST:g}"
        raise InputError(f"row(s) {beyond} are beyond the range of the arithmetic", limits, "another unit for y and se")
    empty = np.flatnonzero(~here.any(axis=1))
    if empty.size:
        raise InputError(f"row(s) {listing(empty + 1)} hold no study", "at least one study in each row")
    return estimates, errors


def _exact(
    y: Array, se: Array, models: Sequence[Model], engine: Exact, *, prob: float, new: bool, threshold: float | None
) -> tuple[dict[str, Array], str]:
    if engine.kind != "equal-tailed":
        raise ModelError("Exact(kind='shortest') has no batch form", "Exact(kind='equal-tailed')")
    if not all(model.varies and model.tau_fixed is None for model in models):
        raise ModelError("the batch form of Exact takes RandomEffects with a prior on tau", "RandomEffects(...)")
    if any(prior is None for model in models for prior in model.named_priors.values()):
        raise ModelError(
            "a model leaves a prior to the default, and arrays have no scale of effect",
            "explicit priors",
            "RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5))",
        )
    values = fit_many(y, se**2, _for_tables(models, se), prob=prob, new=new, threshold=threshold)
    proper = np.array([_proper(model) for model in models])
    values["log_evidence"] = np.where(proper, values.pop("log_total"), np.nan)
    return values, "credible (equal-tailed)"


def _proper(model: Model) -> bool:
    """Whether every prior is proper."""
    return all(prior is not None and prior.proper for prior in model.named_priors.values())


def _for_tables(models: Sequence[Model], se: Array) -> list[Model]:
    """The models, one for each table where a prior on tau is made from the table's sampling variances."""
    taus = [model.named_priors["tau"] for model in models]
    if not any(tau is not None and tau.from_variances for tau in taus):
        return list(models)
    n = max(len(models), len(se))
    made = []
    for row in range(n):
        at, errors = row if len(models) > 1 else 0, se[row if len(se) > 1 else 0]
        model, tau = models[at], taus[at]
        try:
            tau = None if tau is None else tau.for_variances(errors[~np.isnan(errors)] ** 2)
        except ModelError as refused:
            raise ModelError(f"row {row + 1}: {refused}") from None
        made.append(model if tau is None else with_prior(model, "tau", tau))
    return made


def _closed_form(y: Array, se: Array, model: Model, engine: ClosedForm, prob: float) -> tuple[dict[str, Array], str]:
    if not model.varies:
        interval = engine.interval or "wald"
        fits = common_effect_batch(y, se**2, interval=interval, prob=prob)
    else:
        interval = engine.interval or FLOORED
        tau2 = engine.estimator(model.tau_fixed)
        fits = random_effects_batch(y, se**2, tau2=tau2, interval=interval, prediction=engine.prediction, prob=prob)
    _say_narrower(fits, prob)
    values = {"mu": fits.mu, "mu_sd": fits.se, "mu_lower": fits.lower, "mu_upper": fits.upper}
    values |= {"p_value": fits.p_value, "Q": fits.q, "I2": fits.i2, "H2": fits.h2}
    if model.varies:
        values |= {"tau": np.sqrt(fits.tau2), "tau2": fits.tau2, "tau2_sd": fits.se_tau2}
        point = np.where(np.isnan(fits.new_lower), np.nan, fits.mu)
        values |= {"theta_new": point, "theta_new_lower": fits.new_lower, "theta_new_upper": fits.new_upper}
        if isinstance(tau2, str):
            limits = np.sqrt(q_profile_batch(y, se**2, prob=prob))
            values |= {"tau_lower": limits[:, 0], "tau_upper": limits[:, 1]}
    return values, f"confidence ({INTERVAL_WORDS[interval]})"


def _say_narrower(fits: BatchFit, prob: float) -> None:
    """Warn of unmodified Hartung-Knapp intervals that are narrower than Wald's, with both of the narrowest."""
    narrower = np.flatnonzero(is_narrower(fits.se, fits.df, fits.wald, prob))
    if not narrower.size:
        return
    row = int(narrower[np.argmin(fits.se[narrower] / fits.wald[narrower])])
    reach = float(critical(np.array(np.inf), prob)) * fits.wald[row]
    own, wald = (
        show.interval(fits.lower[row], fits.upper[row]),
        show.interval(fits.mu[row] - reach, fits.mu[row] + reach),
    )
    warn(
        f"in {len(narrower)} of {len(fits.mu)} tables (row(s) {listing(narrower + 1)}) the unmodified Hartung-Knapp "
        f"{show.level(prob)} interval is narrower than Wald's, most of all in row {row + 1}: {own}, Wald {wald}; "
        f"interval='{FLOORED}', the default, is never narrower"
    )
