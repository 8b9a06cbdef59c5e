"""The exact engine: quadrature over tau, closed form for all the rest."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, final, get_args

from poolwise.effects import Effects
from poolwise.engines.environment import versions
from poolwise.errors import ModelError, shown
from poolwise.model import Model, prior_words, remarks
from poolwise.model.needs import CLUSTERS, COVARIANCE, EXCHANGEABLE, SCALE_MODERATORS, SELECTED_BY_STEPS, SKEWED
from poolwise.quantities import ByStudy, IntervalKind
from poolwise.result import FitReport, Result
from poolwise.settings import NUMBERS_OF_A_DRAW, as_number, check_memory, check_option, check_whole
from poolwise.threads import one_thread


@final
@dataclass(frozen=True)
class Exact:
    """Exact posterior of the normal-normal model by quadrature over tau, and of others over what they add to it.

    Attributes
    ----------
    kind : {"equal-tailed", "shortest"}
        Interval that tables and figures show.
    tolerance : float
        Largest estimated error of the medians and limits of mu, theta_new and theta_i, in half-widths of the
        95 % interval; the grid is refined until it is met.
    draws, chains, seed : int
        Exact independent draws (for each chain) that `Result.to_datatree` makes.

    Notes
    -----
    Equal-tailed intervals do not change with the scale on which an effect is read, as shortest ones do, and go with
    probabilities of a direction. A tolerance of 1e-8 costs milliseconds and lies far below what is printed, so that two
    fits differ only by what was asked. 4 chains of 1,000 draws have the shape of those of `NUTS`, and a Monte Carlo
    error of a mean of 1.6 % of its sd; seed 1 makes them the same each time.

    References
    ----------
    Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06, for the model; the quadrature is our own
    (`poolwise.quadrature`).

    Examples
    --------
    >>> import poolwise as pw
    >>> result = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), Exact(kind="shortest"))
    >>> [round(limit, 3) for limit in result["tau"].interval(0.95)]
    [0.326, 0.966]
    """

    can: ClassVar[frozenset[str]] = frozenset(
        {CLUSTERS, COVARIANCE, EXCHANGEABLE, SCALE_MODERATORS, SELECTED_BY_STEPS, SKEWED}
    )
    label: ClassVar[str] = "exact"
    kind: IntervalKind = "equal-tailed"
    tolerance: float = 1e-8
    draws: int = 1000
    chains: int = 4
    seed: int = 1

    def __post_init__(self) -> None:
        check_option("kind", self.kind, get_args(IntervalKind))
        if not 0.0 < as_number(self.tolerance) < 1.0:
            raise ModelError(f"tolerance = {shown(self.tolerance)}", "a number between 0 and 1", "tolerance=1e-8")
        check_whole("draws", self.draws, 1, 1000)
        check_whole("chains", self.chains, 1, 4)
        check_whole("seed", self.seed, 0, 1)
        what = f"{self.chains} chains of {self.draws} draws"
        check_memory(what, self.chains * self.draws * NUMBERS_OF_A_DRAW, "draws=1000")

    @one_thread()
    def fit(self, effects: Effects, model: Model) -> Result:
        """The exact posterior of `model` on `effects`.

        Parameters
        ----------
        effects : Effects
        model : Model
            Any of `poolwise.fit.PAIRS`.

        Returns
        -------
        Result
            With ``mu`` (``beta[...]`` where there are moderators, ``mu[...]`` of subgroups), the between-study
            standard deviations, ``theta_new`` and every theta_i.

        Raises
        ------
        ModelError
            When the posterior is improper.

        References
        ----------
        Röver 2020, J. Stat. Software 93(6), 10.18637/jss.v093.i06 for the model;
        the quadrature is our own (`poolwise.quadrature`).
        """
        # The quadratures come with the first fit: `import poolwise` need not wait for 60 modules of them.
        from poolwise.engines.exact import answer
        from poolwise.engines.exact.tree import exact_tree

        start = time.perf_counter()
        fitted = answer.fitted(effects, model, self.tolerance)
        resolved = fitted.model
        report = FitReport(
            findings=fitted.findings(self.tolerance),
            notes=effects.notes + fitted.notes + remarks(resolved, effects),
            diagnostics=fitted.diagnostics(),
            seconds=time.perf_counter() - start,
            versions=versions("poolwise", "numpy", "scipy"),
            seed=self.seed,
            data_hash=effects.data_hash,
        )
        label = model.fit_label(self.label)
        return Result(
            label=label,
            effects=effects,
            model=resolved,
            engine=self,
            interval_kind=f"credible ({self.kind})",
            quantities=fitted.quantities(self.kind),
            studies=ByStudy(effects.labels, partial(answer.study, fitted, self.kind)),
            weights=fitted.weights(),
            report=report,
            prior=prior_words(resolved),
            evidence=fitted.evidence,
            native=fitted,
            absent=fitted.absent,
            combinations=fitted.linear,
            linear=answer.linear(fitted, self.kind),
            design=fitted.design,
            tree=partial(exact_tree, fitted, (self.chains, self.draws), self.seed, label),
        )
