"""What the sampler sees of mean effects and of standard deviations."""

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


@final
class Straightened(Transform):
    """tau = s log(1 + exp(x)), whose x is sampled: like log(tau) near zero and like tau / s far from it.

    s is the scale of the prior, the last parameter of the variable, or 1 where that is less. log(tau) itself makes of a
    tail like a normal one a wall, at which a trajectory needs small steps.
    """

    name = "straightened"
    ndim_supp = 0

    def backward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """From x to tau; the last input of the variable is the scale of its prior."""
        return pt.minimum(inputs[-1], 1.0) * pt.softplus(value)

    def forward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """From tau to x."""
        ratio = value / pt.minimum(inputs[-1], 1.0)
        return ratio + pt.log(-pt.expm1(-ratio))

    def log_jac_det(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """Log of d tau / dx."""
        return pt.log(pt.minimum(inputs[-1], 1.0)) - pt.softplus(-value)
