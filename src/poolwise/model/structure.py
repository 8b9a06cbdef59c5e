"""What a model states whose true effects are normal given its standard deviations: one noun for all of them.

Row i of a study table has y = theta + e and theta = X beta + u_1 + u_2 + ..., where e ~ Normal(0, V), V known, and each
layer of random effects u gives the rows of one group a draw in common. Given the parameters (the standard deviations,
what scales them, and correlations) everything is jointly normal. Engines, moments, tables, trees and simulators read
this record and need not know which class the model is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from poolwise.design import Design
from poolwise.effects import Effects
from poolwise.model.missing_levels import MissingLevels
from poolwise.model.uncertain import Uncertain
from poolwise.priors import Fixed, Prior, RegularizedHorseshoe

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Parameters = Mapping[str, Array]
DUST = 1e-9  # of a column's largest number: what rounding leaves of one that is constant within groups


@final
@dataclass(frozen=True, eq=False)
class Layer:
    """Random effects of n rows: u_i = sd_i z[group of i], z ~ Normal(0, 1).

    Attributes
    ----------
    sds : tuple of str
        Names of the standard deviations: ``("tau",)``, or one for each subgroup or outcome.
    which : ndarray of int
        The place in `sds` of each row's standard deviation, shape (n,).
    group : ndarray of int
        Which draw each row has, shape (n,), from 0 in order of appearance.
    scale : ndarray, optional
        Centred moderators of the logarithm of the standard deviation, shape (n, r): sd_i = sd exp(scale_i gamma).
    gammas : tuple of str
        Names of their coefficients, length r.
    root : str
        Where a group has a draw for each of the m standard deviations, z ~ Normal(0, R): name of the Cholesky factor
        of R, shape (m, m); empty where it has one draw.
    eta : float
        Shape of the LKJ prior of R.
    terms : tuple of str
        Names of the draws, where a result has them.
    """

    sds: tuple[str, ...]
    which: Ints
    group: Ints
    scale: Array | None = None
    gammas: tuple[str, ...] = ()
    root: str = ""
    eta: float = 1.0
    terms: tuple[str, ...] = ()

    @property
    def uniform(self) -> bool:
        """Whether all rows have the same standard deviation."""
        return len(self.sds) == 1 and self.scale is None

    @property
    def correlations(self) -> tuple[str, ...]:
        """Names of the correlations in R, ``"cor[pain,sleep]"``, those of its lower triangle row by row."""
        inner = [name.partition("[")[2].removesuffix("]") for name in self.sds] if self.root else []
        return tuple(f"cor[{inner[j]},{inner[i]}]" for i in range(len(inner)) for j in range(i))

    def shared(self, rows: Ints) -> bool:
        """Whether any two of these rows belong to one group."""
        return len(np.unique(self.group[rows])) < len(rows)

    def stands_for(self, columns: Array, rows: Ints) -> int:
        """How many linearly independent combinations of columns are effects that these rows could have in this layer.

        As the standard deviation of the effects grows, the rows tell nothing of such combinations: they are constant
        within every group and 0 in all other rows.

        Parameters
        ----------
        columns : ndarray
            Linearly independent ones of a design, shape (k, q).
        rows : ndarray of int
            Those whose effects have one standard deviation.
        """
        if columns.shape[1] == 0:
            return 0
        scaled = columns / np.maximum(np.abs(columns).max(axis=0), np.finfo(float).tiny)
        group, sizes = np.unique(self.group[rows], return_inverse=True, return_counts=True)[1:]
        means = np.stack([np.bincount(group, column) for column in scaled[rows].T], axis=1) / sizes[:, None]
        rest = scaled.copy()
        rest[rows] -= means[group]
        return int(np.linalg.matrix_rank(scaled, tol=DUST) - np.linalg.matrix_rank(rest, tol=DUST))

    def spread(self, parameters: Parameters) -> Array:
        """Standard deviation of each row's effect, shape (N, n), or (N, 1) where all rows have the same.

        Parameters
        ----------
        parameters : mapping of str to ndarray
            At N draws, shape (N,).
        """
        if self.uniform:
            return np.asarray(parameters[self.sds[0]])[:, None]
        sd = np.stack([parameters[name] for name in self.sds], axis=-1)[:, self.which]
        if self.scale is None:
            return sd
        gamma = np.stack([parameters[name] for name in self.gammas], axis=-1)
        with np.errstate(over="ignore"):
            return np.asarray(sd * np.exp(gamma @ self.scale.T))

    def at(self, rows: Ints, group: Ints | None = None) -> Layer:
        """The layer of some of its rows; in other groups if told."""
        scale = None if self.scale is None else self.scale[rows]
        return replace(
            self, which=self.which[rows], group=self.group[rows] if group is None else group, scale=scale
        )  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class Errors:
    """Known covariance V of the sampling errors.

    Attributes
    ----------
    v : ndarray
        Variances, shape (k,).
    covariance : ndarray, optional
        V, shape (k, k), where the study table has one.
    cluster : ndarray of int, optional
        Rows whose errors correlate by `rho`, shape (k,); None where all are independent.
    rho : float
    """

    v: Array
    covariance: Array | None = None
    cluster: Ints | None = None
    rho: float = 0.0

    @classmethod
    def of(cls, effects: Effects, cluster: Ints | None = None, rho: float = 0.0) -> Errors:
        """Those of a study table: as known, or correlated by rho within clusters."""
        if effects.covariance is not None:
            return cls(effects.v, covariance=effects.covariance)
        return cls(effects.v, cluster=cluster if rho else None, rho=float(rho))

    @property
    def independent(self) -> bool:
        """Whether no errors correlate."""
        return self.covariance is None and self.cluster is None

    def among(self, rows: Ints) -> Array:
        """The covariance of some rows, shape (n, n)."""
        if self.covariance is not None:
            return np.array(self.covariance[np.ix_(rows, rows)])
        if self.cluster is None:
            return np.diag(self.v[rows])
        se, cluster = np.sqrt(self.v[rows]), self.cluster[rows]
        same = np.where(np.eye(len(rows)) == 1.0, 1.0, self.rho * (cluster[:, None] == cluster))
        return np.outer(se, se) * same

    def at(self, rows: Ints) -> Errors:
        """Of some rows."""
        covariance = None if self.covariance is None else self.covariance[np.ix_(rows, rows)]
        return Errors(self.v[rows], covariance, None if self.cluster is None else self.cluster[rows], self.rho)


@final
@dataclass(frozen=True, eq=False)
class Exchangeable:
    """Parameters that come from one normal distribution with an unknown spread.

    Attributes
    ----------
    names : tuple of str
        Each is Normal(centre, spread), or its logarithm Normal(log centre, spread).
    centre : str
        Name of the parameter that they are about; empty for 0.
    spread : str
        Name of their standard deviation.
    log : bool
        Whether it is their logarithms.
    """

    names: tuple[str, ...]
    centre: str
    spread: str
    log: bool = False


@final
@dataclass(frozen=True, eq=False)
class NewStudies:
    """True effects of studies that the table does not have: theta = X beta + layers, like those of the table.

    Attributes
    ----------
    names : tuple of str
        ``"theta_new"``, or one for each subgroup or outcome; length m.
    X : ndarray
        Shape (m, p).
    layers : tuple of Layer
        Of m rows.
    """

    names: tuple[str, ...]
    X: Array
    layers: tuple[Layer, ...]


@final
@dataclass(frozen=True, eq=False)
class Units:
    """Rows that are independent of all others given the parameters: what leave-one-out leaves out.

    Attributes
    ----------
    word : str
        What a unit is: ``"study"`` where every row is one, ``"cluster"``, ``"component"``, ``"block"``.
    names : tuple of str
        One for each.
    of : ndarray of int
        The unit of each row, shape (k,).
    """

    word: str
    names: tuple[str, ...]
    of: Ints

    @property
    def rows(self) -> tuple[Ints, ...]:
        """The rows of each unit."""
        order = np.argsort(self.of, kind="stable")
        return tuple(np.split(order, np.flatnonzero(np.diff(self.of[order])) + 1))


@final
@dataclass(frozen=True, eq=False)
class NormalStructure:
    """A model whose true effects are normal given its standard deviations, on a study table of k rows.

    Attributes
    ----------
    X : ndarray
        Design of the mean effects, shape (k, p).
    coefficients : tuple of str
        Names of the p coefficients: ``"mu"``, ``"beta[ablat]"``, ``"mu[school]"``, ``"u[lab: 3]"``.
        A result answers its question by those called mu, mu[...] or beta[...].
    layers : tuple of Layer
        What true effects are made of beside their means; empty for a common effect.
    errors : Errors
        Covariance of the sampling errors.
    priors : mapping of str to Prior
        Of every coefficient and parameter that has a prior of its own, as far as the model has them explicit.
    exchangeable : tuple of Exchangeable
        What has a prior in common instead.
    known : mapping of str to float
        Standard deviations that the model states.
    contrasts : mapping of str to ndarray
        Weights of the coefficients in other named combinations, shape (p,).
    new : NewStudies
        Those that a result names.
    units : Units
        Rows that are independent of one another given the parameters.
    groups : str
        What means or standard deviations of their own belong to: ``"outcome"``, ``"subgroup"``, ``"factor"``; empty
        where there is one of each.
    shares : mapping of str to str
        Of which standard deviation each named share (ICC) of all heterogeneity is.
    absent : mapping of str to str
        Why a quantity that other models have is not here.
    design : Design, optional
        What X was made from, where there are moderators.
    gaps : MissingLevels, optional
        Where moderators of words miss values; the rows of X are then expected ones there.
    uncertain : Uncertain, optional
        Numbers that are missing or measured with error; X has their observed or mean values.
    """

    X: Array
    coefficients: tuple[str, ...]
    layers: tuple[Layer, ...]
    errors: Errors
    priors: Mapping[str, Prior]
    new: NewStudies
    units: Units
    groups: str = ""
    exchangeable: tuple[Exchangeable, ...] = ()
    known: Mapping[str, float] = field(default_factory=dict)
    contrasts: Mapping[str, Array] = field(default_factory=dict)
    shares: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    design: Design | None = None
    gaps: MissingLevels | None = None
    uncertain: Uncertain | None = None

    @property
    def k(self) -> int:
        """Number of rows."""
        return len(self.X)

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return len(self.coefficients)

    @property
    def sds(self) -> tuple[str, ...]:
        """Names of the standard deviations of all layers, known ones among them."""
        return tuple(dict.fromkeys(name for layer in self.layers for name in layer.sds))

    @property
    def own(self) -> Array:
        """The columns of X that are not of pooled levels."""
        pooled = {name for group in self.exchangeable if not group.centre for name in group.names}
        return self.X[:, [name not in pooled for name in self.coefficients]]

    @property
    def centres(self) -> tuple[str, ...]:
        """Names of what exchangeable parameters are about."""
        return tuple(group.centre for group in self.exchangeable if group.centre)

    @property
    def gammas(self) -> tuple[str, ...]:
        """Names of the coefficients of the logarithms of standard deviations."""
        return tuple(name for layer in self.layers for name in layer.gammas)

    @property
    def linear(self) -> dict[str, Array]:
        """Weights of the coefficients in each of them and in each contrast, shape (p,)."""
        return dict(zip(self.coefficients, np.eye(self.p), strict=True)) | dict(self.contrasts)

    @property
    def one_heterogeneity(self) -> bool:
        """Whether all true effects vary alike about their means, so that there is a total tau and an I2."""
        return bool(self.layers) and all(layer.uniform for layer in self.layers)

    @property
    def tau(self) -> Prior | float:
        """The prior on tau where there is one, or its known value: 0 where true effects do not vary."""
        return self.priors["tau"] if "tau" in self.priors else self.known.get("tau", 0.0)

    @property
    def names(self) -> tuple[str, ...]:
        """What the coefficients are of: moderators, groups, levels."""
        return tuple(name.partition("[")[2].removesuffix("]") for name in self.coefficients)

    @property
    def groups_of_rows(self) -> tuple[Ints, ...]:
        """The rows of each column of X, where each row is in one group."""
        return tuple(np.flatnonzero(column) for column in self.X.T)

    @property
    def shares_priors(self) -> bool:
        """Whether coefficients share an unknown scale: pooled levels, or a regularised horseshoe."""
        joint = any(isinstance(prior, RegularizedHorseshoe) for prior in self.priors.values())
        return joint or any(not group.centre for group in self.exchangeable)

    @property
    def exchangeable_means(self) -> bool:
        """Whether the coefficients themselves come from one distribution about an unknown mean."""
        return any(group.centre and group.names == self.coefficients for group in self.exchangeable)

    def shared_prior(self, name: str) -> Exchangeable | None:
        """What a parameter is exchangeable with; None where it has a prior of its own."""
        return next((group for group in self.exchangeable if name in group.names), None)

    def total(self, parameters: Parameters) -> Array:
        """Root of the sum of the squares of all layers where there is one heterogeneity, shape (N,)."""
        if len(self.layers) == 1:
            return self.layers[0].spread(parameters)[:, 0]
        return np.sqrt(sum(layer.spread(parameters)[:, 0] ** 2 for layer in self.layers))

    def derived(self, parameters: Parameters) -> dict[str, Array]:
        """Total heterogeneity and its shares, where there are several layers and a result names them, shape (N,)."""
        if not self.shares:
            return {}
        tau = self.total(parameters)
        return {"tau": tau} | {name: (parameters[sd] / tau) ** 2 for name, sd in self.shares.items()}

    @property
    def stated(self) -> dict[str, float]:
        """What the model states to be known of what else has a prior, by name."""
        return {name: prior.value for name, prior in self.priors.items() if isinstance(prior, Fixed)}

    def at(self, rows: Ints) -> NormalStructure:
        """The structure of some rows, in increasing order, in the coefficients and groups of the whole table."""
        keep = np.zeros(self.k, dtype=bool)
        keep[rows] = True
        own, of = np.unique(self.units.of[rows], return_inverse=True)
        names = tuple(self.units.names[unit] for unit in own)
        return replace(
            self,
            X=self.X[rows],
            layers=tuple(layer.at(rows) for layer in self.layers),
            errors=self.errors.at(rows),
            units=Units(self.units.word, names, of),
            gaps=None if self.gaps is None else self.gaps.kept(keep),
        )

    def like(self, rows: Ints) -> NewStudies:
        """New studies of new groups, each like one row of the table."""
        own = np.arange(len(rows))
        layers = tuple(layer.at(rows, group=own) for layer in self.layers)
        return NewStudies(("theta_new",) * len(rows), self.X[rows], layers)


def numbered(each: Iterable[str], names: Iterable[str] = ()) -> tuple[tuple[str, ...], Ints]:
    """The groups in the order of `names`, else of appearance, and the number of each row's group, shape (k,)."""
    each = tuple(each)
    place = {name: number for number, name in enumerate(dict.fromkeys(names or each))}
    return tuple(place), np.array([place[name] for name in each], dtype=np.intp)


