"""Checks of a fit: what the prior decides, what single studies do, whether chains and model can be believed.

============================================================  ==========================  ==========================
question                                                      check                       asks about
============================================================  ==========================  ==========================
Before the data: do the priors expect effects like these?     `prior_predictive`          a result, proper priors
Can the draws be believed?                                    `diagnose`; in pictures     a result
                                                              `plot.ranks`, `plot.trace`
Does the fitted model make estimates like these?              `posterior_predictive`      a result
How well do the others foretell each study, by one fit?       `loo`                       a result
The same exactly, and what does each study do to the answer?  `leave_one_out`             effects and a model, an
                                                                                          average
Which of several models foretells the studies best?           `compare_models`            two or more results
Does the answer hang on the width of prior or likelihood?     `power_scaling`             effects, or a result
Does the verdict change with the prior on tau?                `prior_panel`               effects and a model, an
                                                                                          average
... with the widths of both priors? From which scale on?      `prior_surface`,            effects and a model
                                                              `tipping_point`
When did the answer settle, as studies came in?               `cumulative`                a result
How far do all defensible specifications lie apart?           `specifications`            effects
How many studies is the prior worth?                          `prior_ess`                 effects and a model
What does each outcome take from the others?                  `borrowing`                 a result of JointOutcomes
What would publication bias do, by every method?              `publication_bias`          effects and a direction
What does the correlation of results of one sample decide?    `assumed_correlation`       a coding protocol
How far did the data move the belief?                         `hellinger`                 a result, a name
============================================================  ==========================  ==========================

A result is one of `Exact` or `NUTS`, for `cumulative` one of any engine: a closed-form result has neither prior nor
posterior, and the other checks say so.
Every check returns a record with a ``frame`` and a sentence; `poolwise.plot` draws pictures from the frames.
"""

from poolwise.checks.assumed_correlation import AssumedCorrelation, assumed_correlation
from poolwise.checks.averaged_again import AveragedAgain
from poolwise.checks.borrowing import Borrowing, borrowing
from poolwise.checks.compare_models import ModelComparison, compare_models
from poolwise.checks.cumulative import Cumulative, cumulative
from poolwise.checks.diagnose import Diagnosis, diagnose
from poolwise.checks.distance import hellinger
from poolwise.checks.leave_one_out import LeaveOneOut, leave_one_out
from poolwise.checks.loo import Loo, loo
from poolwise.checks.posterior_predictive import PosteriorPredictive, posterior_predictive
from poolwise.checks.power_scaling import PowerScaling, power_scaling
from poolwise.checks.prior_ess import prior_ess
from poolwise.checks.prior_panel import PriorPanel, prior_panel
from poolwise.checks.prior_predictive import PriorPredictive, prior_predictive
from poolwise.checks.prior_surface import PriorSurface, prior_surface
from poolwise.checks.publication_bias import PublicationBias, publication_bias
from poolwise.checks.ranges import Ranges, ranges
from poolwise.checks.specifications import Specifications, specifications
from poolwise.checks.tipping import TippingPoint, tipping_point

__all__ = [
    "AssumedCorrelation", "AveragedAgain", "Borrowing", "Cumulative", "Diagnosis", "LeaveOneOut", "Loo",
    "ModelComparison", "PosteriorPredictive", "PowerScaling", "PriorPanel", "PriorPredictive", "PriorSurface",
    "PublicationBias", "Ranges", "Specifications", "TippingPoint", "assumed_correlation", "borrowing",
    "compare_models", "cumulative", "diagnose", "hellinger", "leave_one_out", "loo", "posterior_predictive",
    "power_scaling", "prior_ess", "prior_panel", "prior_predictive", "prior_surface", "publication_bias", "ranges",
    "specifications", "tipping_point",
]  # fmt: skip
