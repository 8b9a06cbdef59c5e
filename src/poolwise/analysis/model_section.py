"""The section [model] of an analysis file: what is assumed, and the priors."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from poolwise.analysis.fields import (
    Coefficients,
    Columns,
    DeltaPrior,
    MuPrior,
    Number,
    PublicationWeights,
    Section,
    SharePrior,
    SlopePrior,
    TauPrior,
    Words,
)
from poolwise.errors import ModelError, listing

Pooling = Literal["random-effects", "common-effect"]
Kind = Literal[
    "random-effects",
    "common-effect",
    "meta-regression",
    "subgroups",
    "three-level",
    "location-scale",
    "joint-outcomes",
    "correlated-outcomes",
    "crossed-effects",
    "student-t",
    "skew-normal",
    "contaminated",
    "binomial-normal",
    "poisson-normal",
    "pet",
    "peese",
    "step-selection",
    "weight-function",
]
_MEAN = ("mu", "tau", "tau_fixed", "moderators", "beta")
KEYS: dict[str, tuple[str, ...]] = {
    "common-effect": ("mu",),
    "random-effects": ("mu", "tau", "tau_fixed"),
    "meta-regression": ("moderators", "beta", "tau", "tau_fixed", "missing", "errors", "pooled"),
    "subgroups": ("by", "heterogeneity", "mu", "tau", "tau_spread"),
    "three-level": ("cluster", "rho", "moderators", "beta", "mu", "tau_between", "tau_within"),
    "location-scale": ("scale", "moderators", "beta", "tau", "gamma"),
    "joint-outcomes": ("mu", "mu_spread", "tau", "tau_spread"),
    "correlated-outcomes": ("by", "cluster", "rho", "eta", "mu", "tau", "tau_within"),
    "crossed-effects": ("factors", "mu", "tau", "tau_within"),
    "student-t": ("mu", "tau", "nu"),
    "skew-normal": ("mu", "tau"),
    "contaminated": ("mu", "tau", "tau_out", "pi"),
    "binomial-normal": ("mu", "tau", "baseline", "base", "base_spread", "slope"),
    "poisson-normal": ("mu", "tau", "baseline", "base", "base_spread", "slope"),
    "pet": ("direction", "b", *_MEAN),
    "peese": ("direction", "b", *_MEAN),
    "step-selection": ("steps", "direction", "sides", "weights", *_MEAN),
    "weight-function": ("function", "direction", "sides", "delta", "prec", *_MEAN),
}
"""What each kind of model is made of, besides `kind`."""
NEEDED = {
    "meta-regression": "moderators",
    "subgroups": "by",
    "location-scale": "scale",
    "crossed-effects": "factors",
    "weight-function": "function",
}


class ModelSection(Section):
    """What is assumed, and the priors; priors left out are the defaults of the scale of effect."""

    kind: Kind = Field(default="random-effects", description="one of " + ", ".join(f"'{kind}'" for kind in KEYS))
    moderators: Columns | None = Field(
        default=None, description="names of the columns that moderate the mean effect, such as ['ablat']"
    )
    by: Words | None = Field(default=None, description="name of the column whose values are the subgroups")
    heterogeneity: Literal["common", "separate", "exchangeable"] | None = Field(
        default=None, description="'common', 'separate' or 'exchangeable' between-study sd of the subgroups"
    )
    cluster: Words | None = Field(
        default=None, description="'study', or name of the column that says which effects belong together"
    )
    rho: Number | None = Field(
        default=None, ge=0, lt=1, description="correlation of sampling errors within a cluster, from 0 to below 1"
    )
    factors: Columns | None = Field(
        default=None, description="names of the columns that group the effects, such as ['study', 'lab']"
    )
    eta: Number | None = Field(
        default=None, gt=0, description="shape of the LKJ prior on correlations of true effects, above 0; 1 is flat"
    )
    pooled: Columns | None = Field(
        default=None, description="names of the columns whose levels are partially pooled, such as ['setting']"
    )
    missing: Literal["error", "model"] | None = Field(
        default=None, description="'error', or 'model' for missing values of moderators as unknowns"
    )
    errors: dict[Words, Words] | None = Field(
        default=None, description="column of standard errors by moderator, such as { dose = 'se_dose' }"
    )
    scale: Columns | None = Field(
        default=None, description="names of one or two columns that moderate the between-study sd"
    )
    mu: MuPrior | None = Field(
        default=None, description="prior on the mean effect, such as { Normal = [0, 1] } or 'Flat'"
    )
    tau: TauPrior | None = Field(
        default=None, description="prior on the between-study sd, such as { HalfNormal = 0.5 }"
    )
    tau_fixed: Number | None = Field(
        default=None, ge=0, description="a known between-study sd of at least 0, instead of tau"
    )
    nu: TauPrior | None = Field(default=None, description="prior on the degrees of freedom of t random effects")
    tau_out: TauPrior | None = Field(default=None, description="prior on the sd that outliers have on top of tau")
    pi: SharePrior | None = Field(default=None, description="prior on the share of outliers, such as { Beta = [1, 9] }")
    baseline: Literal["separate", "exchangeable"] | None = Field(
        default=None, description="'separate' or 'exchangeable' baselines of the controls"
    )
    base: MuPrior | None = Field(
        default=None, description="normal prior on each baseline log odds (log rate), or on their mean"
    )
    base_spread: TauPrior | None = Field(default=None, description="prior on the sd of exchangeable baselines")
    slope: MuPrior | None = Field(
        default=None, description="prior on the change of the effect with the true baseline; none when left out"
    )
    direction: Literal["positive", "negative"] | None = Field(
        default=None,
        description="'positive' or 'negative': the direction in which results are likelier to be published",
    )
    steps: tuple[Number, ...] | None = Field(
        default=None, description="p-values at which the probability of publication changes, such as [0.025, 0.5]"
    )
    sides: Literal[1, 2] | None = Field(default=None, description="1 or 2: whether p-values are one- or two-sided")
    weights: PublicationWeights | None = Field(
        default=None,
        description="known relative probabilities of publication, such as [1, 0.5], or a prior on each but the first",
    )
    function: Literal["beta", "halfnorm", "negexp", "logistic", "power"] | None = Field(
        default=None, description="'beta', 'halfnorm', 'negexp', 'logistic' or 'power': what publication is of p"
    )
    delta: DeltaPrior | None = Field(default=None, description="prior on the parameter(s) of the weight function")
    prec: Literal["sei"] | None = Field(default=None, description="'sei': imprecise studies are selected more strongly")
    b: SlopePrior | None = Field(
        default=None, description="prior on the slope on the standard error (its square), such as { HalfCauchy = 1 }"
    )
    tau_between: TauPrior | None = Field(default=None, description="prior on the sd between clusters")
    tau_within: TauPrior | None = Field(default=None, description="prior on the sd within clusters")
    mu_spread: TauPrior | None = Field(default=None, description="prior on the sd of the outcomes' mean effects")
    tau_spread: TauPrior | None = Field(
        default=None, description="prior on the sd of log tau between outcomes or subgroups"
    )
    beta: Coefficients | None = Field(
        default=None,
        description="a prior on every coefficient, such as { Normal = [0, 1] }, or a table of priors by coefficient",
    )
    gamma: Coefficients | None = Field(
        default=None, description="priors on the coefficients of log tau, as for beta; normal ones"
    )

    @model_validator(mode="after")
    def _parts_of_its_kind(self) -> ModelSection:
        given = [name for name in type(self).model_fields if name != "kind" and getattr(self, name) is not None]
        for name in given:
            if name in KEYS[self.kind] or (self.kind == "common-effect" and name.startswith("tau")):
                continue
            kinds = [kind for kind, keys in KEYS.items() if name in keys]
            raise ModelError(
                f"'{name}' is given, and kind = '{self.kind}' has no such part",
                f"one of the keys {listing(KEYS[self.kind], 20)}",
                f"kind = '{kinds[0]}'",
            )
        needed = NEEDED.get(self.kind)
        if needed is not None and needed not in given:
            told = type(self).model_fields[needed].description
            raise ModelError(f"kind = '{self.kind}' and no '{needed}'", str(told))
        return self

    @model_validator(mode="after")
    def _one_tau(self) -> ModelSection:
        if self.tau is not None and self.tau_fixed is not None:
            raise ModelError("'tau' and 'tau_fixed' are both given", "one of the two")
        if self.kind == "common-effect" and (self.tau is not None or self.tau_fixed is not None):
            raise ModelError(
                "a common-effect model has no tau", "no 'tau' and no 'tau_fixed'", "kind = 'random-effects'"
            )
        return self
