"""One result for every engine, and the report of how the fit went."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, final, get_args

import numpy as np
from numpy.typing import NDArray

from poolwise import show
from poolwise.density_strip import Strip, together
from poolwise.design import Design
from poolwise.effects import Effects
from poolwise.errors import InputError, MissingQuantityError, ModelError, described, nearest, shown
from poolwise.model import Model
from poolwise.priors import Prior
from poolwise.quantities import Posterior, Quantity, in_words, rows_of
from poolwise.settings import as_number, check_words
from poolwise.threads import one_thread

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]

Status = Literal[
    "ok",
    "boundary_tau",
    "narrower_than_wald",
    "noisy_limits",
    "moment_does_not_exist",
    "interrupted",
    "grid_too_coarse",
    "divergences",
    "not_converged",
    "improper_posterior",
]
SEVERITY: tuple[Status, ...] = get_args(Status)  # the gravest last
Concern = Literal["none", "note", "warning", "failed"]
NO_PRIOR = "none"
NOTED: frozenset[Status] = frozenset({"ok", "moment_does_not_exist"})
_READ = re.compile(r"(?:mu|theta_new)\b|beta\[|tau(?:_between|_within)?$")  # quantities that are read in a sentence
_SHOWN = 6  # mean effects or coefficients in one line
FAILED: frozenset[Status] = frozenset({"grid_too_coarse", "divergences", "not_converged", "improper_posterior"})


class Linear(Protocol):
    """Makes the quantity of a linear combination of coefficients."""

    def __call__(self, c: Array, *, new: bool) -> Quantity:
        """The mean effect c'beta, or the true effect in a new study with that mean effect."""


@final
@dataclass(frozen=True)
class Finding:
    """One thing that a fit has to say: a status and a sentence with advice."""

    status: Status
    sentence: str


@final
@dataclass(frozen=True)
class FitReport:
    """How a fit went.

    Attributes
    ----------
    findings : tuple of Finding
        Empty when all went well.
    notes : tuple of str
        What was noticed in the data and the model.
    diagnostics : mapping
        Numbers that the engine watches: grid error, R-hat, ESS, divergences, ...
    seconds : float
        Wall time of the fit.
    versions : mapping
        Versions of the packages that took part.
    seed : int or None
        Seed of the draws.
    data_hash : str
        Hash of the study table.
    """

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = math.nan
    versions: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    data_hash: str = ""

    def __repr__(self) -> str:
        """One line: the status, and how long it took."""
        took = "" if math.isnan(self.seconds) else f", {self.seconds:.3g} s"
        found = f": {show.greek(self.advice)}" if self.findings else ""
        return f"<FitReport: status {show.status_within(self.status)}{took}{found}>"

    @property
    def status(self) -> Status:
        """The gravest status among the findings, ``"ok"`` when there are none."""
        return max((finding.status for finding in self.findings), key=SEVERITY.index, default="ok")

    @property
    def advice(self) -> str:
        """The sentences of all findings."""
        return " ".join(finding.sentence for finding in self.findings)

    @property
    def alarming(self) -> bool:
        """Whether something went wrong, other than that a moment does not exist while medians and quantiles do."""
        return any(finding.status not in NOTED for finding in self.findings)

    @property
    def failed(self) -> bool:
        """Whether the numbers should not be used as they are."""
        return self.status in FAILED


