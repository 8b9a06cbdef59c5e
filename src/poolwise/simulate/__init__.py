"""Studies made up: tables drawn from priors, whether an engine is calibrated on them, and what methods say of a truth.

>>> from poolwise import RandomEffects, Exact, priors, simulate
>>> model = RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5))
>>> places = simulate.calibration(model, Exact(), simulate.FAMILIES["random effects"].effects, simulations=30)
>>> sorted(places["quantity"].unique())
['log likelihood', 'mu', 'tau', 'theta', 'theta_new']
>>> bool(simulate.uniformity(places)["inside"].all())
True
"""

from poolwise.simulate import counts, normal, robust, selected  # noqa: F401  (each adds its models to SIMULATORS)
from poolwise.simulate.calibration import calibration
from poolwise.simulate.characteristics import (
    LAWS,
    Arms,
    Design,
    EffectLaw,
    MisreportedErrors,
    OperatingCharacteristics,
    PHacking,
    Selection,
    SizesByEffect,
    SmallStudyEffects,
    operating_characteristics,
)
from poolwise.simulate.families import FAMILIES, Family
from poolwise.simulate.planning import (
    FurtherStudies,
    NextStudy,
    PriorAnswers,
    further_studies,
    next_study,
    prior_answers,
)
from poolwise.simulate.simulators import SIMULATORS
from poolwise.simulate.tables import Simulated, prior_tables
from poolwise.simulate.truth import Generated, Truth
from poolwise.simulate.uniform import Band, band, ecdf, holm, p_value, paired, uniformity

__all__ = [
    "FAMILIES", "LAWS", "SIMULATORS", "Arms", "Band", "Design", "EffectLaw", "Family", "FurtherStudies", "Generated",
    "MisreportedErrors", "NextStudy", "OperatingCharacteristics", "PHacking", "PriorAnswers", "Selection", "Simulated",
    "SizesByEffect", "SmallStudyEffects", "Truth", "band", "calibration", "ecdf", "further_studies", "holm",
    "next_study", "operating_characteristics", "p_value", "paired", "prior_answers", "prior_tables", "uniformity",
]  # fmt: skip
