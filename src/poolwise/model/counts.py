"""Exact likelihoods of one or two arms: binomial for persons with an event, Poisson for events in person-time."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, replace
from typing import Any, ClassVar, Literal, Self, final, get_args

from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.intake.counts import ONE_ARM_MEASURES, counts_of, informative, log_ratio
from poolwise.model._priors import check_mu, check_tau
from poolwise.model.assumption import Assumption
from poolwise.model.needs import COUNTS
from poolwise.priors import HalfNormal, Normal, Prior
from poolwise.settings import check_option

Baseline = Literal["separate", "exchangeable"]
BASE_LOGIT, BASE_LOG_RATE, BASE_SPREAD = Normal(0.0, 5.0), Normal(0.0, 10.0), HalfNormal(2.0)


class CountsModel(Assumption):
    """What both models of counts share: a measure, the law of the baselines, a slope on them."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # both models are records with the fields below
    always_needs: ClassVar[frozenset[str]] = frozenset({COUNTS})
    name: ClassVar[str]
    risk: ClassVar[str]
    measures: ClassVar[tuple[str, ...]]
    measure: str | None
    mu: Prior | None
    tau: Prior | None
    baseline: Baseline
    base: Prior
    base_spread: Prior
    slope: Prior | None

    def __post_init__(self) -> None:
        if self.measure is not None:
            check_option("measure", self.measure, self.measures)
        super().__post_init__()
        check_tau(self.base_spread, "base_spread")
        check_option("baseline", self.baseline, get_args(Baseline))
        if not isinstance(self.base, Normal):
            raise ModelError(f"base has the prior {self.base!r}", "a normal prior", f"base={BASE_LOGIT}")
        if self.slope is not None:
            check_mu(self.slope, "slope")
        for name in ("base_spread", "slope"):
            prior = getattr(self, name)
            if prior is not None and not prior.proper:
                raise ModelError(f"{name} has the improper prior {prior}", "a proper prior", "Normal(0, 1)")

    @property
    def label(self) -> str:
        """Words for tables."""
        return self.name + ("" if self.slope is None else f", {self.risk} as covariate")

    @property
    def named_priors(self) -> dict[str, Prior | None]:
        """The priors by the name of what they are about."""
        named: dict[str, Prior | None] = {"mu": self.mu, "tau": self.tau}
        if self.baseline == "exchangeable":
            named |= {"base": self.base, "base_spread": self.base_spread}
        return named if self.slope is None else named | {"slope": self.slope}

    def resolved(self, effects: Effects) -> Self:
        """The same model with its measure and every prior explicit; `effects` are on the scale of the measure."""
        measure = effects.scale.name
        if measure in ONE_ARM_MEASURES and (self.slope is not None or self.baseline != "separate"):
            given = "slope" if self.slope is not None else "baseline='exchangeable'"
            raise ModelError(
                f"{given} is given, and the table has one arm, on the scale '{measure}'",
                "no settings of baselines: the log odds or log rate of one arm is theta_i itself",
                f"{type(self).__name__}(mu=..., tau=...)",
            )
        return replace(super().resolved(effects), measure=measure)

    def table(self, effects: Effects) -> Effects:
        """The study table on the scale of the measure, computed from its counts."""
        return _on_scale(effects, self.measure, self.measures)

    def informative(self, effects: Effects) -> int:
        """How many studies have no empty cell, and so tell how large an effect may be in both directions."""
        measure = self.measure or effects.scale.name
        return informative(*counts_of(effects.moderators, measure, effects.rows), measure)

    def lines(self) -> tuple[str, ...]:
        """How true effects, baselines and priors stand in a generative statement."""
        mean = "mu" if self.slope is None else "mu + slope (baseline_i - centre)"
        apart = self.baseline == "separate"
        law = f"baseline_i ~ {self.base}" if apart else "baseline_i ~ Normal(base, base_spread)"
        return (
            f"theta_i ~ Normal({mean}, tau)",
            *(() if self.measure in ONE_ARM_MEASURES else (law,)),
            *self.prior_statement(),
        )


