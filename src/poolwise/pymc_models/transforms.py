"""What the sampler sees of mean effects and of standard deviations."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
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


@final
class Probit(Transform):
    """x = 2 Phi(z) - 1 in (-1, 1), whose z is sampled: of a uniform law it makes a standard normal one.

    A posterior near the uniform prior has a logistic law in logits, whose tails a trajectory follows less well: limits
    of skewness on 13 studies took 1.3 times as many draws.
    """

    name = "probit"
    ndim_supp = 0

    def backward(self, value: TensorVariable, *_: TensorVariable) -> TensorVariable:
        """From z to x."""
        return pt.erf(value * np.sqrt(0.5))

    def forward(self, value: TensorVariable, *_: TensorVariable) -> TensorVariable:
        """From x to z."""
        return np.sqrt(2.0) * pt.erfinv(value)

    def log_jac_det(self, value: TensorVariable, *_: TensorVariable) -> TensorVariable:
        """Log of dx / dz."""
        return 0.5 * np.log(2.0 / np.pi) - 0.5 * value**2


@final
class Supported(Transform):
    """A value within the support of a tabulated prior, from any x; s is the prior's width, or 1 where that is more.

    Between two ends lower + (upper - lower) / (1 + exp(-x)); above one end lower + s log(1 + exp(x)), or lower + s
    exp(x) where the density falls as a power only; below one end the same turned round; else middle + s x.
    """

    name = "supported"
    ndim_supp = 0

    def backward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """From x to the value; the last inputs of the variable are lower, upper, middle, width and heavy."""
        lower, upper, middle, s, above, below, heavy = _support(inputs)
        turned = pt.switch(below, -value, value)
        away = s * pt.switch(heavy, pt.exp(pt.switch(heavy, turned, 0.0)), pt.softplus(turned))
        between = lower + (upper - lower) * pt.sigmoid(value)
        on_line = pt.switch(below, upper - away, middle + s * value)
        return pt.switch(above, pt.switch(below, between, lower + away), on_line)

    def forward(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """From the value to x."""
        lower, upper, middle, s, above, below, heavy = _support(inputs)
        one_sided, between = pt.neq(above, below), above & below
        ratio = pt.switch(one_sided, pt.switch(above, value - lower, upper - value) / s, 1.0)
        away = pt.switch(heavy, pt.log(ratio), ratio + pt.log(-pt.expm1(-ratio)))
        share = pt.switch(between, (value - lower) / (upper - lower), 0.5)
        inside = pt.switch(between, pt.log(share) - pt.log1p(-share), (value - middle) / s)
        return pt.switch(one_sided, pt.switch(below, -away, away), inside)

    def log_jac_det(self, value: TensorVariable, *inputs: TensorVariable) -> TensorVariable:
        """Log of the value's derivative."""
        lower, upper, _, s, above, below, heavy = _support(inputs)
        turned = pt.switch(below, -value, value)
        away = pt.log(s) + pt.switch(heavy, turned, -pt.softplus(-turned))
        between = pt.log(upper - lower) - pt.softplus(value) - pt.softplus(-value)
        return pt.switch(pt.neq(above, below), away, pt.switch(above, between, pt.log(s)))


def _support(inputs: tuple[TensorVariable, ...]) -> tuple[TensorVariable, ...]:
    """Ends (0 and 1 where they are infinite), middle, s, whether there are a lower and an upper end, and heavy."""
    lower, upper, middle, width, heavy = inputs[-5:]
    above, below = pt.gt(lower, -np.inf), pt.lt(upper, np.inf)
    bottom = pt.switch(above, lower, 0.0)
    top = pt.switch(below, upper, bottom + 1.0)
    bottom = pt.switch(above, bottom, top - 1.0)
    return bottom, top, middle, pt.minimum(width, 1.0), above, below, pt.gt(heavy, 0.5)