def layer(sd: str, group: Ints, terms: tuple[str, ...] = ()) -> Layer:
    """Random effects with one standard deviation."""
    return Layer((sd,), np.zeros(len(group), dtype=np.intp), group, terms=terms)


def own_layer(effects: Effects, sd: str) -> Layer:
    """Random effects with one standard deviation, of each row its own."""
    return layer(sd, np.arange(effects.k))


def new_studies(names: tuple[str, ...], X: Array, layers: tuple[Layer, ...], rows: Ints | list[int]) -> NewStudies:
    """New studies of new groups, each in its layers like one row of the table.

    They are effects of one study where a group has a draw for each standard deviation, and of one study each where not.
    """
    at = np.array(rows, dtype=np.intp)
    own, same = np.arange(len(at)), np.zeros(len(at), dtype=np.intp)
    return NewStudies(names, X, tuple(one.at(at, group=same if one.root else own) for one in layers))


def row_units(effects: Effects) -> Units:
    """Every row by itself; or blocks of rows whose sampling errors have a known covariance."""
    return units(effects, Units("study", effects.labels, np.arange(effects.k)))


def units(effects: Effects, alone: Units) -> Units:
    """These units, or what a known covariance of the sampling errors makes of them."""
    if effects.covariance is None:
        return alone
    return connected("block", (effects.covariance != 0.0) | (alone.of[:, None] == alone.of))


def connected(word: str, linked: NDArray[np.bool_]) -> Units:
    """Rows that hang together, directly or through others, in order of appearance.

    Parameters
    ----------
    word : str
        What a unit is called.
    linked : ndarray of bool
        Which rows share something, shape (k, k).
    """
    of, count = np.full(len(linked), -1, dtype=np.intp), 0
    while (of < 0).any():
        rows = linked[np.argmax(of < 0)]
        while (more := linked[rows].any(axis=0)).sum() > rows.sum():
            rows = more
        of[rows] = count
        count += 1
    return Units(word, tuple(f"{word} {number + 1}" for number in range(count)), of)


def explicit_priors(priors: Mapping[str, Prior | None]) -> dict[str, Prior]:
    """Those that are not left open."""
    return {name: prior for name, prior in priors.items() if prior is not None}