@final
@dataclass(frozen=True)
class BinomialNormal(CountsModel):
    """Binomial counts in one or two arms, normal random effects: no normal approximation, no correction of empty cells.

    events_control ~ Binomial(total_control, p), logit p_i the baseline of study i. On the log odds scale
    logit p_treated = baseline_i + theta_i; on the log risk scale log p_treated = log p_control + theta_i, where the
    normal law of theta_i ends at -log p_control, beyond which a risk would exceed 1. Of one arm, events ~
    Binomial(total, p), logit p_i = theta_i ~ Normal(mu, tau), and there are no baselines.

    Attributes
    ----------
    measure : {"log OR", "log RR", "logit"}, optional
        Scale of the effect; that of the table when None. ``"logit"`` is that of the proportion in one arm.
    mu, tau : Prior, optional
        Priors on the mean effect and on the between-study standard deviation; the scale's defaults when None.
    baseline : {"separate", "exchangeable"}
        Whether each baseline has the prior `base`, or baselines are Normal(base, base_spread).
    base : Normal
        Prior on each baseline log odds, or on their mean.
    base_spread : Prior
        Prior on the standard deviation of exchangeable baselines.
    slope : Prior, optional
        Prior on the change of the effect with the true baseline log odds; theta_i ~ Normal(mu + slope (baseline_i -
        centre), tau), centre the mean of the observed ones. None for no such change.

    Notes
    -----
    The table needs the counts: `Effects.from_counts`, or columns ``events_treated``, ``events_control``,
    ``total_treated`` and ``total_control`` (of one arm ``events`` and ``total``) beside the moderators.

    Separate baselines leave the comparison within each study: no study's control arm tells of another's. Normal(0, 5)
    on a baseline log odds covers risks from 1 in 20,000 to nearly all within two sds and is nearly flat where data are;
    HalfNormal(2) lets exchangeable baselines differ by factors of 7 at one sd. The effect does not change with the
    baseline unless `slope` has a prior. One arm is what a baseline is, so that these two are the defaults of mu and tau
    on the scale ``"logit"``: a proportion may be a rarity, and a prior about one half would pull it there.

    References
    ----------
    Smith, Spiegelhalter & Thomas 1995, Statistics in Medicine 14:2685, 10.1002/sim.4780142408; Warn, Thompson &
    Spiegelhalter 2002, Statistics in Medicine 21:1601, 10.1002/sim.1189, for the risk ratio; Thompson, Smith & Sharp
    1997, Statistics in Medicine 16:2741, for the baseline as a covariate; Stijnen, Hamza & Özdemir 2010, Statistics in
    Medicine 29:3046, 10.1002/sim.4040, for one arm.
    """

    kind_in_files: ClassVar[str] = "binomial-normal"
    purpose: ClassVar[str] = "events and totals, with rare events and empty cells as they are"
    name: ClassVar[str] = "binomial-normal"
    risk: ClassVar[str] = "baseline risk"
    measures: ClassVar[tuple[str, ...]] = ("log OR", "log RR", "logit")
    measure: str | None = None
    mu: Prior | None = None
    tau: Prior | None = None
    baseline: Baseline = "separate"
    base: Prior = BASE_LOGIT
    base_spread: Prior = BASE_SPREAD
    slope: Prior | None = None

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        if self.measure == "logit":
            return ("events ~ Binomial(total, p), logit p = theta_i", *self.lines())
        risk = "log p_treated = log p_control" if self.measure == "log RR" else "logit p_treated = baseline_i"
        return (
            "events ~ Binomial(total, p), logit p_control = baseline_i",
            f"{risk} + theta_i",
            *self.lines(),
        )