@final
@dataclass(frozen=True, eq=False)
class Result:
    """The answer of one engine to one model on one study table.

    Attributes
    ----------
    label : str
        Words that tell this row from others in a table: ``"REML, Hartung-Knapp ad hoc"``.
    effects : Effects
        The study table.
    model : Model
        The model, every prior explicit where the engine uses priors.
    engine : object
        The engine's settings.
    interval_kind : str
        Kind of the interval for the mean effect.
    quantities : mapping of str to Quantity
        ``mu``, ``tau``, ``tau2``, ``theta_new``, ``I2``, ...
    studies : mapping of str to Quantity
        Shrunken study effects theta_i by study label.
    weights : mapping of str to float
        Share of each study in the mean effect, as fractions; posterior means for the Bayesian engines;
        empty where the model states the mean effect.
    report : FitReport
        How the fit went.
    prior : str
        Words for the priors; ``"none"`` for the closed form.
    evidence : float
        Log marginal likelihood; NaN when there is none.
    native : object
        What only the engine knows; unread outside its own module.
    tree : callable, optional
        Makes the DataTree of draws for ArviZ.
    absent : mapping of str to str
        Why a quantity that others have is not here, by name.
    combinations : mapping of str to ndarray
        Weights of the coefficients in each named mean effect or coefficient, shape (p,).
    linear : callable, optional
        Maps weights of the coefficients, shape (p,), to the Quantity of that mean effect; with ``new=True`` to the
        true effect in a new study with that mean effect.
    design : Design, optional
        The design of the mean effects, where there are moderators.
    """

    label: str
    effects: Effects
    model: Model
    engine: Any
    interval_kind: str
    quantities: Mapping[str, Quantity]
    studies: Mapping[str, Quantity]
    weights: Mapping[str, float]
    report: FitReport
    prior: str = NO_PRIOR
    evidence: float = math.nan
    native: Any = field(default=None, repr=False)
    tree: Callable[[], xr.DataTree] | None = field(default=None, repr=False)
    absent: Mapping[str, str] = field(default_factory=dict, repr=False)
    combinations: Mapping[str, Array] = field(default_factory=dict, repr=False)
    linear: Linear | None = field(default=None, repr=False)
    design: Design | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_words(self.label, "label", error=ModelError)

    def __getitem__(self, name: str) -> Quantity:
        """The quantity of that name.

        Raises
        ------
        MissingQuantityError
            When the result has no such quantity; the message offers the nearest.
        """
        try:
            quantity = self.quantities[name]
            if isinstance(quantity, Posterior) and _READ.match(name):
                return replace(quantity, told=partial(_told, self, name))
            return quantity
        except (KeyError, TypeError):
            asked = name if isinstance(name, str) else shown(name)
            found = f"'{self.label}' has no quantity '{asked}'"
            if isinstance(name, str) and name in self.absent:
                raise MissingQuantityError(f"{found}: {self.absent[name]}") from None
            raise MissingQuantityError(found, advice=nearest(asked, self.quantities)) from None

    def __getattr__(self, name: str) -> Any:
        """Say how a quantity or a table is had."""
        advice = "" if name not in self.__dict__.get("quantities", ()) else f": result['{name}'] has it"
        advice = f": pw.{name}(result) makes it" if name in ("summary", "compare", "predict") else advice
        raise AttributeError(f"a Result has no attribute '{name}'{advice}")

    def __contains__(self, name: object) -> bool:
        """Whether the result has a quantity of that name."""
        return name in self.quantities

    def __iter__(self) -> Iterator[str]:
        """The names of the quantities."""
        return iter(self.quantities)

    def __repr__(self) -> str:
        """One line: label, studies, mean effects or coefficients with intervals and their kind, prior, status."""
        means = [f", {show.symbol(name)} = {in_words(self.quantities[name])}" for name in self.answers]
        more = f", and {len(means) - _SHOWN} more" if len(means) > _SHOWN else ""
        made = ", reconstructed" if self.effects.reconstructed else ""
        status = show.status_within(self.report.status)
        kinds = dict.fromkeys(self.quantities[name].interval_kind() for name in self.answers)
        kind = "".join(f", 95 % {one}".replace(" - ", " − ") for one in kinds if one)
        prior = "" if self.prior == NO_PRIOR else f", prior {show.prior(self.prior)}"
        facts = f"k = {self.effects.k}{made}{''.join(means[:_SHOWN])}{more}{kind}{prior}, status {status}"
        return f"<Result '{show.method(self.label)}': {facts}>"

    def __str__(self) -> str:
        """What it says in sentences, wrapped to the width of the terminal: the answer, a new study, tau, the prior."""
        from poolwise import reading  # which knows the laws of all engines

        made = ", reconstructed data" if self.effects.reconstructed else ""
        label = show.capital(show.method(self.label))
        said = [
            f"{label}: {self.effects.title or self.model.label}, {self.effects.counted}{made}",
            *reading.paragraphs(self.effects, self.answers, self.quantities),
            *([] if self.prior == NO_PRIOR else [f"Prior: {show.prior(self.prior)}."]),
            *(
                []
                if self.report.status == "ok"
                else [f"{show.status(self.report.status)}: {show.greek(self.report.advice)}"]
            ),
        ]
        return show.wrapped(said)

    def _repr_html_(self) -> str:
        """The answer in a sentence, a table of all quantities with their 95 % intervals, the prior, and the report."""
        from poolwise import reading  # which knows the laws of all engines

        made, engine = "reconstructed data" if self.effects.reconstructed else "", show.engine(self.engine_label)
        answers = [(name, self.quantities[name]) for name in self.answers]
        drawn = [name for name in ((*self.answers[:2], "tau")[:3]) if name in self.quantities]
        priors = priors_of(self)
        strips = [reading.strip(self.effects, name, self.quantities[name], priors.get(name)) for name in drawn]
        return show.card(
            show.capital(show.method(self.label)),
            answer=reading.sentences(self.effects, answers),
            facts=(
                self.effects.title,
                f"{show.method(self.model.label)} ({engine})",
                f"k = {self.effects.k}",
                made,
            ),
            header=("quantity", "point", "sd", "95 % interval", "kind of interval, or test"),
            rows=[(reading.titled(name, self.quantities), *cells) for name, *cells in rows_of(self.quantities)],
            strips=together(strips),
            notes=(
                f"table: {self.effects.scale.label}; prior: {show.prior(self.prior)}",
                f"status: {show.status_within(self.report.status)}",
                show.greek(self.report.advice),
            ),
        )

    @property
    def answers(self) -> tuple[str, ...]:
        """Names of the quantities that answer the question.

        ``mu[...]`` of each outcome or subgroup; without groups ``mu``; with moderators the coefficients ``beta[...]``.
        """
        grouped = tuple(name for name in self.quantities if name.startswith("mu[") and not show.is_contrast(name))
        if grouped or "mu" in self.quantities:
            return grouped or ("mu",)
        return tuple(name for name in self.quantities if name.startswith("beta["))

    def concern(self, sds: Iterable[str] = ()) -> Concern:
        """How much a reader of this result has to mind of its status.

        A moment that does not exist is a note where medians and intervals alone are printed, and a warning where the
        standard deviation of a quantity that lacks it would be.

        Parameters
        ----------
        sds : iterable of str
            Quantities whose standard deviations are printed; those that the result has not are left out.
        """
        if self.report.failed:
            return "failed"
        missing = (name for name in sds if name in self.quantities and math.isnan(self.quantities[name].sd))
        if self.report.alarming or (self.report.status != "ok" and any(missing)):
            return "warning"
        return "none" if self.report.status == "ok" else "note"

    @property
    def engine_label(self) -> str:
        """Words for the engine: ``"closed form"``, ``"exact"``, ``"NUTS"``."""
        return str(self.engine.label)

    @property
    def data_label(self) -> str:
        """``"reconstructed"`` when any study was reconstructed, else ``"reported"`` (or ``"simulated"``)."""
        return self.effects.data_label

    @property
    def log_evidence(self) -> float:
        """Log marginal likelihood of the data under the model, natural log.

        Raises
        ------
        MissingQuantityError
            When the engine has none, or a prior is improper.
        """
        if math.isnan(self.evidence):
            raise MissingQuantityError(
                f"'{self.label}' has no log evidence", "an exact fit with proper priors on mu and tau"
            )
        return self.evidence

    def contrast(self, weights: Mapping[str, float]) -> Quantity:
        """A linear combination of mean effects or coefficients, sum_j w_j x quantity_j.

        Parameters
        ----------
        weights : mapping of str to float
            By the names of this result's quantities: ``{"mu[random]": 1, "mu[alternate]": -1}``.

        Returns
        -------
        Quantity
            A posterior, or an estimate with the engine's interval.

        Raises
        ------
        MissingQuantityError
            For a name that is no mean effect or coefficient of this result; the message offers the nearest.
        ModelError
            When no weight differs from 0.

        Examples
        --------
        >>> import poolwise as pw
        >>> result = pw.fit(pw.datasets.load("bcg"), pw.MetaRegression("~ ablat"), pw.Exact())
        >>> round(result.contrast({"beta[intercept]": 1.0, "beta[ablat]": 30.0}).point, 3)
        -0.617
        """
        if self.linear is None:
            raise MissingQuantityError(
                f"'{self.label}' gives no exact law of a combination of mean effects",
                "a result whose mean effects have one design",
                "combine the draws of to_datatree()['posterior']"
                if self.tree is not None
                else f"result['{self.answers[0]}']",
            )
        if not isinstance(weights, Mapping):
            example = " and ".join(list(self.combinations)[:2])
            raise ModelError(
                f"contrast was given {described(weights)}", f"weights by name, of {example}", "contrast({'mu': 1})"
            )
        for name, weight in weights.items():
            if not math.isfinite(as_number(weight)):
                raise ModelError(f"the weight of '{name}' is {shown(weight)}", "a finite number")
            if name not in self.combinations:
                raise MissingQuantityError(
                    f"'{self.label}' has no mean effect or coefficient '{name}'",
                    advice=nearest(str(name), self.combinations),
                )
        c = sum(float(w) * self.combinations[name] for name, w in weights.items())
        if not np.any(c):
            raise ModelError("a contrast with no weight other than 0 is 0", "weights such as {'mu': 1}")
        return self.linear(np.asarray(c), new=False)

    def new_estimate(self, se: float, name: str = "theta_new") -> Posterior:
        """What a new study with this standard error would report: y ~ Normal(theta_new, se^2), given the data.

        Parameters
        ----------
        se : float
            Standard error of the new estimate, above 0, on the analysis scale.
        name : str
            The true effect it estimates: ``"theta_new"``, ``"theta_new[random]"``, or a mean effect.

        Returns
        -------
        Posterior

        Raises
        ------
        MissingQuantityError
            For a closed-form result, which has no predictive distribution, or a quantity that no study estimates.

        Examples
        --------
        >>> import poolwise as pw
        >>> result = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact())
        >>> [round(limit, 2) for limit in result.new_estimate(0.2).interval(0.95)]
        [-2.12, 0.69]
        """
        if not 0.0 < as_number(se) < math.inf:
            raise ModelError(f"se = {shown(se)}", "a finite standard error above 0", "new_estimate(0.2)")
        quantity = self[name]
        if not isinstance(quantity, Posterior):
            raise MissingQuantityError(f"'{name}' of '{self.label}' has no posterior", "a result of Exact or NUTS")
        from poolwise.laws import with_error  # which knows the laws of all engines

        return Posterior(with_error(quantity.law, float(se)), quantity.kind)

    @one_thread()
    def to_datatree(self) -> xr.DataTree:
        """Draws as an ``xarray.DataTree`` that every ArviZ function accepts.

        What asks about a sampler (energy, divergences) needs a result of NUTS: exact draws have no sampler.

        Raises
        ------
        MissingQuantityError
            For a closed-form result, which has no posterior.
        """
        if self.tree is None:
            raise MissingQuantityError(
                f"'{self.label}' is a closed-form result and has no posterior", "a result of Exact or NUTS"
            )
        return self.tree()


