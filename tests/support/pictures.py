"""A picture of every kind, each drawn on axes that are given or on a figure of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd

import poolwise as pw
from poolwise import simulate
from poolwise.coding.prisma import prisma

STEP = pw.StepSelection((0.025,), direction="negative")
ML = pw.ClosedForm()


def _calibration():
    rng = np.random.default_rng(4)
    places = pd.DataFrame({"quantity": np.repeat(["mu", "tau"], 50), "u": rng.random(100)})
    curves = simulate.ecdf(places).assign(engine="exact")
    curves.attrs["prob"] = 0.99
    return curves


def _operating():
    design, methods = pw.simulate.Design(k=3, se=0.2), {"REML, HK": (pw.RandomEffects(), ML)}
    return pw.simulate.operating_characteristics(design, methods, truth={"tau": [0, 0.3]}, replications=20)


def _flow():
    numbers = {"identified": 4, "removed": 1, "screened": 3, "excluded": 1, "sought": 2, "assessed": 2}
    return prisma({**numbers, "excluded_reports": {}, "reports": 2, "studies": 2})


def _ranges():
    from poolwise.checks.ranges import ranges

    rows = pw.datasets.published("working_alliance").query("outcome == 'misconduct'")
    return ranges(pw.reconstruct(rows, tables=2, seed=3), pw.RandomEffects(), pw.Exact(), ML)


def _reml(effects):
    return pw.fit(effects, pw.RandomEffects(), ML)


def _surface(effects):
    return pw.checks.prior_surface(effects, mu_sd=[0.5, 1, 2], tau_scale=[0.2, 0.5, 1])


PICTURES = {
    "forest": lambda bcg, exact, **on: pw.plot.forest(exact, by="alloc", **on),
    "funnel": lambda bcg, exact, **on: pw.plot.funnel(exact, colour_by="alloc", records=[pw.bias.pet(bcg)], **on),
    "radial": lambda bcg, exact, **on: pw.plot.radial(pw.fit(bcg, pw.CommonEffect(), ML), **on),
    "labbe": lambda bcg, exact, **on: pw.plot.labbe(bcg, on="log", **on),
    "caterpillar": lambda bcg, exact, **on: pw.plot.caterpillar(exact, **on),
    "orchard": lambda bcg, exact, **on: pw.plot.caterpillar(
        pw.fit(bcg, pw.Subgroups("alloc"), ML), style="orchard", **on
    ),
    "summary forest": lambda bcg, exact, **on: pw.plot.summary_forest({"exact": exact, "REML": _reml(bcg)}, **on),
    "bubble": lambda bcg, exact, **on: pw.plot.bubble(pw.fit(bcg, pw.MetaRegression("~ ablat"), ML), **on),
    "posterior": lambda bcg, exact, **on: pw.plot.posterior(exact, rope=(-0.1, 0.1), **on),
    "conditional": lambda bcg, exact, **on: pw.plot.conditional(exact, **on),
    "shrinkage": lambda bcg, exact, **on: pw.plot.shrinkage(exact, **on),
    "cumulative": lambda bcg, exact, **on: pw.plot.cumulative(pw.checks.cumulative(_reml(bcg)), **on),
    "leave one out": lambda bcg, exact, **on: pw.plot.leave_one_out(pw.checks.leave_one_out(_reml(bcg)), **on),
    "model probabilities": lambda bcg, exact, **on: pw.plot.model_probabilities(pw.average(bcg), **on),
    "specification curve": lambda bcg, exact, **on: pw.plot.specification_curve(pw.checks.specifications(bcg), **on),
    "prior panel": lambda bcg, exact, **on: pw.plot.prior_panel(pw.checks.prior_panel(bcg), **on),
    "prior surface": lambda bcg, exact, **on: pw.plot.prior_surface(_surface(bcg), **on),
    "prior predictive": lambda bcg, exact, **on: pw.plot.prior_predictive(pw.checks.prior_predictive(exact), **on),
    "publication bias": lambda bcg, exact, **on: pw.plot.publication_bias(
        pw.checks.publication_bias(bcg, direction="negative"), **on
    ),
    "s value": lambda bcg, exact, **on: pw.plot.s_value(pw.bias.s_value(bcg, direction="negative"), **on),
    "weight function": lambda bcg, exact, **on: pw.plot.weight_function(pw.fit(bcg, STEP, ML), **on),
    "z plot": lambda bcg, exact, **on: pw.plot.z_plot(pw.fit(bcg, STEP, ML), **on),
    "trace": lambda bcg, exact, **on: pw.plot.trace(exact, ["mu"], **on)[0],
    "ranks": lambda bcg, exact, **on: pw.plot.ranks(exact, ["mu"], **on)[0],
    "operating characteristics": lambda bcg, exact, **on: pw.plot.operating_characteristics(_operating(), **on),
    "calibration": lambda bcg, exact, **on: pw.plot.calibration(_calibration(), **on),
    "ranges": lambda bcg, exact, **on: pw.plot.ranges(_ranges(), **on),
    "prisma": lambda bcg, exact, **on: pw.plot.prisma(_flow(), **on),
}
