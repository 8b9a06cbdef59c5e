"""Random effects that are not normal: heavy tails, skewness, and a few studies that do not belong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.model._priors import DEFAULT, tau_prior
from poolwise.model.assumption import Assumption
from poolwise.model.needs import HEAVY_TAILED, OUTLYING, SKEWED
from poolwise.priors import Beta, Gamma, Prior, Uniform

DEFAULT_NU = Gamma(2.0, 0.1)
DEFAULT_PI = Beta(1.0, 9.0)
OUT_WIDER = 2.0  # times as wide as the prior on tau: outliers differ by more than studies differ among themselves


@final
@dataclass(frozen=True)
class StudentTRandomEffects(Assumption):
    """Heavy-tailed random effects: y_i ~ Normal(theta_i, se_i), theta_i ~ StudentT(nu, mu, tau).

    A study far from the others moves `mu` less than under normal random effects. `tau` is the scale of the t
    distribution, which is its standard deviation as nu grows.

    Attributes
    ----------
    mu : Prior, optional
        Prior on the centre of the effects; the scale's default when None.
    tau : Prior, optional
        Prior on their scale; the scale's default when None.
    nu : Prior
        Proper prior on the degrees of freedom.

    Notes
    -----
    Gamma(2, 0.1) on nu has its mode at 10 and its mean at 20: it allows tails as heavy as those of the Cauchy and as
    light as normal ones, which few studies do not tell apart.

    References
    ----------
    Lee & Thompson 2008, Statistics in Medicine 27:418, 10.1002/sim.2897; Baker & Jackson 2008, Health Care
    Management Science 11:121, 10.1007/s10729-007-9041-8. Gamma(2, 0.1) on nu: Juárez & Steel 2010, J. Applied
    Econometrics 25:1128, 10.1002/jae.1113.

    Examples
    --------
    >>> print(*StudentTRandomEffects().statement()[:2], sep="; ")
    y_i ~ Normal(theta_i, se_i); theta_i ~ StudentT(nu, mu, tau)
    """

    kind_in_files: ClassVar[str] = "student-t"
    purpose: ClassVar[str] = "true effects with heavy tails"
    always_needs: ClassVar[frozenset[str]] = frozenset({HEAVY_TAILED})
    label: ClassVar[str] = "t random effects"
    tau_is_sd: ClassVar[bool] = False  # it is the scale of the t distribution
    own_priors: ClassVar[tuple[str, ...]] = ("nu",)
    mu: Prior | None = None
    tau: Prior | None = None
    nu: Prior = DEFAULT_NU

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_proper(self.nu, "nu", "Gamma(2, 0.1)")

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return (
            "y_i ~ Normal(theta_i, se_i)",
            "theta_i ~ StudentT(nu, mu, tau)",
            *self.prior_statement(),
        )


@final
@dataclass(frozen=True)
class SkewNormalRandomEffects(Assumption):
    """Skewed random effects: y_i ~ Normal(theta_i, se_i), theta_i ~ SkewNormal with mean mu and sd tau.

    With Z0 and Z1 standard normal and b = delta sqrt(2 / pi), theta_i is mu + tau (delta |Z0| + sqrt(1 - delta^2) Z1
    - b) / sqrt(1 - b^2). delta = 0 is the normal distribution, delta = 1 and -1 the half-normal one and its mirror
    image; mu and tau mean the same whatever delta is.

    Attributes
    ----------
    mu : Prior, optional
        Prior on the mean effect; the scale's default when None.
    tau : Prior, optional
        Prior on the between-study standard deviation; the scale's default when None.

    Notes
    -----
    delta ~ Uniform(-1, 1), close to the reference prior. `skewness` is the third standardised moment of the true
    effects, between -0.995 and 0.995.

    The scale's priors stand on mu and tau as in `RandomEffects`, since both keep their meaning whatever the skewness.

    References
    ----------
    Azzalini 1985, Scandinavian J. Statistics 12:171; Lee & Thompson 2008, Statistics in Medicine 27:418,
    10.1002/sim.2897; for the prior Bayes & Branco 2007, Brazilian J. Probability and Statistics 21:141.
    """

    kind_in_files: ClassVar[str] = "skew-normal"
    purpose: ClassVar[str] = "true effects that lie further out on one side"
    always_needs: ClassVar[frozenset[str]] = frozenset({SKEWED})
    label: ClassVar[str] = "skew-normal random effects"
    mu: Prior | None = None
    tau: Prior | None = None

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return (
            "y_i ~ Normal(theta_i, se_i)",
            "theta_i ~ SkewNormal(mean = mu, sd = tau, delta)",
            *self.prior_statement(),
            "delta ~ Uniform(-1, 1)",
        )


@final
@dataclass(frozen=True)
class ContaminatedRandomEffects(Assumption):
    """Random effects with outliers: theta_i ~ (1 - pi) Normal(mu, tau) + pi Normal(mu, sqrt(tau^2 + tau_out^2)).

    Every study has a probability of being an outlier, ``result["outlier[Hart & Sutherland 1977]"].point``, and an
    outlier moves `mu` less.

    Attributes
    ----------
    mu : Prior, optional
        Prior on the mean effect; the scale's default when None.
    tau : Prior, optional
        Prior on the standard deviation between studies that are no outliers; the scale's default when None.
    tau_out : Prior, optional
        Proper prior on the standard deviation that outliers have on top; twice as wide as the scale's default for
        tau when None.
    pi : Prior
        Prior on the share of outliers, ``Beta(1, 9)`` or ``Uniform(0, 0.5)``. With the default each study is one with
        probability 0.1.

    Notes
    -----
    Beta(1, 9) expects one study in ten to be an outlier and most often fewer. tau_out is twice as wide as tau, since
    outliers differ by more than studies differ among themselves.

    References
    ----------
    Beath 2014, Research Synthesis Methods 5:285, 10.1002/jrsm.1114; Lee & Thompson 2008, Statistics in Medicine
    27:418, 10.1002/sim.2897.
    """

    kind_in_files: ClassVar[str] = "contaminated"
    purpose: ClassVar[str] = "a few studies that may be unlike the others"
    always_needs: ClassVar[frozenset[str]] = frozenset({OUTLYING})
    label: ClassVar[str] = "random effects with outliers"
    tau_is_sd: ClassVar[bool] = False  # it is that of the studies that are no outliers
    of_scale: ClassVar[tuple[str, ...]] = ("mu", "tau", "tau_out")
    own_priors: ClassVar[tuple[str, ...]] = ("pi",)
    mu: Prior | None = None
    tau: Prior | None = None
    tau_out: Prior | None = None
    pi: Prior = DEFAULT_PI

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tau_out is not None:
            _check_proper(self.tau_out, "tau_out", "HalfNormal(1)")
        if not isinstance(self.pi, Beta | Uniform) or self.pi.upper > 1.0:
            raise ModelError(f"pi has the prior {self.pi!r}", "a prior on a share", "Beta(1, 9) or Uniform(0, 0.5)")

    def resolved(self, effects: Effects) -> ContaminatedRandomEffects:
        """The same model with every prior explicit for this scale of effect."""
        out = tau_prior(self.tau_out, effects, self, "tau_out")
        return replace(super().resolved(effects), tau_out=out.scaled(OUT_WIDER) if self.tau_out is None else out)

    def statement(self) -> tuple[str, ...]:
        """The generative statement, a line each."""
        return (
            "y_i ~ Normal(theta_i, se_i)",
            "theta_i ~ Normal(mu, sqrt(tau^2 + z_i tau_out^2)), z_i ~ Bernoulli(pi)",
            f"mu ~ {self.mu or DEFAULT}",
            f"tau ~ {self.tau or DEFAULT}",
            f"tau_out ~ {self.tau_out or f'{DEFAULT} for tau, twice as wide'}",
            f"pi ~ {self.pi}",
        )


def _check_proper(prior: object, name: str, advice: str) -> None:
    if not (isinstance(prior, Prior) and prior.positive and prior.proper):
        raise ModelError(f"{name} has the prior {prior!r}", "a proper prior on [0, inf)", advice)
