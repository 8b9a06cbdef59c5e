"""Study tables that agree with published aggregates, when the table itself was not published."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from poolwise.reconstruct.aggregate import Aggregate
    from poolwise.reconstruct.consequences import published_consequences
    from poolwise.reconstruct.plausible import Plausible
    from poolwise.reconstruct.printed import Printed
    from poolwise.reconstruct.record import Reconstruction
    from poolwise.reconstruct.sampler import Row

# Loaded when first asked for, as in the package's own door: `import poolwise` needs the function's name alone.
_LAZY = {
    "Aggregate": "poolwise.reconstruct.aggregate",
    "Plausible": "poolwise.reconstruct.plausible",
    "Printed": "poolwise.reconstruct.printed",
    "Reconstruction": "poolwise.reconstruct.record",
    "published_consequences": "poolwise.reconstruct.consequences",
}

__all__ = ["Aggregate", "Plausible", "Printed", "Reconstruction", "published_consequences", "reconstruct"]


def reconstruct(
    published: Row | pd.DataFrame,
    *,
    tables: int = 200,
    seed: int = 1,
    subgroups: str | Sequence[Row] | None = None,
    plausible: Plausible | None = None,
    alpha: float = 1.0,
) -> Reconstruction:
    """Study tables that agree with the published aggregates of an outcome, to their rounding.

    Aggregates bind the unknown table by sum w = SE^-2, sum w y = d SE^-2, sum w (y - d)^2 = Q. Tables
    are drawn that fulfil these for unrounded d, SE, Q drawn uniformly in their rounding boxes (see
    `poolwise.reconstruct.proposals.propose`), and those that break another published figure (p,
    random-effects estimate by DerSimonian and Laird, figures of the levels) or have an implausible study
    are thrown away.

    The result is a set of tables that the paper does not rule out, not a posterior sample: give ranges
    over the set. Everything made from it is marked "reconstructed".

    Parameters
    ----------
    published : mapping, Series, Aggregate or DataFrame
        The outcome's row: k, d, se, q and, where printed, i2_percent, d_re, p; or the rows of
        one outcome, of which the one without a moderator is the outcome's (see
        `poolwise.datasets.published`). Figures as text keep their trailing zeros; see `Aggregate.of`.
    tables : int
        How many tables to draw.
    seed : int
        Seed of the draws. The first tables are the same however many are asked for.
    subgroups : str or sequence of rows, optional
        The moderator whose levels, published as rows of the frame, the tables have to reproduce too;
        or those rows. How many studies a level has is drawn, too, where it is not published, all
        divisions being equally likely before rejection; a ``share`` holds to within one study.
    plausible : Plausible, optional
        Limits on single studies; standard errors 0.03 to 0.6 and effects up to 1.5 by default.
    alpha : float
        Parameter of the Dirichlet law of the weights: 1 is uniform over all divisions of the
        weight, large values make the weights equal.

    Returns
    -------
    Reconstruction

    Raises
    ------
    InputError
        If the aggregates contradict one another, the levels overlap, or nearly every table is thrown
        away; the message names the figure that rejects most.

    Notes
    -----
    200 tables bring ranges near their ends, which a search then looks for: 600 move the limits of a contrast by a few
    hundredths. alpha = 1 favours no division of the weight over the studies. Equal weights are the most informative
    table that fits, and so no default.

    References
    ----------
    The construction is ours. In its spirit Heathers et al. 2018, PeerJ Preprints, 10.7287/peerj.preprints.26968v1, who
    rebuild samples from a printed mean and sd.

    Examples
    --------
    >>> import poolwise as pw
    >>> row = {"k": 3, "d": "0.374", "se": "0.124", "q": "0.940", "i2_percent": "0.00", "p": ".003"}
    >>> drawn = pw.reconstruct(row, tables=20, seed=1)
    >>> bool(drawn.check()["agrees"].all())
    True
    """
    from poolwise.reconstruct.sampler import drawn_tables

    return drawn_tables(published, subgroups, plausible, tables=tables, seed=seed, alpha=alpha)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'poolwise.reconstruct' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
    return value
