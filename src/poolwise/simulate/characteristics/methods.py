"""Methods under study: what each says of many tables, at once where its engine can, else one by one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from poolwise.batch import fit_batch
from poolwise.effects import Effects
from poolwise.engines.exact import Exact
from poolwise.engines.nuts import NUTS
from poolwise.errors import ModelError, PoolwiseError, PoolwiseWarning, described
from poolwise.fit import fit
from poolwise.model import CommonEffect, RandomEffects
from poolwise.model.needs import COUNTS
from poolwise.quantities import Distribution, Quantity
from poolwise.scale import Scale
from poolwise.simulate.characteristics.designs import named

Array = NDArray[np.float64]
QUANTITIES = ("mu", "tau", "theta_new")
EXAMPLE = "{'REML, HK': (pw.RandomEffects(), pw.ClosedForm())}"
NUTS_SECONDS = 0.03  # of a fit of a random-effects model once its program is compiled
COARSE = 1e-8  # estimated error of posterior probabilities, above which a fit reports it
SPREAD = 5.0  # standard errors to both sides in the tables on which a method is tried: no interval is a special case


@final
@dataclass(frozen=True, eq=False)
class Answers:
    """What a method says of n tables.

    Attributes
    ----------
    point, lower, upper : dict of str to ndarray
        By quantity, shape (n,) each; NaN where the method has no answer.
    below : ndarray or None
        P(mu <= threshold | table), shape (n,), of a method that has posteriors.
    trouble : ndarray
        Whether the fit has another status than ok, or there is none, shape (n,), bool.
    """

    point: dict[str, Array]
    lower: dict[str, Array]
    upper: dict[str, Array]
    below: Array | None
    trouble: NDArray[np.bool_]


@final
@dataclass(frozen=True, eq=False)
class Method:
    """A model with an engine, or a function from a study table to what has mu.

    Attributes
    ----------
    name : str
    given : tuple of (Model, Engine), or callable
    scale : Scale
        Of the tables that the method is asked about.
    batch : bool
        Whether it answers many tables at once.
    prob, threshold : float
    kinds : dict of str to str
        Kind of interval by quantity.
    prior : str
        In words, as a result has it; empty for a function that does not tell.
    """

    name: str
    given: Any
    scale: Scale
    batch: bool
    prob: float
    threshold: float
    kinds: Mapping[str, str] = field(default_factory=dict)
    prior: str = ""

    @property
    def quantities(self) -> tuple[str, ...]:
        """Of `QUANTITIES` those that the method answers."""
        return tuple(self.kinds)

    @property
    def identity(self) -> str:
        """What tells it from another method of the same name; a function is known by its own name."""
        if callable(self.given):
            inner = getattr(self.given, "func", self.given)
            words = f"{getattr(inner, '__module__', '')}.{getattr(inner, '__qualname__', type(inner).__name__)}"
            return f"{words} {getattr(self.given, 'args', '')} {getattr(self.given, 'keywords', '')}"
        return " ".join(repr(part) for part in self.given)

    def answers(self, y: Array, se: Array) -> Answers:
        """What it says of these tables, shape (n, k)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoolwiseWarning)  # what they say is counted
            return self._at_once(y, se) if self.batch else self._one_by_one(y, se)

    def _at_once(self, y: Array, se: Array) -> Answers:
        model, engine = self.given
        exact = isinstance(engine, Exact)
        threshold = self.threshold if exact else None
        data = fit_batch(
            y, se, model, engine, prob=self.prob, theta_new=exact, threshold=threshold, provenance="simulated"
        )
        values = {str(name): np.asarray(data[name].values) for name in data}
        nothing = np.full(len(y), np.nan)
        of = {
            end: {name: values.get(f"{name}{end}", nothing) for name in QUANTITIES} for end in ("", "_lower", "_upper")
        }
        if not exact:  # a prediction interval has no point of its own
            of[""] = of[""] | {"theta_new": values["mu"]}
        trouble = ~np.isfinite(values["mu"])
        if exact:
            trouble |= values["grid_error"] > COARSE
        elif model.varies and model.tau_fixed is None:
            trouble |= values["tau"] == 0.0  # on the boundary, as a fit of one table reports
        return Answers(of[""], of["_lower"], of["_upper"], values.get("mu_below"), trouble)

    def _one_by_one(self, y: Array, se: Array) -> Answers:
        n = len(y)
        of = {end: {name: np.full(n, np.nan) for name in QUANTITIES} for end in ("point", "lower", "upper")}
        below, trouble, knows = np.full(n, np.nan), np.zeros(n, dtype=bool), False
        for row in range(n):
            try:
                answer = self.answer(y[row], se[row])
            except MethodError:
                raise
            except PoolwiseError:
                trouble[row] = True
                continue
            trouble[row] = _status(answer) != "ok"
            for name in QUANTITIES:
                quantity = _quantity(answer, name)
                if quantity is not None:
                    of["point"][name][row] = quantity.point
                    of["lower"][name][row], of["upper"][name][row] = quantity.interval(self.prob)
            mu = _quantity(answer, "mu")
            if isinstance(mu, Distribution):
                below[row], knows = float(mu.cdf(self.threshold)), True
        return Answers(of["point"], of["lower"], of["upper"], below if knows else None, trouble)

    def answer(self, y: Array, se: Array) -> Any:
        """What it says of one table."""
        effects = Effects(y, se=se, scale=self.scale, provenance="simulated")
        if callable(self.given):
            return self._called(effects)
        return fit(effects, *self.given)

    def _called(self, effects: Effects) -> Any:
        """What the function says; what it raises is told with the table that made it."""
        try:
            return self.given(effects)
        except PoolwiseError:
            raise
        except Exception as error:
            raise MethodError(
                f"the method '{self.name}' raised {type(error).__name__} ({error}) on y = {effects.y.tolist()}, "
                f"se = {effects.se.tolist()}",
                "a function that answers every table of the design",
            ) from error


