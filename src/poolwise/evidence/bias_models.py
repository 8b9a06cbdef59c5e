"""The models of publication bias that an average is taken over: named sets, and lists of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast, final, get_args

import numpy as np

from poolwise.effects import Effects
from poolwise.errors import ModelError, listing, nearest, shown
from poolwise.model import PEESE, PET, RandomEffects, StepSelection
from poolwise.model.publication import NOT_SAID, Direction, Publication, check_direction, check_selected, unit_of
from poolwise.priors import InverseGamma, Normal, Prior
from poolwise.selection.intervals import bare
from poolwise.settings import as_number

BiasSet = Literal["PSMA", "2w", "6w", "PP"]
BiasModel = StepSelection | PET | PEESE | None
MOST_FREE = 4
TAU_SHAPE, TAU_SCALE = 1.0, 0.15
TWO_SIDED = ((0.05,), (0.05, 0.10))
ONE_SIDED = ((0.05,), (0.025, 0.05), (0.05, 0.5), (0.025, 0.05, 0.5))


@final
@dataclass(frozen=True)
class Bias:
    """One way in which publication may be biased, or none.

    Attributes
    ----------
    name : str
        Words: ``"none"``, ``"one-sided (.025, .05)"``, ``"PET"``.
    kind : {"none", "selection", "PET", "PEESE"}
    model : StepSelection, PET, PEESE or None
    share : float
        Prior probability, over all models with this bias.
    """

    name: str
    kind: str
    model: BiasModel
    share: float

    @property
    def publication(self) -> Publication | None:
        """What it states of the probability of publication; None without selection."""
        return None if self.model is None else self.model.publication

    @property
    def slope(self) -> PET | PEESE | None:
        """The model in which estimates grow with their standard errors; None without one."""
        return self.model if isinstance(self.model, PET | PEESE) else None


NO_BIAS = Bias("none", "none", None, 1.0)


def biases(bias: object, direction: Direction) -> tuple[Bias, ...]:
    """The biases of a named set or of a list, each with its prior probability.

    Parameters
    ----------
    bias : str or sequence
        ``"PSMA"``, ``"6w"``, ``"2w"``, ``"PP"``, or models, None among them for no bias.
    direction : {"positive", "negative"}

    Returns
    -------
    tuple of Bias

    Raises
    ------
    ModelError
        For an unknown set, what is no model of bias, more free weights than quadrature can take.

    Notes
    -----
    Half of the prior probability has no bias, so that the inclusion Bayes factor of bias is the posterior odds. PSMA
    gives the other half in equal parts to six step functions together and to PET and PEESE together, as RoBMA 3 does,
    with whose answers people compare; a list is weighted equally among its biases.

    References
    ----------
    Bartoš, Maier, Wagenmakers, Doucouliagos & Stanley 2023, Research Synthesis Methods 14:99, 10.1002/jrsm.1594; Maier,
    Bartoš & Wagenmakers 2023, Psychological Methods, 10.1037/met0000405.
    """
    if isinstance(bias, str):
        if bias not in get_args(BiasSet):
            raise ModelError(
                f"there is no set of models of bias {bias!r}",
                f"{listing(get_args(BiasSet))}, a list of models, or None",
                nearest(bias, get_args(BiasSet)),
            )
        return _named(cast(BiasSet, bias), direction)
    if not isinstance(bias, Sequence) or len(bias) == 0:
        raise ModelError(
            f"bias = {shown(bias)}",
            "the name of a set, or a list of models of bias with None for no bias among them",
            'bias="PSMA", or bias=[None, pw.StepSelection((0.025,), direction="positive")]',
        )
    models = [_checked(model, direction) for model in bias]
    if not any(model is not None for model in models):
        raise ModelError("the list of biases holds no model of bias", "a model beside None", 'bias="PSMA"')
    others = sum(model is not None for model in models)
    none = len(models) - others
    if none > 1 or any(a == b for i, a in enumerate(models) for b in models[:i]):
        raise ModelError("the list of biases holds a model twice", "each model of bias once")
    half = 0.5 if none else 1.0
    return tuple(_bias(model, 0.5 if model is None else half / others) for model in models)


def needs_direction(bias: object) -> bool:
    """Whether the answer depends on the direction: not where all steps are two-sided."""
    if isinstance(bias, str):
        return bias != "2w"
    if not isinstance(bias, Sequence):
        return True
    return any(model is not None and not (isinstance(model, StepSelection) and model.sides == 2) for model in bias)


def _named(name: BiasSet, direction: Direction) -> tuple[Bias, ...]:
    steps: list[BiasModel] = []
    slopes: list[BiasModel] = []
    if name != "PP":
        steps += [StepSelection(cuts, sides=2, direction=direction) for cuts in TWO_SIDED]
    if name in ("PSMA", "6w"):
        steps += [StepSelection(cuts, direction=direction) for cuts in ONE_SIDED]
    if name in ("PSMA", "PP"):
        slopes = [PET(direction=direction), PEESE(direction=direction)]
    parts = [part for part in (steps, slopes) if part]
    shares = [(model, 0.5 / len(parts) / len(part)) for part in parts for model in part]
    return (_bias(None, 0.5), *(_bias(model, share) for model, share in shares))


def _bias(model: BiasModel, share: float) -> Bias:
    if model is None:
        return Bias("none", "none", None, share)
    publication = model.publication
    if publication is not None and publication.intervals is not None:
        cuts = ", ".join(map(bare, publication.intervals.steps.tolist()))
        known = "" if publication.known is None else f" = {listing(f'{w:g}' for w in publication.known)}"
        return Bias(f"{'one' if publication.sides == 1 else 'two'}-sided ({cuts}){known}", "selection", model, share)
    prior = model.named_priors["b"]
    own = "" if prior is None else f", b ~ {prior}"
    return Bias(f"{type(model).__name__}{own}", type(model).__name__, model, share)


def _checked(model: object, direction: Direction) -> BiasModel:
    if model is None:
        return None
    if not isinstance(model, StepSelection | PET | PEESE):
        raise ModelError(
            f"the list of biases holds {shown(model)}",
            "StepSelection, PET, PEESE, and None for no bias",
            "pw.fit for a weight function by itself",
        )
    if model.moderators is not None or model.mu is not None or model.tau is not None or model.tau_fixed is not None:
        raise ModelError(
            f"{model.label} in the list of biases has moderators or priors of its own on mu or tau",
            "the bias alone: each is joined with mu = 0 and mu unknown, tau = 0 and tau unknown",
            "average(effects, RandomEffects(mu=..., tau=...), bias=[...])",
        )
    two_sided = model.publication is not None and model.publication.sides == 2
    if not two_sided and model.direction not in (NOT_SAID, direction):
        raise ModelError(
            f"{model.label} is in the direction '{model.direction}', and the average in '{direction}'", "one direction"
        )
    _refuse_weights(model)
    return replace(model, direction=direction)


def _refuse_weights(model: StepSelection | PET | PEESE) -> None:
    """Refuse step weights that the quadrature does not know."""
    publication = model.publication
    if publication is None:
        return
    if publication.priors:
        raise ModelError(
            f"{model.label} has a prior of its own on each weight, and the quadrature knows weights that fall",
            "weights=None (falling, Dirichlet(1, ..., 1)) or known weights",
            "pw.fit(effects, model, pw.NUTS())",
        )
    if len(publication.free) > MOST_FREE:
        raise ModelError(
            f"{model.label} has {len(publication.free)} free weights: a lattice over them beside mu and tau would "
            "hold tens of millions of points",
            f"at most {MOST_FREE} free weights",
            "fewer steps, or pw.fit(effects, model, pw.NUTS())",
        )


def priors_for(effects: Effects, model: RandomEffects | None, unit: float | None) -> tuple[RandomEffects, float | None]:
    """The priors on mu and tau, explicit, and the unit of the effects where it is known.

    Parameters
    ----------
    effects : Effects
    model : RandomEffects or None
    unit : float or None
        What one standard deviation is in the unit of the effects; the scale's own when None.

    Raises
    ------
    ModelError
        When a default is needed and no unit is known.

    Notes
    -----
    Normal(0, 1) on mu and InverseGamma(1, 0.15) on tau are those of RoBMA 3 on standardised mean differences, with
    whose answers people compare. They are multiplied by the unit of the effects: 2 for log ratios, 0.5 for Fisher's z.

    References
    ----------
    Bartoš, Maier, Wagenmakers, Doucouliagos & Stanley 2023, Research Synthesis Methods 14:99, 10.1002/jrsm.1594.
    """
    model = RandomEffects() if model is None else model
    known = unit_of(effects)
    if unit is not None:
        if not 0.0 < as_number(unit) < np.inf:
            raise ModelError(f"unit = {shown(unit)}", "a finite number above 0", "unit=1.0 for standardised effects")
        known = float(unit)
    if (model.mu is None or model.tau is None) and known is None:
        raise ModelError(
            f"the default priors are for standardised effects, and the scale '{effects.scale}' has no known unit",
            "what one standard deviation is in the unit of the effects, or priors on mu and tau",
            "unit=12.5 where a standard deviation is 12.5 points, or RandomEffects(mu=..., tau=...)",
        )
    if known is not None:
        model = replace(
            model,
            mu=Normal(0.0, known) if model.mu is None else model.mu,
            tau=InverseGamma(TAU_SHAPE, TAU_SCALE * known) if model.tau is None else model.tau,
        )
    return model.resolved(effects), known


def prior_of_slope(model: PET | PEESE, effects: Effects, unit: float | None) -> Prior:
    """The prior of b: the model's own, or the default in the unit of the effects."""
    if model.b is not None:
        return model.b
    prior = model.slope_prior(unit)
    if prior is None:
        raise ModelError(
            f"PEESE has no prior for b, and the unit of the scale '{effects.scale}' is not known",
            "what one standard deviation is in the unit of the effects, or a prior",
            "unit=12.5 where a standard deviation is 12.5 points, or pw.PEESE(b=...) in a list",
        )
    return prior


def checked_table(effects: Effects, bias: object, direction: object) -> Direction:
    """Refuse a table on which selection means nothing; the direction."""
    check_selected(effects, "an average over models of publication bias")
    if not needs_direction(bias) and direction == NOT_SAID:
        return "positive"
    check_direction(direction)
    return cast(Direction, direction)
