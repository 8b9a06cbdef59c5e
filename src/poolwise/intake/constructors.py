"""Study tables from a frame, correlations, ratios or counts: the constructors of `Effects` beside its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from poolwise.errors import InputError, nearest
from poolwise.intake import sources
from poolwise.intake.cells import numbers
from poolwise.intake.counts import arms, counted
from poolwise.intake.frames import check_decimal, frame_columns, named_columns
from poolwise.intake.table import StudyTable, read
from poolwise.scale import Scale, as_scale
from poolwise.settings import check_prob

if TYPE_CHECKING:
    import pandas as pd


class FromSources(StudyTable, Protocol):
    """The constructors that a study table has beside its own."""

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        y: str = "y",
        se: str | None = None,
        v: str | None = None,
        study: str | None = None,
        moderators: Sequence[str] = (),
        outcome: str | None = None,
        n: str | None = None,
        scale: Scale | str = "identity",
        provenance: Sequence[str] | str | None = None,
        cluster: str | Sequence[str] | None = None,
        decimal: str = ".",
        title: str = "",
        citation: str = "",
        directions: tuple[str, str] = ("", ""),
        allow_single: bool = False,
    ) -> Self:
        """The study table in the columns of a frame.

        Parameters
        ----------
        frame : DataFrame or mapping
            One row for each estimate: a frame of pandas, polars or pyarrow, a mapping of columns, a list of rows.
            Indexes of pandas with a name count as columns.
        y, se, v, study, outcome, n : str, optional
            Names of the columns; see the class. One of `se` and `v` is needed; `study` is the column (or index)
            ``study`` where there is one, and so is ``study_as_given``.
        moderators : sequence of str
            Names of the columns to keep as moderators; ``timepoint`` and ``rater``, which tell the effects of one
            study apart, are kept in any case.
        scale : Scale or str
            What the numbers are.
        provenance : str or sequence of str, optional
            Where the numbers came from; by default the frame's column ``provenance``, else ``"reported"``.
        cluster : str or sequence of str, optional
            Names of columns to keep as moderators whose cells are names (of clusters, laboratories, groups): ``"1.1"``
            and ``"1.10"``, ``"007"`` and ``"7"`` stay what they are.
        decimal : str
            The decimal mark in cells that hold text, ``"."`` or ``","``.
        title, citation, directions, allow_single
            As for the class.

        Returns
        -------
        Effects

        Raises
        ------
        InputError
            For a column that does not exist (the message offers the nearest), a column name that occurs twice,
            a frame without rows, a cell that is no number, and whatever the class refuses.

        Examples
        --------
        >>> import pandas as pd
        >>> from poolwise import Effects
        >>> frame = pd.DataFrame({"author": ["A", "B", "C"], "d": [0.2, 0.5, 0.3], "sei": [0.1, 0.2, 0.1]})
        >>> Effects.from_frame(frame, y="d", se="sei", study="author", scale="SMD")
        Effects(k=3, scale='SMD')
        """
        check_decimal(decimal)
        names = [moderators] if isinstance(moderators, str) else list(moderators)
        clusters = (cluster,) if isinstance(cluster, str) else tuple(cluster or ())
        if y is None or (se is None and v is None):
            known, what = frame_columns(frame, str(y))[0], "estimates" if y is None else "standard errors"
            advice = nearest("y" if y is None else "se", known)
            raise InputError(f"no column of {what} is named", "y=..." if y is None else "se=... or v=...", advice)
        roles = {"y": y, "se": se, "v": v, "study": study, "outcome": outcome, "n": n}
        given = named_columns(frame, roles, [*names, *clusters], provenance)
        return cls._of(
            replace(given, decimal=decimal, identifiers=clusters),
            scale,
            title=title,
            citation=citation,
            directions=directions,
            allow_single=allow_single,
        )

    @classmethod
    def from_statistics(
        cls,
        frame: Any,
        *,
        target: str,
        columns: Mapping[str, str] | None = None,
        study: str | None = None,
        study_as_given: str | None = None,
        outcome: str | None = None,
        moderators: Sequence[str] = (),
        cluster: str | Sequence[str] = (),
        adjusted: str | None = None,
        prob: float | None = None,
        sides: int | None = None,
        base_rate: float | None = None,
        responses: str = "logistic",
        rules: str | Sequence[str] = (),
        arm: str | None = None,
        reference: str | Mapping[str, str] | None = None,
        decimal: str | None = ".",
        title: str = "",
        citation: str = "",
        directions: tuple[str, str] = ("", ""),
        allow_single: bool = False,
    ) -> Self:
        """Rows that report different statistics (means, t, r, tables, odds ratios with intervals), on one measure.

        Each row goes the nearest way to the target that its filled columns allow: first those without a conversion
        between measures, means before t, t before p. `explain` tells the way of a study with its numbers, and what the
        other ways of the same row would have given.

        Parameters
        ----------
        frame : DataFrame or mapping
            One row for each reported result. Columns are known by their usual names (``n1 m1 sd1 n2 m2 sd2``, ``Mean
            (Treatment)``, ``n.e``, ``t``, ``r``, ``OR``, ``CI lower``, ...), whatever their case. A cell may hold what
            is printed together: ``11.3 (2.1)`` under ``M (SD) treatment``, ``12/45`` under ``Events/Total control``,
            ``1.52 [0.98, 2.31]`` under ``OR (95% CI)``. A pair of columns such as ``Type`` and ``Value`` tells which
            statistic each row reports, and so does one column of cells like ``t(38) = 2.10``. Percentages of n become
            numbers of events, medians with quartiles or ranges means and standard deviations (`measures.mean_sd`);
            ``M pre``, ``SD post``, ... with ``r`` are a change, or with a control group a difference of changes;
            chi-squared of one degree of freedom with ``sign`` is phi, and with ``n1 n2 events`` the table itself. A
            statistic of which only a bound is printed is not used. Slopes of regressions with se, interval, t or p are
            log odds ratios (``logistic b``), log hazard ratios (``Cox b``), or slopes for the target ``"SLOPE"``; a
            column ``model`` may tell the kind of each row. A standardised slope (``std beta``) with n is the
            correlation where ``predictors`` is 1. Of r its degrees of freedom in brackets, r(78), tell n = 80;
            ``rho`` is Spearman's, ``tau`` Kendall's.
        target : str
            Code of a measure of `effect_size`, ``"HR"``, or ``"SLOPE"`` for slopes on one scale: what all rows are
            brought to. SMD, OR and ZCOR are reached from one another; every other one only from statistics of its own.
        columns : mapping of str to str, optional
            Column by statistic, where names are unusual: ``{"n1": "Patients A", "m1 sd1": "Mittel (SA) A"}``.
        study, study_as_given, outcome : str, optional
            Columns of labels, as for the class; a column called study, author, ... is taken for the study.
        moderators, cluster : sequence of str
            Columns to keep, as for `from_frame`.
        adjusted : str, optional
            Column that tells (yes or no) whether an estimate is adjusted for other variables; mixing both warns.
        prob : float, optional
            Probability of reported intervals; by default the one that a header (``95% CI``), a cell or a column ``CI
            level`` tells, and .95, with a warning that names the rows, where nothing does.
        sides : int, optional
            1 or 2 where p-values are used; without it they are not, since that is never guessed. A p carries the sign
            of the effect, or the column ``sign`` does.
        base_rate : float, optional
            Risk without treatment, between odds and risk ratios.
        responses : str
            As for `measures.convert`.
        rules : sequence of str
            Conversions that are made only where they are asked for: ``"peterson-brown"`` imputes r = .98 beta + .05
            (beta >= 0) for a standardised slope beside other predictors, ``"greiner"`` takes r = sin(pi tau / 2) for
            Kendall's tau.
        arm : str, optional
            Column that names the arm, where each arm has a row of its own (``study, arm, n, mean, sd`` or ``events``);
            a column called arm, group or condition is found where studies have several rows.
        reference : str or mapping, optional
            The control arm of all studies; or the control of each arm, ``{"CBT": "waitlist", "ACT": "waitlist"}``,
            where a study has more than two. Without it an arm called control, placebo, waitlist, ... is taken.
        decimal : str
            The decimal mark in cells of text, ``"."`` or ``","``; the one that the numbers have when None, as where a
            file is read.
        title, citation, directions, allow_single
            As for the class.

        Returns
        -------
        Effects
            On the scale of the target.

        Raises
        ------
        InputError
            For cells that cannot be used and rows that cannot be brought to the target: all of them at once, each with
            its column, study and row, and what is lacking.

        Warns
        -----
        PoolwiseWarning
            Where statistics of one row disagree beyond the rounding of their figures, an interval tells no level,
            numbers look like something else.

        References
        ----------
        Borenstein et al. (2009), Introduction to Meta-Analysis, chapter 7, doi:10.1002/9780470743386; Bonett & Wright
        (2000), Psychometrika 65:23, doi:10.1007/BF02294183, for rank correlations; Peterson & Brown (2005), Journal of
        Applied Psychology 90:175, doi:10.1037/0021-9010.90.1.175; each measure and each conversion tells its own.

        Examples
        --------
        >>> from poolwise import Effects
        >>> rows = {"author": ["A", "B", "C"], "n1": [20, 30, 45], "n2": [20, 28, 40], "t": [1.6, None, None],
        ...         "r": [None, 0.3, None], "OR": [None, None, 2.1], "95% CI": [None, None, "0.9 to 4.9"]}
        >>> effects = Effects.from_statistics(rows, target="SMD")
        >>> effects.y.round(2).tolist()
        [0.5, 0.61, 0.41]
        >>> print(effects.explain("A"))
        A (row 1): SMD from t = 1.6, n1 = 20, n2 = 20; y = 0.496, se = 0.321 (standardised mean difference)
        """
        # here, since `import poolwise` needs none of the measures
        from poolwise.intake.statistics import from_columns, target_scale
        from poolwise.measures.reports import Settings

        given = from_columns(
            frame,
            target,
            columns=columns,
            roles={"study": study, "study_as_given": study_as_given, "outcome": outcome},
            moderators=(moderators,) if isinstance(moderators, str) else tuple(moderators),
            cluster=(cluster,) if isinstance(cluster, str) else tuple(cluster),
            adjusted=adjusted,
            settings=Settings(prob, sides, base_rate, responses, _rules(rules)),
            decimal=decimal,
            arm=arm,
            reference=reference,
        )
        words = {"title": title, "citation": citation, "directions": directions}
        return cls._of(given, target_scale(target), allow_single=allow_single, **words)

    @classmethod
    def from_correlations(
        cls,
        r: ArrayLike,
        n: ArrayLike,
        *,
        study: Sequence[object] | None = None,
        moderators: pd.DataFrame | Mapping[str, Any] | None = None,
        outcome: Sequence[object] | str | None = None,
    ) -> Self:
        """Correlations as Fisher's z = atanh(r) with se = 1 / sqrt(n - 3).

        Parameters
        ----------
        r, n : array_like
            Correlations and sample sizes, shape (k,).
        study, moderators, outcome
            As for the class.

        Returns
        -------
        Effects
            On the scale ``"Fisher z"``.

        Raises
        ------
        InputError
            For r outside (-1, 1) or n of 3 or less, naming the rows.

        References
        ----------
        Fisher (1921), Metron 1, 3-32; Borenstein et al. (2009), Introduction to Meta-Analysis, eq. 6.2-6.4,
        doi:10.1002/9780470743386.ch6.

        Examples
        --------
        >>> from poolwise import Effects
        >>> Effects.from_correlations([0.5, 0.2, 0.3], [103, 50, 80], study=["A", "B", "C"]).se[0]
        np.float64(0.1)
        """
        given = read("r", {"r": r, "n": n, "study": study, "moderators": moderators, "outcome": outcome})
        if "n" not in given.columns:
            raise InputError("n is None", "the sample size of each correlation")
        z, se, sizes, remarks = sources.fisher_z(given.columns["r"], given.columns["n"], given.rows)
        absent = dict.fromkeys(np.flatnonzero(np.isnan(se) & ~np.isnan(z)).tolist(), "no sample size")
        return cls._of(given.estimating({"y": z, "se": se, "n": sizes}, remarks, absent), "Fisher z")

    @classmethod
    def from_ratios(
        cls,
        ratio: ArrayLike,
        *,
        se_log: ArrayLike | None = None,
        lower: ArrayLike | None = None,
        upper: ArrayLike | None = None,
        prob: float | None = None,
        scale: Scale | str = "log OR",
        study: Sequence[object] | None = None,
        moderators: pd.DataFrame | Mapping[str, Any] | None = None,
        outcome: Sequence[object] | str | None = None,
        n: ArrayLike | None = None,
    ) -> Self:
        """Ratios (odds, risk, hazard) as logs with standard errors.

        The standard error is `se_log`, or (log upper - log lower) / (2 z) with z the normal quantile of `prob`.

        Parameters
        ----------
        ratio : array_like
            Ratios as people read them, 1 for no effect, shape (k,).
        se_log : array_like, optional
            Standard errors of the log ratios, shape (k,).
        lower, upper : array_like, optional
            Limits of the ratios' intervals, shape (k,).
        prob : float, optional
            Probability of those intervals; .95 where limits are given and it is not told, which a note says.
        scale : Scale or str
            A log ratio: ``"log OR"``, ``"log RR"``, ``"log HR"``, ...
        study, moderators, outcome, n
            As for the class.

        Returns
        -------
        Effects
            Logs of the ratios on that scale.

        Raises
        ------
        InputError
            For ratios or limits of 0 or less, a ratio outside its limits, limits that contradict `se_log`, or a
            scale that is no log ratio.
        ModelError
            When `prob` is no probability.

        References
        ----------
        Higgins et al. (2023), Cochrane Handbook for Systematic Reviews of Interventions, section 6.3.2.

        Examples
        --------
        >>> from poolwise import Effects
        >>> ratio, lower, upper = [0.50, 0.80, 0.70], [0.30, 0.60, 0.50], [0.83, 1.07, 0.98]
        >>> Effects.from_ratios(ratio, lower=lower, upper=upper, study=["A", "B", "C"]).se.round(2).tolist()
        [0.26, 0.15, 0.17]
        """
        scale = as_scale(scale)
        if not scale.is_ratio:
            raise InputError(f"the scale '{scale}' is no log ratio", "'log OR', 'log RR', 'log HR', ...")
        if prob is not None:
            check_prob(prob)
        columns = {"ratio": ratio, "se_log": se_log, "lower": lower, "upper": upper, "n": n}
        given = read("ratio", {**columns, "study": study, "moderators": moderators, "outcome": outcome})
        own = given.columns
        limits = own.get("lower"), own.get("upper")
        y, se, remarks = sources.log_ratios(own["ratio"], own.get("se_log"), limits, prob, given.rows)
        sizes = {"n": numbers(own["n"], "n", given.rows)[0]} if "n" in own else {}
        return cls._of(given.estimating({"y": y, "se": se, **sizes}, remarks), scale)

    @classmethod
    def from_counts(
        cls,
        events: ArrayLike,
        totals: ArrayLike,
        *,
        measure: str | None = None,
        study: Sequence[object] | None = None,
        moderators: pd.DataFrame | Mapping[str, Any] | None = None,
        drop00: bool = True,
    ) -> Self:
        """Studies with one or two arms from their events, with standard errors; the counts stay in the table.

        Of two arms, a and c events among n1 and n2 persons or in the person-times t1 and t2:
        log OR = log(a d / (b c)), v = 1/a + 1/b + 1/c + 1/d; log RR = log(a / n1) - log(c / n2), v = 1/a - 1/n1 + 1/c
        - 1/n2; log IRR = log(a / t1) - log(c / t2), v = 1/a + 1/c. Tables with an empty cell get 0.5 in every cell for
        these figures. Of one arm: logit = log(a / (n - a)), v = 1/a + 1/(n - a), 0.5 added to both where one is 0; log
        rate = log(a / t), v = 1/a, 0.5 added to a where it is 0. `BinomialNormal` and `PoissonNormal` use the counts
        themselves.

        Parameters
        ----------
        events : array_like
            Persons with the event (events, for a rate) of the treated and of the controls, shape (k, 2); of one arm,
            shape (k,).
        totals : array_like
            All persons, or the person-time for ``"log IRR"`` and ``"log rate"``; the shape of `events`.
        measure : str, optional
            ``"log OR"``, ``"log RR"`` or ``"log IRR"`` of two arms, ``"logit"`` (of a proportion) or ``"log rate"`` of
            one; ``"log OR"`` and ``"logit"`` when None.
        study, moderators
            As for the class.
        drop00 : bool
            Leave out trials without an event in either arm, and trials in which everybody of both arms had one: the
            likelihood of a ratio does not depend on them. False keeps them, for `BinomialNormal` and `PoissonNormal`,
            whose priors on baselines let them count; the effects shown then rest on the 0.5 alone. Of one arm nothing
            is left out: no event among n persons tells that the proportion is small.

        Returns
        -------
        Effects
            On that scale, with the columns ``events_treated``, ``events_control``, ``total_treated``, ``total_control``
            beside the moderators; ``events`` and ``total`` of one arm.

        Raises
        ------
        InputError
            For counts that are negative, not whole, or more than there are persons, naming the rows; for columns of
            which there are more or fewer than the measure has arms.

        Warns
        -----
        PoolwiseWarning
            Naming the rows that are left out because a count is missing or the trial says nothing.

        References
        ----------
        Higgins et al. (2023), Cochrane Handbook for Systematic Reviews of Interventions, chapter 10.4; section 10.4.4.1
        for trials without events; Stijnen, Hamza & Özdemir 2010, Statistics in Medicine 29:3046, 10.1002/sim.4040, for
        proportions and rates of one arm.

        Examples
        --------
        >>> from poolwise import Effects
        >>> events, totals = [[4, 11], [6, 29], [3, 11]], [[123, 139], [306, 303], [231, 220]]
        >>> Effects.from_counts(events, totals, measure="log RR").y.round(3).tolist()
        [-0.889, -1.585, -1.348]
        >>> Effects.from_counts([4, 6, 3], [123, 306, 231], study=["A", "B", "C"]).y.round(3).tolist()
        [-3.393, -3.912, -4.331]
        """
        counts = {"events": arms(events, "events"), "totals": arms(totals, "totals")}
        given = read("events", {**counts, "study": study, "moderators": moderators})
        return counted(cls, given, measure, drop00=drop00)


def _rules(rules: str | Sequence[str]) -> tuple[str, ...]:
    """Names of rules, one or several."""
    if isinstance(rules, str):
        return (rules,)
    if not isinstance(rules, Sequence):
        raise InputError(f"rules is {rules!r}", "names such as 'peterson-brown'", "rules=['peterson-brown']")
    return tuple(rules)
