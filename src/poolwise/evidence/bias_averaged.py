"""What an average over models of publication bias has to say: models, inclusion, two kinds of posteriors, draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from poolwise import reading, show
from poolwise.arviz_bridge import to_datatree
from poolwise.effects import Effects
from poolwise.errors import listing
from poolwise.evidence.bias_average import Component, Mixer, interval_of
from poolwise.evidence.comparison import BayesFactor, factor_row, inclusion
from poolwise.evidence.named_posteriors import NamedPosteriors, told_on
from poolwise.model import RandomEffects
from poolwise.model.publication import Direction
from poolwise.quantities import Posterior
from poolwise.selection.intervals import interval_names
from poolwise.settings import NUMBERS_OF_A_DRAW, SMALL_K, check_memory, check_whole

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]
HALF = 0.25  # the middle of one-sided p-values in the wanted direction
NEAR = 0.005  # of z: the rounding of an estimate and a standard error with two decimals or so
LARGE = 1e-3  # relative numerical error of a Bayes factor that is worth a sentence


@final
@dataclass(frozen=True, eq=False, repr=False)
class BiasAveraged(NamedPosteriors):
    """Models with and without an effect, heterogeneity and publication bias of one study table, together.

    ``averaged["mu"]`` is the posterior over all models, with a point mass at 0 where many of them put mu;
    ``conditional["mu"]`` leaves those out: how large the effect is if there is one. Neither stands for the other.

    Attributes
    ----------
    effects : Effects
    model : RandomEffects
        The priors on mu and tau where they are unknown, explicit.
    bias : str
        Words for the set of biases: ``"PSMA"``, ``"a list"``.
    direction : {"positive", "negative"}
        In which direction results are likelier to be published.
    unit : float or None
        What one standard deviation is in the unit of the effects, by which default priors were multiplied.
    components : tuple of Component
        The models.
    log_posterior : ndarray
        Natural logarithms of their posterior probabilities, shape (m,).
    inclusion : mapping of str to BayesFactor
        ``effect``, ``heterogeneity``, ``bias``, ``selection``, ``PET-PEESE``: posterior over prior odds of the models
        that have it, on the log scale.
    cuts : ndarray
        One-sided p-values at which any step function changes, shape (c,).
    averaged : mapping of str to Posterior
        ``mu``, ``tau``, ``theta_new``, ``omega[...]`` of the common intervals, ``PET``, ``PEESE``, over all models.
    conditional : mapping of str to Posterior
        mu and theta_new given an effect, tau given heterogeneity, the weights given selection, the slopes given PET or
        PEESE.
    numerical_error : float
        Largest relative error that quadrature can have made in an inclusion Bayes factor, from the estimated errors of
        the evidences.

    References
    ----------
    Bartoš, Maier, Wagenmakers, Doucouliagos & Stanley 2023, Research Synthesis Methods 14:99, 10.1002/jrsm.1594; Maier,
    Bartoš & Wagenmakers 2023, Psychological Methods, 10.1037/met0000405.
    """

    called: ClassVar[str] = "this average"
    exactly: ClassVar[str] = "p_exactly"
    effects: Effects
    model: RandomEffects
    bias: str
    direction: Direction
    unit: float | None
    components: tuple[Component, ...]
    log_posterior: Array
    inclusion: Mapping[str, BayesFactor]
    cuts: Array
    averaged: Mapping[str, Posterior]
    conditional: Mapping[str, Posterior]
    numerical_error: float

    def posteriors(self) -> Mapping[str, Posterior]:
        """What is averaged over all models."""
        return self.averaged

    @property
    def probabilities(self) -> Array:
        """Posterior probabilities of the models, which sum to 1, shape (m,)."""
        return np.exp(self.log_posterior)

    @cached_property
    def models(self) -> pd.DataFrame:
        """The models, a row each.

        Columns bias, effect and random (whether mu and tau are unknown), prior, log_evidence, error (estimated relative
        error of the evidence), posterior, log10_posterior (finite where the probability rounds to 0).
        """
        rows = [
            {
                "bias": component.bias.name,
                "effect": component.effect,
                "random": component.random,
                "prior": component.prior,
                "log_evidence": component.log_evidence,
                "error": component.error,
                "posterior": math.exp(log),
                "log10_posterior": log / math.log(10.0),
            }
            for component, log in zip(self.components, self.log_posterior.tolist(), strict=True)
        ]
        return pd.DataFrame(rows)

    @property
    def bayes_factors(self) -> pd.DataFrame:
        """The inclusion Bayes factors, a row each, with the prior and posterior probability of what is asked about."""
        frame = self.models
        rows = []
        for name, factor in self.inclusion.items():
            inside = having(name, self.components)
            shares = {
                "prior": frame["prior"][inside].sum() / frame["prior"].sum(),
                "posterior": frame["posterior"][inside].sum(),
            }
            rows.append(factor_row(name, factor) | shares)
        return pd.DataFrame(rows)

    def to_frame(self, *, prob: float = 0.95) -> pd.DataFrame:
        """Averaged and conditional posteriors side by side, two rows for each quantity, on the analysis scale.

        Parameters
        ----------
        prob : float
            Probability of the equal-tailed intervals.

        Returns
        -------
        DataFrame
            Columns quantity, posterior (over which models), point (median), mean, sd, lower, upper, prob, interval (its
            kind), p_below, p_exactly, p_above (probabilities of values below, at and above the value that the other
            models state: 0, or a weight of 1), prior, data.

        Raises
        ------
        ModelError
            When `prob` is no probability.
        """
        over = {name: given(name) for name in self.averaged}
        return self.frame_of(prob, f"averaged over {len(self.components)} models", over)

    def draws(self, n: int = 4000, seed: int = 1) -> pd.DataFrame:
        """Exact independent draws from the average over all models.

        Parameters
        ----------
        n : int
            How many.
        seed : int

        Returns
        -------
        DataFrame
            A row for each draw: model (row of `models`), mu, tau, theta_new, a column for each weight, PET, PEESE. What
            a model states is exactly 0, or a weight of 1.

        Notes
        -----
        4,000 draws have a Monte Carlo error of a mean of 1.6 % of its sd; seed 1 makes them the same each time.

        References
        ----------
        Hoeting, Madigan, Raftery & Volinsky 1999, Statistical Science 14:382, 10.1214/ss/1009212519.
        """
        size = check_whole("n", n, 1, 4000)
        check_memory(f"{size} draws", size * (NUMBERS_OF_A_DRAW + len(self.averaged)), "n=4000")
        rng = np.random.default_rng(check_whole("seed", seed, 0, 1))
        probability = self.probabilities
        which = rng.choice(len(probability), size=size, p=probability / probability.sum())
        columns = {name: np.ones(size) if name.startswith("omega") else np.zeros(size) for name in self.averaged}
        for at in np.unique(which):
            mine = np.flatnonzero(which == at)
            self._fill(columns, self.components[at], mine, rng)
        return pd.DataFrame({"model": which} | columns)

    def _fill(
        self, columns: dict[str, Array], component: Component, mine: NDArray[np.intp], rng: np.random.Generator
    ) -> None:
        drawn = component.drawn(len(mine), rng)
        sign = -1.0 if self.direction == "negative" else 1.0
        columns["mu"][mine], columns["tau"][mine] = sign * drawn.mu, drawn.tau
        columns["theta_new"][mine] = sign * (drawn.mu + drawn.tau * rng.standard_normal(len(mine)))
        if component.bias.kind in columns:
            columns[component.bias.kind][mine] = drawn.rest[:, 0]
        publication = component.bias.publication
        if publication is None:
            return
        known = publication.known
        for place, name in enumerate(omega_names(self.cuts)):
            at = interval_of(publication, place, self.cuts)
            if at > 0:
                columns[name][mine] = known[at] if known is not None else drawn.rest[:, at - 1]

    def to_datatree(self, *, chains: int = 4, draws: int = 1000, seed: int = 1) -> xr.DataTree:
        """Exact draws as an ``xarray.DataTree`` that ArviZ accepts.

        Parameters
        ----------
        chains, draws : int
            The shape of the draws, which are independent all the same.
        seed : int

        Returns
        -------
        xarray.DataTree
            Group ``posterior``: mu, tau, theta_new, omega by interval of p, PET, PEESE, model; ``observed_data``.
        """
        chains, draws = check_whole("chains", chains, 1, 4), check_whole("draws", draws, 1, 1000)
        frame = self.draws(chains * draws, seed)
        names = [name for name in frame.columns if not name.startswith("omega")]
        posterior: dict[str, NDArray] = {name: frame[name].to_numpy().reshape(chains, draws) for name in names}
        coords: dict[str, list[str]] = {"study": list(self.effects.labels)}
        weights = omega_names(self.cuts) if len(self.cuts) else ()
        if weights:
            posterior["omega"] = frame[list(weights)].to_numpy().reshape(chains, draws, -1)
            coords["interval"] = [name.removeprefix("omega[").removesuffix("]") for name in weights]
        data = {"y": self.effects.y, "se": self.effects.se}
        return to_datatree(
            {"posterior": posterior, "observed_data": data},
            coords=coords,
            dims={"omega": ("interval",), "y": ("study",), "se": ("study",)},
            attrs={"prior": self.prior, "direction": self.direction, "data": self.data_label},
        )

    @property
    def near_cuts(self) -> tuple[str, ...]:
        """The studies whose z lies within rounding of a step, so that a digit decides in which interval they are."""
        z = (-1.0 if self.direction == "negative" else 1.0) * self.effects.y / self.effects.se
        near = (np.abs(z[:, None] + ndtri(self.cuts)) < NEAR).any(axis=1)
        return tuple(label for label, close in zip(self.effects.labels, near, strict=True) if close)

    def unknown_before(self, name: str) -> float:
        """The prior probability of the models that leave mu, or tau, unknown."""
        prior = self.models["prior"].to_numpy()
        inside = having("effect" if name == "mu" else "heterogeneity", self.components)
        return float(prior[inside].sum() / prior.sum())

    @property
    def sentences(self) -> tuple[str, ...]:
        """What there is to say, a sentence each."""
        return _sentences(self)

    @property
    def of_mu(self) -> tuple[str, str]:
        """A sentence on mu over all models, with the share that has no effect, and one on mu given an effect."""
        return _of_mu(self)

    @property
    def verdict(self) -> str:
        """How much of the posterior has no effect, and how large the effect is if there is one."""
        return " ".join(self.of_mu)

    def __str__(self) -> str:
        """The verdict, wrapped to the width of the terminal."""
        return show.wrapped(show.greek(sentence) for sentence in self.of_mu)

    def __repr__(self) -> str:
        """One line: the inclusion Bayes factors, studies, direction."""
        factors = "; ".join(f"{name} {factor.text}" for name, factor in self.inclusion.items())
        return (
            f"<BiasAveraged over {len(self.components)} models: inclusion Bayes factors {factors}; "
            f"k = {self.effects.k}, direction {self.direction}>"
        )

    def _repr_html_(self) -> str:
        """Averaged and conditional posteriors side by side, and the sentences, compact."""
        return show.card(
            f"Average over {len(self.components)} models of effect, heterogeneity and publication bias",
            answer=reading.sentence(self.effects, "mu", self["mu"]),
            facts=(
                self.effects.title,
                f"k = {self.effects.k}",
                f"direction {self.direction}",
                "credible (equal-tailed)",
            ),
            header=("quantity", "posterior", "median", "95 % interval", "P(exactly 0, or weight 1)"),
            rows=self.rows_in_words(),
            strips=self.strips(),
            notes=(f"table: {self.effects.scale.label}; prior: {show.prior(self.prior)}", *self.sentences),
        )


def having(name: str, components: tuple[Component, ...]) -> NDArray[np.bool_]:
    """Which models have what an inclusion Bayes factor asks about, shape (m,)."""
    match name:
        case "effect":
            return np.array([component.effect for component in components])
        case "heterogeneity":
            return np.array([component.random for component in components])
        case "bias":
            return np.array([component.bias.kind != "none" for component in components])
        case "PET-PEESE":
            return np.array([component.bias.kind in ("PET", "PEESE") for component in components])
        case _:
            return np.array([component.bias.kind == name for component in components])


def omega_names(cuts: Array) -> tuple[str, ...]:
    """Names of the weights of the common intervals of one-sided p; none without steps."""
    return tuple(f"omega[{name}]" for name in interval_names(cuts.tolist())) if len(cuts) else ()


def given(name: str) -> str:
    """Which models a conditional posterior is over, in words."""
    if name == "tau":
        return "given heterogeneity"
    if name in ("mu", "theta_new"):
        return "given an effect"
    return "given selection" if name.startswith("omega") else f"given {name}"


def quantities(
    components: tuple[Component, ...], log_posterior: Array, cuts: Array, *, given: bool = False
) -> dict[str, Posterior]:
    """Posteriors of every quantity over all models, or each over those that have what it is about.

    Parameters
    ----------
    components : tuple of Component
    log_posterior : ndarray
        Log posterior probabilities of the models, shape (m,).
    cuts : ndarray
        One-sided p-values at which any step function changes.
    given : bool
        Whether each is over the models alone that leave it unknown.
    """
    mixer = Mixer(components[0].problem, components, log_posterior)
    every = np.ones(len(components), dtype=bool)
    kinds = {component.bias.kind for component in components}

    def among(name: str) -> NDArray[np.bool_]:
        return having(name, components) if given else every

    made = {
        "mu": mixer.mu(among("effect")),
        "tau": mixer.tau(among("heterogeneity")),
        "theta_new": mixer.theta_new(among("effect")),
    }
    for place, name in enumerate(omega_names(cuts)):
        made[name] = mixer.omega(place, cuts, among("selection"))
    for kind in ("PET", "PEESE"):
        if kind in kinds:
            made[kind] = mixer.slope(kind, among(kind))
    return made


def _sentences(averaged: BiasAveraged) -> tuple[str, ...]:
    """All that an average has to say, a sentence each: no effect, and given an effect, first."""
    said = [*_of_mu(averaged)]
    said += [_inclusion(name, factor, averaged) for name, factor in averaged.inclusion.items()]
    said.append(
        f"Averaged over all models, tau{told_on(averaged.effects.scale)} {averaged.told('tau', averaged['tau'])}; "
        f"given heterogeneity it {averaged.told('tau', averaged.conditional['tau'])}."
    )
    names = omega_names(averaged.cuts)
    if names:
        last = names[int(np.searchsorted(averaged.cuts, HALF))]
        weight = averaged.conditional[last]
        cut = last.removeprefix("omega[").removesuffix("]")
        said.append(
            f"Given selection, the relative probability of publication of a result with {cut} (one-sided) against "
            f"{names[0].removeprefix('omega[').removesuffix(']')} {averaged.told(last, weight)}."
        )
    said += _caveats(averaged)
    return tuple(map(show.prior, said))


def _of_mu(averaged: BiasAveraged) -> tuple[str, str]:
    effect = having("effect", averaged.components)
    null, mean = float(averaged.probabilities[~effect].sum()), averaged.mean_words
    return (
        f"Averaged over {len(averaged.components)} models, of which {show.percent(null)} of the posterior weight has "
        f"no effect, {mean} {averaged.told('mu', averaged['mu'])}.",
        f"Given an effect, {mean} {averaged.told('mu', averaged.conditional['mu'])}: how large it is if there is one, "
        "adjusted under these models, which does not say whether there is one.",
    )


def _caveats(averaged: BiasAveraged) -> list[str]:
    said = [
        f"All of it depends on the priors ({averaged.prior}; half of the models' prior probability has no bias) and on "
        f"the direction in which results are likelier to be published ({averaged.direction}), which is stated and not "
        "found."
    ]
    k, near = averaged.effects.k, averaged.near_cuts
    if k < 2 * SMALL_K:
        said.append(
            f"With k = {k} the data say little of selection: Bayes factors near 1 show that, and no absence of bias."
        )
    if near:
        said.append(f"A digit decides in which interval of p-values these studies lie: {listing(near)}.")
    if averaged.numerical_error > LARGE:
        said.append(
            f"Quadrature may have erred by {averaged.numerical_error:.1g} of a Bayes factor, more than usual: the "
            "posterior of a model has an odd shape here."
        )
    return said


def _inclusion(name: str, factor: BayesFactor, averaged: BiasAveraged) -> str:
    inside = having(name, averaged.components)
    prior = np.array([component.prior for component in averaged.components])
    before, after = float(prior[inside].sum() / prior.sum()), float(averaged.probabilities[inside].sum())
    return inclusion(show.capital(name), factor, name, before, after)