def priors_of(result: Result) -> Mapping[str, Prior | None]:
    """The priors of a result by the names of its quantities; none where it was had without any."""
    return {} if result.prior == NO_PRIOR else result.model.named_priors


def _told(result: Result, name: str) -> tuple[str, str, Strip]:
    """The name of a quantity, a sentence on the reading scale, and a drawing with its prior."""
    from poolwise import reading  # which knows the laws of all engines

    quantity = result.quantities[name]
    prior = priors_of(result).get(name)
    said = reading.sentence(result.effects, name, quantity)
    return reading.titled(name, result.quantities), said, reading.strip(result.effects, name, quantity, prior)


def check_result(asked: str, value: object) -> Result:
    """The result, checked to be one.

    Raises
    ------
    InputError
        For anything else, naming the function asked, what it was given and how a result is made.
    """
    if isinstance(value, Result):
        return value
    advice = "pw.fit(effects, model, engine)"
    if isinstance(value, list | tuple) and value and all(isinstance(part, Result) for part in value):
        advice = (
            f"{asked}(*results)" if asked == "compare" else f"one result at a time: [{asked}(one) for one in results]"
        )
    elif isinstance(value, Mapping) and value and all(isinstance(part, Result) for part in value.values()):
        advice = f"{asked}(*results.values())" if asked == "compare" else "one result at a time"
    elif isinstance(value, Effects):
        advice = f"{asked}(pw.fit(effects, model, engine))"
    elif isinstance(value, Generator) and asked == "compare":
        advice = "compare(*results)"
    elif hasattr(value, "children") and hasattr(value, "to_dataset"):
        advice = f"the Result itself, from which to_datatree() made these draws: {asked}(result)"
    raise InputError(f"{asked} was given {described(value)}", "a Result", advice)
