"""poolwise: Bayesian meta-analysis.

One study table (`Effects`), three engines (`ClosedForm`, `Exact`, `NUTS`), one `Result`.

>>> import poolwise as pw
>>> effects = pw.datasets.load("bcg")
>>> result = pw.fit(effects, pw.RandomEffects(), pw.Exact())
>>> lower, upper = result["mu"].interval(0.95)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from poolwise import priors
from poolwise.design import design
from poolwise.effects import Effects
from poolwise.engines.closed_form import ClosedForm
from poolwise.engines.exact import Exact
from poolwise.engines.nuts import NUTS
from poolwise.errors import PoolwiseError, PoolwiseWarning
from poolwise.fit import fit, refit
from poolwise.model import (
    PEESE,
    PET,
    BinomialNormal,
    CommonEffect,
    ContaminatedRandomEffects,
    CorrelatedOutcomes,
    CrossedEffects,
    JointOutcomes,
    LocationScale,
    MetaRegression,
    PoissonNormal,
    RandomEffects,
    SkewNormalRandomEffects,
    StepSelection,
    StudentTRandomEffects,
    Subgroups,
    ThreeLevel,
    WeightFunction,
)
from poolwise.reconstruct import reconstruct
from poolwise.result import Result
from poolwise.scale import Scale
from poolwise.tables import compare, predict, summary

if TYPE_CHECKING:
    from poolwise import bias, checks, coding, datasets, measures, plot, simulate
    from poolwise.analysis import load_analysis
    from poolwise.batch import fit_batch
    from poolwise.csv_studies import read_csv
    from poolwise.evidence import BayesFactor, average, bayes_factor
    from poolwise.exchange import pymc_model, read_draws
    from poolwise.report import KeptFits
    from poolwise.runs import run

__version__ = "0.1.0"

# Loaded when first asked for: whole analyses, pictures and data sets cost more than `import poolwise` may.
_LAZY = {
    "bias": ("poolwise.bias", None),
    "checks": ("poolwise.checks", None),
    "coding": ("poolwise.coding", None),
    "measures": ("poolwise.measures", None),
    "BayesFactor": ("poolwise.evidence", "BayesFactor"),
    "average": ("poolwise.evidence", "average"),
    "bayes_factor": ("poolwise.evidence", "bayes_factor"),
    "datasets": ("poolwise.datasets", None),
    "plot": ("poolwise.plot", None),
    "fit_batch": ("poolwise.batch", "fit_batch"),
    "load_analysis": ("poolwise.analysis", "load_analysis"),
    "pymc_model": ("poolwise.exchange", "pymc_model"),
    "read_csv": ("poolwise.csv_studies", "read_csv"),
    "read_draws": ("poolwise.exchange", "read_draws"),
    "run": ("poolwise.runs", "run"),
    "simulate": ("poolwise.simulate", None),
    "KeptFits": ("poolwise.report", "KeptFits"),
}

__all__ = [
    "NUTS",
    "PEESE",
    "PET",
    "BayesFactor",
    "BinomialNormal",
    "ClosedForm",
    "CommonEffect",
    "ContaminatedRandomEffects",
    "CorrelatedOutcomes",
    "CrossedEffects",
    "Effects",
    "Exact",
    "JointOutcomes",
    "KeptFits",
    "LocationScale",
    "MetaRegression",
    "PoissonNormal",
    "PoolwiseError",
    "PoolwiseWarning",
    "RandomEffects",
    "Result",
    "Scale",
    "SkewNormalRandomEffects",
    "StepSelection",
    "StudentTRandomEffects",
    "Subgroups",
    "ThreeLevel",
    "WeightFunction",
    "average",
    "bayes_factor",
    "bias",
    "checks",
    "coding",
    "compare",
    "datasets",
    "design",
    "fit",
    "fit_batch",
    "load_analysis",
    "measures",
    "plot",
    "predict",
    "priors",
    "pymc_model",
    "read_csv",
    "read_draws",
    "reconstruct",
    "refit",
    "run",
    "simulate",
    "summary",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'poolwise' has no attribute '{name}'")
    module, attribute = _LAZY[name]
    loaded = importlib.import_module(module)
    value = loaded if attribute is None else getattr(loaded, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
