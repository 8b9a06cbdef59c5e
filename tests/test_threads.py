"""One thread of linear algebra inside a fit, and the caller's number of them afterwards."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import poolwise as pw
from poolwise.engines.closed_form import engine as closed_form
from poolwise.engines.exact import answer as exact
from poolwise.engines.nuts import planned as nuts
from poolwise.quadrature.boxes import boxes
from poolwise.threads import most_threads, one_thread

P = pw.priors
Y, SE = np.array([0.1, 0.3, 0.5, 0.2]), np.array([0.1, 0.2, 0.15, 0.3])


@pytest.fixture(autouse=True)
def two_threads():
    most_threads()  # loads the libraries of NumPy and of SciPy, so that both are limited here
    with threadpool_limits(2, user_api="blas"):
        if most_threads() != 2:
            pytest.skip("the linear algebra of this machine does not tell its threads")
        yield


@pytest.fixture
def effects():
    return pw.Effects(Y, se=SE, study=["a", "b", "c", "d"])


def test_a_hold_is_one_thread_and_gives_back_two():
    with one_thread():
        assert most_threads() == 1
        with one_thread():
            assert most_threads() == 1
        assert most_threads() == 1
    assert most_threads() == 2


def test_an_error_inside_gives_back_two():
    with pytest.raises(KeyError), one_thread(), one_thread():
        raise KeyError
    assert most_threads() == 2


def test_of_holds_that_overlap_the_last_gives_back():
    both = Barrier(2)

    def hold(longer):
        with one_thread():
            both.wait()
            if longer:
                both.wait()
                return most_threads()
        return both.wait() and 0

    with ThreadPoolExecutor(2) as pool:
        assert 1 in pool.map(hold, (True, False))
    assert most_threads() == 2


@pytest.mark.parametrize(
    ("module", "name", "engine"),
    [
        (closed_form, "estimate_tau2", pw.ClosedForm()),
        (exact, "quadrature", pw.Exact()),
        (nuts, "refuse_improper", pw.NUTS(draws=100, tune=100, chains=1)),
    ],
)
def test_every_engine_fits_by_one_thread_and_gives_back_two_when_it_fails(effects, monkeypatch, module, name, engine):
    seen = []

    def stop(*_, **__):
        seen.append(most_threads())
        raise ZeroDivisionError

    monkeypatch.setattr(module, name, stop)
    with pytest.raises(ZeroDivisionError):
        engine.fit(effects, pw.RandomEffects(mu=P.Normal(0, 1), tau=P.HalfNormal(0.5)))
    assert seen == [1]
    assert most_threads() == 2


def test_a_batch_is_fitted_by_one_thread(monkeypatch):
    seen = []
    usual = np.concatenate
    monkeypatch.setattr(np, "concatenate", lambda *a, **b: (seen.append(most_threads()), usual(*a, **b))[1])
    pw.fit_batch(Y, SE, pw.RandomEffects(mu=P.Normal(0, 1), tau=P.HalfNormal(0.5)), pw.Exact())
    assert set(seen) == {1}
    assert most_threads() == 2


def test_what_is_integrated_when_it_is_first_read_is_held_too(monkeypatch):
    result = pw.fit(pw.datasets.load("assink2016"), pw.ThreeLevel(), pw.Exact())
    seen = []
    usual = boxes._look
    monkeypatch.setattr(boxes, "_look", lambda *a, **b: (seen.append(most_threads()), usual(*a, **b))[1])
    result["tau"].interval()
    assert set(seen) == {1}
    assert most_threads() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_of_a_held_process_can_hold_and_release():
    with one_thread():
        child = os.fork()
        if child == 0:
            with one_thread():
                os._exit(most_threads() - 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert most_threads() == 2
