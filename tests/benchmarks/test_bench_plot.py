"""Speed of the forest plot, drawn and saved, in seconds of the processor."""

from __future__ import annotations

import io
from time import process_time

import matplotlib as mpl
import numpy as np
import pytest

import poolwise as pw

pytestmark = pytest.mark.benchmark_long
SHARED = 2  # how much slower a machine may be that does other work too


@pytest.mark.parametrize(("k", "limit"), [(20, 0.5), (300, 3.0)])
def test_a_forest_is_drawn_within_the_limit(k, limit):
    mpl.use("agg")
    rng = np.random.default_rng(1)
    se = rng.uniform(0.1, 0.5, k)
    effects = pw.Effects(rng.normal(0.3, 0.2, k), se=se, study=[f"Author {i}" for i in range(k)], scale="SMD")
    result, times = pw.fit(effects, pw.RandomEffects(), pw.Exact()), []
    for _ in range(4):  # the first loads fonts
        began = process_time()
        ax = pw.plot.forest(result)
        ax.figure.savefig(io.BytesIO(), format="png")
        times.append(process_time() - began)
        pw.plot.close(ax)
    print(f"{k} studies: first {times[0]:.2f} s, then {min(times[1:]):.2f} s")
    assert min(times[1:]) < limit
    assert times[0] < SHARED * limit + 1.0