@final
class MethodError(ModelError):
    """A function among the methods raised an error that is none of this package."""


def as_methods(given: Any, example: Effects, *, prob: float, threshold: float) -> tuple[Method, ...]:
    """The methods by their names, each tried on a made-up table of the design before anything is run.

    Raises
    ------
    ModelError
        For what is no method, for NUTS, and what a model or an engine says of a design that it cannot answer.
    """
    if not isinstance(given, Mapping):
        if isinstance(given, tuple) and len(given) == 2 and not isinstance(given[0], tuple):
            given = {"method": given}
        else:
            raise ModelError(f"methods is {described(given)}", "pairs of a model and an engine by name", EXAMPLE)
    if not given:
        raise ModelError("no method is given", "pairs of a model and an engine by name", EXAMPLE)
    apart = np.linspace(-SPREAD, SPREAD, example.k) * example.se
    tables = np.stack([apart, -apart])
    return tuple(_tried(name, one, example, tables, prob, threshold) for name, one in named("method", given).items())


def _tried(name: str, given: Any, example: Effects, y: Array, prob: float, threshold: float) -> Method:
    if not callable(given):
        given = _resolved(name, given, example)
    se = np.broadcast_to(example.se, y.shape)
    method = Method(name, given, example.scale, False, prob, threshold)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoolwiseWarning)
        answer = method.answer(y[0], se[0])
    kinds = {q: _kind(answer, q) for q in QUANTITIES if _quantity(answer, q) is not None}
    if "mu" not in kinds:
        raise ModelError(f"the method '{name}' answers with {described(answer)}, which has no mu", "a Result", EXAMPLE)
    method = replace(method, kinds=kinds, prior=str(getattr(answer, "prior", "")))
    return replace(method, batch=_has_batch_form(method, y, se))


def _resolved(name: str, given: Any, example: Effects) -> tuple[Any, Any]:
    if not (isinstance(given, Sequence) and len(given) == 2):
        raise ModelError(f"the method '{name}' is {described(given)}", "a pair of a model and an engine", EXAMPLE)
    model, engine = given
    refuse_several_means(name, model)
    if isinstance(engine, NUTS):
        raise ModelError(
            f"the method '{name}' is NUTS, which takes about {NUTS_SECONDS:g} s for each table once compiled: "
            f"{NUTS_SECONDS * 10_000 / 60:.0f} minutes for 10,000 tables of one truth",
            "Exact() or ClosedForm(), which take microseconds to milliseconds",
            "a function of your own, {'NUTS': lambda effects: pw.fit(effects, model, pw.NUTS())}, pays that price",
        )
    return (model.resolved(example) if isinstance(engine, Exact) and hasattr(model, "resolved") else model), engine


def refuse_several_means(name: str, model: Any) -> None:
    """Refuse a model that has no single mean effect, or that draws counts.

    Raises
    ------
    ModelError
        Naming the method.
    """
    priors, needs = getattr(model, "named_priors", {"mu": None}), getattr(model, "needs", ())
    if "mu" in priors and getattr(model, "strata", None) is None and COUNTS not in needs:
        return
    reason = "draws counts" if COUNTS in needs else "has no single mean effect"
    raise ModelError(
        f"the method '{name}' is {described(model)}, which {reason}, and what is simulated are effects with known "
        "standard errors about one mean",
        "RandomEffects, CommonEffect, or another model with one mean",
        "a function that returns one, {'intercept': lambda effects: ...}, is a method too",
    )


def _has_batch_form(method: Method, y: Array, se: Array) -> bool:
    if callable(method.given) or not isinstance(method.given[0], CommonEffect | RandomEffects):
        return False
    try:
        replace(method, batch=True).answers(y, np.asarray(se))
    except ModelError:  # pw.fit has just answered: only the batch form is missing
        return False
    return getattr(method.given[1], "robust", None) is None


def _quantity(answer: Any, name: str) -> Quantity | None:
    """A quantity of an answer, if it has it with an interval."""
    try:
        quantity = answer[name]
    except (KeyError, PoolwiseError, TypeError, IndexError):
        return None
    return quantity if hasattr(quantity, "interval") and hasattr(quantity, "point") else None


def _kind(answer: Any, name: str) -> str:
    quantity = _quantity(answer, name)
    return "" if quantity is None else quantity.interval_kind()


def _status(answer: Any) -> str:
    return str(getattr(getattr(answer, "report", None), "status", "ok"))
