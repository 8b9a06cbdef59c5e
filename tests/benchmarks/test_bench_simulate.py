"""Speed of operating characteristics. Run by `make bench`; the limits are those that were promised."""

import time
import tracemalloc

import pytest

import poolwise as pw
from benchmarks.yardstick import yardstick
from poolwise import priors
from poolwise.simulate import Design, operating_characteristics

pytestmark = pytest.mark.benchmark_long
EXACT = {"exact": (pw.RandomEffects(mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5)), pw.Exact())}
SIX = {
    f"{tau2}, {interval}": (pw.RandomEffects(), pw.ClosedForm(tau2=tau2, interval=interval))
    for tau2, interval in (
        ("REML", "wald"), ("REML", "hartung-knapp"), ("DL", "wald"), ("PM", "hartung-knapp"), ("ML", "t"),
    )
} | {"common effect": (pw.CommonEffect(), pw.ClosedForm())}  # fmt: skip


def tables(k, methods, count, **where):
    truth = {"mu": 0.2, "tau": 0.2}
    return operating_characteristics(Design(k, 0.2), methods, truth=truth, replications=count, progress=False, **where)


def record(benchmark, work, limit):
    benchmark.pedantic(work, rounds=1, warmup_rounds=1)
    median = benchmark.stats.stats.median
    benchmark.extra_info["yardsticks"] = round(median / yardstick(), 2)
    assert median < limit


def test_a_hundred_thousand_tables_of_ten_by_six_closed_forms(benchmark):
    record(benchmark, lambda: tables(10, SIX, 100_000), 60.0)


def test_a_hundred_thousand_exact_posteriors_of_three_on_all_cores(benchmark):
    record(benchmark, lambda: tables(3, EXACT, 100_000, executor="joblib"), 10.0)


def test_ten_times_as_many_tables_take_no_more_memory():
    peaks = []
    for count in (20_000, 200_000):
        tracemalloc.start()
        tables(10, {"common effect": SIX["common effect"]}, count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 5e6  # the tallies and keys of the parts


@pytest.mark.parametrize("posteriors", [300_000])
def test_two_workers_of_a_cluster_are_nearly_twice_as_fast(posteriors):
    from distributed import Client, LocalCluster

    seconds = []
    for workers in (1, 2):
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            client.run(lambda: __import__("poolwise.simulate"))
            began = time.perf_counter()
            tables(3, EXACT, posteriors, executor=client)
            seconds.append(time.perf_counter() - began)
    assert seconds[0] / seconds[1] > 1.7