@final
@dataclass(frozen=True)
class PoissonNormal(CountsModel):
    """Poisson events in the person-time of one or two arms, normal random effects on the log rate (ratio).

    events_control ~ Poisson(time exp(baseline_i)), events_treated ~ Poisson(time exp(baseline_i + theta_i)). Of one arm
    events ~ Poisson(time exp(theta_i)), theta_i ~ Normal(mu, tau), and there are no baselines.

    Attributes
    ----------
    mu, tau : Prior, optional
        Priors on the mean log rate ratio, or log rate, and on the between-study standard deviation. The scale
        ``"log IRR"`` has no defaults: they have to be given.
    baseline : {"separate", "exchangeable"}
        Whether each baseline has the prior `base`, or baselines are Normal(base, base_spread).
    base : Normal
        Prior on each baseline log rate, per unit of the person-time, or on their mean.
    base_spread : Prior
        Prior on the standard deviation of exchangeable baselines.
    slope : Prior, optional
        Prior on the change of the effect with the true baseline log rate, as for `BinomialNormal`.
    measure : {"log IRR", "log rate"}, optional
        Scale of the effect; that of the table when None. ``"log rate"`` is that of one arm.

    Notes
    -----
    Separate baselines leave the comparison within each study. Normal(0, 10) on a baseline log rate is twice as wide as
    for log odds, since the unit of the person-time is the user's; HalfNormal(2) lets exchangeable baselines differ by
    factors of 7 at one sd. The effect does not change with the baseline unless `slope` has a prior. One arm is what a
    baseline is, so that these two are the defaults of mu and tau on the scale ``"log rate"``.

    References
    ----------
    Stijnen, Hamza & Özdemir 2010, Statistics in Medicine 29:3046, 10.1002/sim.4040.
    """

    kind_in_files: ClassVar[str] = "poisson-normal"
    purpose: ClassVar[str] = "events in person-time, as counts"
    name: ClassVar[str] = "Poisson-normal"
    risk: ClassVar[str] = "baseline rate"
    measures: ClassVar[tuple[str, ...]] = ("log IRR", "log rate")
    mu: Prior | None = None
    tau: Prior | None = None
    baseline: Baseline = "separate"
    base: Prior = BASE_LOG_RATE
    base_spread: Prior = BASE_SPREAD
    slope: Prior | None = None
    measure: str | None = field(default=None, repr=False)  # the table states it

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        if self.measure == "log rate":
            return ("events ~ Poisson(time exp(theta_i))", *self.lines())
        return (
            "events_control ~ Poisson(time exp(baseline_i))",
            "events_treated ~ Poisson(time exp(baseline_i + theta_i))",
            *self.lines(),
        )


Counted = BinomialNormal | PoissonNormal


def _on_scale(effects: Effects, measure: str | None, known: tuple[str, ...]) -> Effects:
    wanted = effects.scale.name if measure is None else measure
    if wanted not in known:
        raise ModelError(f"the effects are on the scale '{effects.scale}'", " or ".join(known), f"measure='{known[0]}'")
    events, totals = counts_of(effects.moderators, wanted, effects.rows)
    if wanted == effects.scale.name:
        return effects
    y, v = log_ratio(events, totals, wanted)
    return Effects(
        y,
        v=v,
        study=effects.study,
        study_as_given=effects.study_as_given,
        moderators=effects.moderators,
        outcome=effects.outcome,
        n=effects.n,
        scale=wanted,
        provenance=effects.provenance,
        derivation=[
            f"{f'{way}; ' if way else ''}{wanted} from {_arms(a, n)}, which the model uses themselves"
            for way, a, n in zip(effects.derivation, events.tolist(), totals.tolist(), strict=True)
        ],
        title=effects.title,
        citation=effects.citation,
        directions=effects.directions,
        notes=(*effects.notes, f"effects computed from the counts on the scale '{wanted}'"),
        allow_single=effects.allow_single,
    )


def _arms(events: list[float], totals: list[float]) -> str:
    """'4 of 123 and 11 of 139', the treated first."""
    return " and ".join(f"{a:g} of {n:g}" for a, n in zip(events, totals, strict=True))
