"""Pictures of results; the only place that knows matplotlib, which is loaded when the first one is drawn."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from poolwise.plot._theme import dark, theme
from poolwise.plot._width import width
from poolwise.plot.caterpillar_frame import caterpillar_frame
from poolwise.plot.conditional_frame import conditional_frame
from poolwise.plot.figures import close
from poolwise.plot.forest_frame import forest_frame
from poolwise.plot.funnel_frame import funnel_frame
from poolwise.plot.posterior_frame import posterior_frame
from poolwise.plot.ranges_frame import ranges_frame
from poolwise.plot.specification_curve_frame import specification_curve_frame
from poolwise.plot.summary_forest_frame import summary_forest_frame
from poolwise.plot.weight_frame import weight_frame
from poolwise.plot.z_plot import z_frame, z_plot

if TYPE_CHECKING:
    from poolwise.plot.bubble_plot import bubble, bubble_frame, numeric_moderators
    from poolwise.plot.calibration_plot import calibration
    from poolwise.plot.caterpillar_plot import caterpillar
    from poolwise.plot.chains_plot import ranks, trace
    from poolwise.plot.conditional_plot import conditional
    from poolwise.plot.cumulative_plot import cumulative, cumulative_frame
    from poolwise.plot.forest_pages import forest_caption
    from poolwise.plot.forest_plot import forest
    from poolwise.plot.funnel_plot import funnel
    from poolwise.plot.labbe_plot import labbe, labbe_frame
    from poolwise.plot.leave_one_out_plot import leave_one_out, leave_one_out_frame
    from poolwise.plot.model_probabilities_plot import model_frame, model_probabilities
    from poolwise.plot.operating_characteristics_plot import operating_characteristics, operating_characteristics_frame
    from poolwise.plot.posterior_plot import posterior
    from poolwise.plot.prior_panel_plot import prior_panel
    from poolwise.plot.prior_predictive_plot import prior_predictive
    from poolwise.plot.prior_surface_plot import prior_surface
    from poolwise.plot.prisma_plot import prisma
    from poolwise.plot.publication_bias_plot import publication_bias, publication_bias_frame
    from poolwise.plot.radial_plot import radial, radial_frame
    from poolwise.plot.ranges_plot import ranges
    from poolwise.plot.s_value_plot import s_value, s_value_frame
    from poolwise.plot.shrinkage_plot import shrinkage, shrinkage_frame
    from poolwise.plot.specification_curve_plot import specification_curve
    from poolwise.plot.summary_forest_plot import summary_forest
    from poolwise.plot.weight_function_plot import weight_function

# Loaded when first asked for, with the checks and methods that they draw; not what bears the name of its file, which
# the file would hide once it is loaded.
_LAZY = {
    "bubble_plot": ("bubble", "bubble_frame", "numeric_moderators"),
    "calibration_plot": ("calibration",),
    "caterpillar_plot": ("caterpillar",),
    "chains_plot": ("ranks", "trace"),
    "conditional_plot": ("conditional",),
    "cumulative_plot": ("cumulative", "cumulative_frame"),
    "forest_pages": ("forest_caption",),
    "forest_plot": ("forest",),
    "funnel_plot": ("funnel",),
    "labbe_plot": ("labbe", "labbe_frame"),
    "leave_one_out_plot": ("leave_one_out", "leave_one_out_frame"),
    "model_probabilities_plot": ("model_frame", "model_probabilities"),
    "operating_characteristics_plot": ("operating_characteristics", "operating_characteristics_frame"),
    "posterior_plot": ("posterior",),
    "prior_panel_plot": ("prior_panel",),
    "prior_predictive_plot": ("prior_predictive",),
    "prior_surface_plot": ("prior_surface",),
    "prisma_plot": ("prisma",),
    "publication_bias_plot": ("publication_bias", "publication_bias_frame"),
    "radial_plot": ("radial", "radial_frame"),
    "ranges_plot": ("ranges",),
    "s_value_plot": ("s_value", "s_value_frame"),
    "shrinkage_plot": ("shrinkage", "shrinkage_frame"),
    "specification_curve_plot": ("specification_curve",),
    "summary_forest_plot": ("summary_forest",),
    "weight_function_plot": ("weight_function",),
}

__all__ = [
    "bubble", "bubble_frame", "calibration", "caterpillar", "caterpillar_frame", "close", "conditional",
    "conditional_frame", "cumulative", "cumulative_frame", "dark", "forest", "forest_caption", "forest_frame", "funnel",
    "funnel_frame", "labbe", "labbe_frame", "leave_one_out", "leave_one_out_frame", "model_frame",
    "model_probabilities", "numeric_moderators", "operating_characteristics", "operating_characteristics_frame",
    "posterior", "posterior_frame", "prior_panel", "prior_predictive", "prior_surface", "prisma", "publication_bias",
    "publication_bias_frame", "radial", "radial_frame", "ranges", "ranges_frame", "ranks", "s_value", "s_value_frame",
    "shrinkage", "shrinkage_frame", "specification_curve", "specification_curve_frame", "summary_forest",
    "summary_forest_frame", "theme", "trace", "weight_frame", "weight_function", "width", "z_frame", "z_plot",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    module = next((module for module, names in _LAZY.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module 'poolwise.plot' has no attribute '{name}'")
    value = globals()[name] = getattr(importlib.import_module(f"poolwise.plot.{module}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
