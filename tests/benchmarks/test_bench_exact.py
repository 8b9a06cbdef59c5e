"""Speed of the exact engine. Run by `make bench`; the limits are those that were promised."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from benchmarks.yardstick import yardstick
from poolwise import priors
from support.tables import table

pytestmark = pytest.mark.benchmark_long
TESTS = Path(__file__).parents[1]
MODEL = pw.RandomEffects(mu=priors.Normal(0, 2), tau=priors.HalfNormal(0.5))


def record(benchmark, work, limit, rounds):
    benchmark.pedantic(work, rounds=rounds, warmup_rounds=1)
    median = benchmark.stats.stats.median
    benchmark.extra_info["yardsticks"] = round(median / yardstick(), 2)
    assert median < limit


def intervals(result):
    return [quantity.interval(0.95) for quantity in result.quantities.values()]


def test_one_fit_with_the_intervals_of_mu_tau_and_theta_new(benchmark):
    effects = table("bcg")

    def work():
        result = pw.fit(effects, MODEL, pw.Exact())
        return [(result[name].point, result[name].interval(0.95)) for name in ("mu", "tau", "theta_new")]

    record(benchmark, work, 0.005, 60)


def test_one_fit_with_every_study_too(benchmark):
    effects = table("bcg")

    def work():
        result = pw.fit(effects, MODEL, pw.Exact())
        return [q.interval(0.95) for q in (*result.quantities.values(), *result.studies.values())]

    record(benchmark, work, 0.005, 60)


def test_a_thousand_priors_on_one_table(benchmark):
    effects = table("bcg")
    models = [pw.RandomEffects(mu=priors.Normal(0, 2), tau=priors.HalfNormal(s)) for s in np.geomspace(0.05, 5, 1000)]
    record(benchmark, lambda: pw.fit_batch(effects.y, effects.se, models, pw.Exact()), 0.1, 15)


def test_twenty_thousand_tables_of_three(benchmark):
    rng = np.random.default_rng(0)
    se = np.sqrt(rng.uniform(0.02, 0.2, (20_000, 3)))
    y = rng.normal(0.3, np.hypot(se, 0.2))
    record(benchmark, lambda: pw.fit_batch(y, se, MODEL, pw.Exact()), 1.0, 5)


def test_prior_panel_of_ten(benchmark):
    effects = table("misconduct")
    record(benchmark, lambda: pw.checks.prior_panel(effects), 0.02, 20)


def test_surface_of_sixteen_hundred_pairs_of_priors(benchmark):
    effects = table("misconduct")
    record(benchmark, lambda: pw.checks.prior_surface(effects), 0.15, 10)


def test_every_study_left_out(benchmark):
    effects = table("bcg")
    record(benchmark, lambda: pw.checks.leave_one_out(effects, MODEL), 0.05, 10)


def test_a_meta_regression(benchmark):
    effects = pw.datasets.load("bcg")
    model = pw.MetaRegression("~ ablat", tau=priors.HalfNormal(0.5))
    record(benchmark, lambda: intervals(pw.fit(effects, model, pw.Exact())), 0.02, 20)


def test_three_levels_of_a_hundred_effects(benchmark):
    effects = pw.datasets.load("assink2016")
    model = pw.ThreeLevel(tau_between=priors.HalfNormal(0.5), tau_within=priors.HalfNormal(0.5))
    record(benchmark, lambda: intervals(pw.fit(effects, model, pw.Exact())), 0.2, 10)


def test_joint_outcomes_of_27_effects(benchmark):
    effects = pw.datasets.load("working_alliance")
    record(benchmark, lambda: pw.fit(effects, pw.JointOutcomes(), pw.Exact())["mu[misconduct]"], 0.5, 5)


def test_a_thousand_studies(benchmark):
    rng = np.random.default_rng(0)
    se = rng.uniform(0.05, 0.5, 1000)
    effects = pw.Effects(rng.normal(0.2, np.hypot(se, 0.3)), se=se, scale="SMD")

    def work():
        result = pw.fit(effects, MODEL, pw.Exact())
        return [q.interval(0.95) for q in (*result.quantities.values(), *result.studies.values())]

    record(benchmark, work, 0.03, 10)


def scaled_by(k, moderators):
    """A table whose heterogeneity depends on moderators, and the model that says so."""
    rng = np.random.default_rng(1)
    names = ["a", "b", "c"][:moderators]
    columns = pd.DataFrame(rng.standard_normal((k, moderators)), columns=names)
    se = rng.uniform(0.1, 0.3, k)
    sd = np.hypot(se, 0.2 * np.exp(columns.to_numpy() @ [0.5, -0.3, 0.2][:moderators]))
    effects = pw.Effects(0.3 + sd * rng.standard_normal(k), se=se, moderators=columns, scale="SMD")
    return effects, pw.LocationScale(names, beta=priors.Normal(0, 1))


LOG_TAU = pytest.mark.parametrize(
    ("k", "moderators", "limit", "memory"),
    [(13, 2, 0.5, 300), (200, 2, 0.5, 300), (13, 3, 3.0, 600), (200, 3, 3.0, 700)],
)


@LOG_TAU
def test_moderators_of_log_tau(benchmark, k, moderators, limit, memory):
    record(benchmark, lambda: pw.fit(*scaled_by(k, moderators), pw.Exact()), limit, 3)


FIRST = """
import resource
import poolwise as pw
from benchmarks.test_bench_exact import scaled_by, table
pw.fit(table("bcg"), pw.RandomEffects(), pw.Exact())  # what every first fit imports
before = resource.getrusage(resource.RUSAGE_SELF)
pw.fit(*scaled_by({k}, {moderators}), pw.Exact())
after = resource.getrusage(resource.RUSAGE_SELF)
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, int(peak) / 1024)
"""


@LOG_TAU
def test_the_first_of_them_in_a_process(benchmark, k, moderators, limit, memory):
    """Seconds of a processor, those in which it hands out memory among them, and megabytes of its own."""
    program = [sys.executable, "-c", FIRST.format(k=k, moderators=moderators)]
    spent = []

    def work():
        out = subprocess.run(program, check=True, capture_output=True, text=True, cwd=TESTS)
        spent.append([float(number) for number in out.stdout.split()])

    benchmark.pedantic(work, rounds=3)
    seconds, megabytes = np.median(spent, axis=0)
    benchmark.extra_info.update({"seconds": round(seconds, 2), "megabytes": round(megabytes)})
    assert seconds < limit
    assert megabytes < memory
