"""Operating characteristics: what methods say of tables whose truth is known."""

from poolwise.simulate.characteristics.arms import Arms
from poolwise.simulate.characteristics.designs import Design
from poolwise.simulate.characteristics.mechanisms import (
    Mechanism,
    MisreportedErrors,
    PHacking,
    Selection,
    SizesByEffect,
    SmallStudyEffects,
)
from poolwise.simulate.characteristics.operating_characteristics import (
    OperatingCharacteristics,
    operating_characteristics,
)
from poolwise.simulate.characteristics.true_effects import LAWS, EffectLaw

__all__ = [
    "LAWS", "Arms", "Design", "EffectLaw", "Mechanism", "MisreportedErrors", "OperatingCharacteristics", "PHacking",
    "Selection", "SizesByEffect", "SmallStudyEffects", "operating_characteristics",
]  # fmt: skip
