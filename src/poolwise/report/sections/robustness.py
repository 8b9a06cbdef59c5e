"""What one study, the order of the studies and the choice of a method do to the answer."""

from __future__ import annotations

from dataclasses import replace

from poolwise import plot
from poolwise.checks.cumulative import cumulative
from poolwise.checks.leave_one_out import leave_one_out
from poolwise.checks.specifications import specifications
from poolwise.engines.nuts import NUTS
from poolwise.model import CommonEffect, MetaRegression, RandomEffects
from poolwise.report.blocks import Block, Column, Paragraph, Picture, Table, answers, numbers, rows
from poolwise.report.content import Content
from poolwise.report.section import Figure, Passage, Section
from poolwise.result import NO_PRIOR, Result
from poolwise.show import greek, interval, level, number

CHOICES = {
    "engine": "Engine",
    "model": "Model",
    "tau2": "Estimator of τ²",
    "interval": "Confidence interval",
    "tau_prior": "Prior on τ",
    "mu_prior": "Prior on the mean",
}


def _refitted(content: Content) -> Result:
    """The result that is fitted again: the main one, or one of the same model that takes no sampling."""
    main = content.main
    if not isinstance(main.engine, NUTS):
        return main
    quick = (one for one in content.results if one.model == main.model and not isinstance(one.engine, NUTS))
    return next((one for one in quick if one.prior != NO_PRIOR), main)


def _leave_one_out(content: Content) -> Passage | None:
    check = leave_one_out(_refitted(content), prob=content.analysis.prob)
    blocks: tuple[Block, ...] = (
        *answers([check.sentences[1]]),
        Picture("leave_one_out", "The answer without each study in turn"),
        Paragraph(check.sentences[0]),  # the others stand in the picture
    )
    draw = Figure("Leave-one-out", lambda: plot.leave_one_out(check, title=content.analysis.title))
    tables = {"leave_one_out.csv": check.influence, "leave_one_out_expected.csv": check.frame}
    return Passage("Without each study", blocks, tables, {"leave_one_out": draw})


def _cumulative(content: Content) -> Passage | None:
    by = content.analysis.refits.cumulative
    assert by is not None
    analysis = content.analysis
    check = cumulative(_refitted(content), by=by, prob=analysis.prob, threshold=analysis.threshold)
    blocks: tuple[Block, ...] = (
        *answers([greek(check.sentence)]),
        Picture("cumulative", f"The answer after each study, by {check.order}"),
    )
    draw = Figure("Cumulative meta-analysis", lambda: plot.cumulative(check, title=analysis.title))
    return Passage("As the studies came in", blocks, {"cumulative.csv": check.frame}, {"cumulative": draw})


def _specifications(content: Content) -> Passage | None:
    analysis, model = content.analysis, content.main.model
    if isinstance(model, CommonEffect):
        model = RandomEffects(mu=model.mu)
    elif isinstance(model, RandomEffects | MetaRegression) and model.tau_fixed is not None:
        model = replace(model, tau_fixed=None)
    assert isinstance(model, RandomEffects | MetaRegression)
    check = specifications(content.effects, model, prob=analysis.prob, threshold=analysis.threshold)
    told = check.choices.to_dict("records")
    cells = [
        (
            CHOICES.get(row["choice"], row["choice"]),
            row["option"],
            str(row["specifications"]),
            f"{number(row['point_median'])} {interval(row['lower_median'], row['upper_median'])}",
        )
        for row in told
    ]
    columns = (Column("Choice"), Column("Option"), numbers("Specifications"), numbers("Median estimate and limits"))
    caption = (
        f"Each option over all other choices, {level(analysis.prob)} limits on the analysis scale; the choice that "
        "moves them most comes first."
    )
    blocks: tuple[Block, ...] = (
        *answers([greek(check.sentences[0])]),
        Picture("specification_curve", "Every specification, from the lowest estimate to the highest"),
        Table(columns, rows(cells), caption),
    )
    draw = Figure("Specification curve", lambda: plot.specification_curve(check, title=analysis.title))
    tables = {"specifications.csv": check.frame}
    return Passage("Every specification", blocks, tables, {"specification_curve": draw})


LEAVE_ONE_OUT = Section(
    "leave-one-out",
    _leave_one_out,
    tables=("leave_one_out.csv", "leave_one_out_expected.csv"),
    figures=("leave_one_out.svg",),
    planned=lambda analysis: analysis.refits.leave_one_out,
)
CUMULATIVE = Section(
    "cumulative",
    _cumulative,
    tables=("cumulative.csv",),
    figures=("cumulative.svg",),
    planned=lambda analysis: analysis.refits.cumulative is not None,
)
SPECIFICATIONS = Section(
    "specifications",
    _specifications,
    tables=("specifications.csv",),
    figures=("specification_curve.svg",),
    planned=lambda analysis: analysis.refits.specifications,
)
