"""Packed data: the same density, read from fewer arrays."""

from __future__ import annotations

import numpy as np
import pytest

from poolwise.engines._packed import packed
from poolwise.priors import HalfNormal, Normal
from poolwise.pymc_models.crossed_effects import crossed_effects
from poolwise.pymc_models.random_effects import random_effects


def test_a_packed_model_has_the_density_of_the_model_with_the_data_that_it_is_given() -> None:
    y, v = np.array([0.1, -0.3, 0.8]), np.array([0.1, 0.2, 0.3])
    Z, of = np.eye(3)[[0, 1, 1]], np.zeros(3, dtype=np.int64)

    def make(y, v, mu, tau):
        return crossed_effects(y, v, Z, of, mu, {"0": tau}, HalfNormal(0.7))

    there = make(y, v, Normal(0.2, 0.5), HalfNormal(0.4))
    one = packed(make(np.zeros(3), np.ones(3), Normal(0.0, 1.0), HalfNormal(1.0)))
    assert one.places == {
        "packed effect": ("y", "v"),
        "packed": ("mu_mean", "mu_sd", "tau[0]_scale", "tau_within_scale"),
    }
    given = {"y": y, "v": v, "Z": Z, "of": of, "mu_mean": 0.2, "mu_sd": 0.5, "tau[0]_scale": 0.4}
    data = one.data(given | {"tau_within_scale": 0.7})
    assert set(data) == {"packed", "packed effect", "Z", "of"}
    logp = one.model.compile_logp()
    for shared in logp.f.get_shared():
        if shared.name in data:
            shared.set_value(np.asarray(data[shared.name], dtype=shared.dtype))
    point = there.initial_point()
    assert logp(point) == pytest.approx(there.compile_logp()(point), rel=1e-14)


def test_what_is_observed_is_not_packed_and_variables_keep_their_order() -> None:
    model = random_effects(np.zeros(2), np.ones(2), Normal(0.0, 1.0), HalfNormal(1.0))
    one = packed(model)
    assert one.places == {"packed": ("mu_mean", "mu_sd", "tau_scale")}
    assert [rv.name for rv in one.model.free_RVs] == ["mu", "tau"]
