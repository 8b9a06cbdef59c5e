"""Designs: how many studies a table has, and how precise they are."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from poolwise.effects import Effects
from poolwise.errors import InputError, ModelError, PoolwiseWarning, described
from poolwise.scale import Scale, as_scale
from poolwise.settings import as_numbers, check_memory, check_whole
from poolwise.simulate.characteristics.arms import Arms

Array = NDArray[np.float64]
EXAMPLE = "pw.simulate.Design(k=5, se=0.2)"
NUMBERS_OF_A_STUDY = 100  # its label and standard error, and those of tables that are drawn together


@final
@dataclass(frozen=True, eq=False)
class Design:
    """How many studies a table has and what standard errors they report: all that a simulation needs of a design.

    Attributes
    ----------
    k : int
        Number of studies, at least 2.
    se : float, sequence of float, or distribution
        Standard errors on the scale of the effects: one for all studies, one for each, or a law (a prior of this
        package such as ``priors.LogNormal``, or a frozen distribution of scipy.stats) from which every study of every
        table draws its own.
    scale : str or Scale
        Of the effects; what default priors belong to, and what tables and pictures are labelled with.
    label : str
        Words for tables; made of the rest when left out.

    Raises
    ------
    InputError
        For standard errors that are not above 0 or not k of them, and for what is no law.

    Notes
    -----
    The scale is SMD, that of the package's default priors, where nothing else is said.

    References
    ----------
    Morris, White & Crowther 2019, Statistics in Medicine 38:2074, 10.1002/sim.8086, for what a simulation states.

    Examples
    --------
    >>> Design(k=3, se=[0.1, 0.2, 0.3]).errors(np.random.default_rng(1), 2)
    array([[0.1, 0.2, 0.3],
           [0.1, 0.2, 0.3]])
    """

    k: int
    se: Any
    scale: str | Scale = "SMD"
    label: str = ""

    def __post_init__(self) -> None:
        check_whole("k", self.k, 2, 3, error=InputError)
        check_memory(f"a design of {self.k} studies", NUMBERS_OF_A_STUDY * self.k, "k=10")
        object.__setattr__(self, "scale", as_scale(self.scale))
        if not _is_law(self.se):
            object.__setattr__(self, "se", _checked(self.se, self.k))
        if not self.label:
            object.__setattr__(self, "label", f"k = {self.k}, {self._errors_in_words()}")

    @classmethod
    def of_sizes(cls, k: int, n: Any, *, unit: float = 2.0, scale: str | Scale = "SMD") -> Self:
        """The design of studies of these sizes: se = unit / sqrt(n).

        Parameters
        ----------
        k : int
        n : float or sequence of float
            Persons in each study, both arms together.
        unit : float
            Standard error of a study of one person.
        scale : str or Scale

        Notes
        -----
        The unit is 2 by default: a standardised mean difference of two arms of n / 2 persons has variance 4 / n, but
        for a term in its square.

        References
        ----------
        Hedges & Olkin 1985, Statistical Methods for Meta-Analysis, chapter 5, 10.1016/C2009-0-03396-0.
        """
        sizes = as_numbers("n", n)
        if not (np.isfinite(sizes).all() and (sizes > 0).all() and unit > 0):
            raise InputError(f"n holds {n!r}", "numbers of persons above 0", "n=[40, 80, 120]")
        return cls(k, unit / np.sqrt(sizes), scale, f"k = {k}, n = {_range(sizes)}")

    @classmethod
    def of(cls, effects: Effects) -> Self:
        """The design of a study table: its k and standard errors.

        Raises
        ------
        InputError
            For several effects of one study, or correlated sampling errors, which a simulation of independent studies
            would not have.
        """
        repeated = len(set(effects.study_as_given)) < effects.k
        if repeated or effects.covariance is not None:
            raise InputError(
                "the design has several effects of one study or correlated sampling errors",
                "one independent effect of each study",
                "effects.select(...), or a rule of pw.coding that brings them to one row for each study",
            )
        made_up = "" if effects.provenance == "reported" else f" ({effects.data_label})"
        return cls(effects.k, effects.se, effects.scale, f"{effects.title or f'{effects.k} studies'}{made_up}")

    @property
    def fixed(self) -> Array | None:
        """Standard errors that every table has, shape (k,); None when they are drawn."""
        return None if _is_law(self.se) else self.se

    @property
    def key(self) -> str:
        """What the design is, in short."""
        law = repr(self.se) if self.fixed is None else self.fixed.tolist()
        if hasattr(self.se, "dist"):  # of scipy.stats, whose objects do not tell their parameters
            law = f"{self.se.dist.name} {self.se.args} {self.se.kwds}"
        return f"k={self.k} se={law}"

    def errors(self, rng: np.random.Generator, count: int) -> Array:
        """Standard errors of this many tables, shape (count, k)."""
        if self.fixed is not None:
            return np.broadcast_to(self.fixed, (count, self.k)).copy()
        drawn = np.asarray(self.se.ppf(rng.random((count, self.k))), dtype=float)
        if not (np.isfinite(drawn).all() and (drawn > 0).all()):
            raise InputError(
                f"the law {_law_in_words(self.se)} gives standard errors that are not above 0", "a law on (0, inf)"
            )
        return drawn

    def example(self) -> Effects:
        """A table of this design, all of whose estimates are 0: what models and engines are checked against."""
        se = self.errors(np.random.default_rng(0), 1)[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoolwiseWarning)  # rows alike are meant
            return Effects(np.zeros(self.k), se=se, scale=self.scale, provenance="simulated")

    def _errors_in_words(self) -> str:
        return f"se ~ {_law_in_words(self.se)}" if self.fixed is None else f"se = {_range(self.fixed)}"


def as_designs(given: Any) -> dict[str, Design | Arms]:
    """Designs by label: of one design or study table, or of several by names of the caller's."""
    if isinstance(given, Mapping):
        if not given:
            raise InputError("no design is given", "a design or more", EXAMPLE)
        return {name: _as_design(one) for name, one in named("design", given).items()}
    design = _as_design(given)
    return {design.label: design}


def named(what: str, given: Mapping[Any, Any]) -> dict[str, Any]:
    """What is given under names, as text.

    Raises
    ------
    ModelError
        For two names that are the same text.
    """
    out = {str(name): one for name, one in given.items()}
    if len(out) < len(given):
        raise ModelError(f"two {what}s have one name: {', '.join(map(repr, given))}", "a name of its own for each")
    return out


def _as_design(given: Any) -> Design | Arms:
    if isinstance(given, Design | Arms):
        return given
    if isinstance(given, Effects):
        return Design.of(given)
    raise InputError(
        f"the design is {described(given)}",
        "an Effects (its k and standard errors), a Design, Arms, or several of them by name",
        EXAMPLE,
    )


def _is_law(se: Any) -> bool:
    return callable(getattr(se, "ppf", None))


def _checked(se: Any, k: int) -> Array:
    values = np.atleast_1d(as_numbers("se", se))
    if len(values) == 1:
        values = np.repeat(values, k)
    if values.shape != (k,):
        raise InputError(f"se has shape {values.shape}", f"one number, or {k}", EXAMPLE)
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError(f"se holds {values[~(values > 0)].tolist() or values.tolist()}", "numbers above 0", EXAMPLE)
    return values


def _law_in_words(law: Any) -> str:
    if not hasattr(law, "dist"):
        return str(law)
    return f"{law.dist.name}({', '.join(f'{x:g}' for x in (*law.args, *law.kwds.values()))})"


def _range(values: Array) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
