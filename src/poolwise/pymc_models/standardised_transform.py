"""What the sampler sees of a variable that is standardised."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import pytensor.tensor as pt
from pymc.distributions.transforms import Transform

if TYPE_CHECKING:
    from pytensor.tensor import TensorVariable


@final
class Standardised(Transform):
    """x = centre + spread z, whose z is sampled: centre and spread are the last two parameters of the variable.

    Where Normal(centre, spread) is the law of x given tau and the estimates, z is Normal(0, 1) whatever tau is: a
    posterior in which x spreads out as tau grows has no funnel in z.
    """

    name = "standardised"
    ndim_supp = 0

    def backward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """From z to x; the inputs of the variable are its size, its parameters and a generator."""
        return inputs[-3] + inputs[-2] * value

    def forward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """From x to z."""
        return (value - inputs[-3]) / inputs[-2]

    def log_jac_det(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """Log of dx / dz."""
        return pt.log(inputs[-2]) + pt.zeros_like(value)
