"""Fits and study tables that the tests of the pictures share; every figure is closed after its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import poolwise as pw

mpl.use("agg")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    from matplotlib import pyplot

    yield
    pyplot.close("all")


@pytest.fixture
def study_table() -> Callable[..., pw.Effects]:
    """A table of k studies with long labels, one of them with an interval far wider than the others."""

    def build(k: int, *, enormous: bool = False) -> pw.Effects:
        rng = np.random.default_rng(20)
        se = rng.uniform(0.08, 0.5, k)
        if enormous:
            se[-1] = 4.0
        names = [f"A rather long first author, a second one & the $\\alpha_{i}$ group {1980 + i}" for i in range(k)]
        names[0] = "Müller <b>1980</b> 😀 שלום 中文 \U0001faf6"
        return pw.Effects(
            rng.normal(0.3, 0.25, k) + se * rng.normal(size=k),
            se=se,
            study=names,
            n=np.ceil(4.0 / se**2),
            scale="SMD",
            title=f"{k} studies of $x_1$ and <i>y</i>",
            moderators=pd.DataFrame({"setting": np.where(np.arange(k) % 3 == 0, "prison", "community")}),
            directions=("favours the control group", "favours the treatment group"),
        )

    return build


@pytest.fixture(scope="session")
def bcg() -> pw.Effects:
    return pw.datasets.load("bcg")


@pytest.fixture(scope="session")
def exact(bcg: pw.Effects) -> pw.Result:
    return pw.fit(bcg, pw.RandomEffects(), pw.Exact())


@pytest.fixture(scope="session")
def reml(bcg: pw.Effects) -> pw.Result:
    return pw.fit(bcg, pw.RandomEffects(), pw.ClosedForm())


@pytest.fixture(scope="session")
def misconduct() -> pw.Effects:
    return pw.datasets.load("working_alliance").select(outcome="misconduct")
