"""Published simulation studies run again: printed figures, shapes that abstracts state, and laws known exactly.

Replications are few, for speed: a printed figure may be off by its rounding (half a percentage point) and three Monte
Carlo errors, theirs of 10,000 tables and ours together; for a coverage of 95 % that is 1.6 points, for a power of 50 %
3.1. `make simulations` runs 100,000 tables and writes tests/reference/simulations/simulations.md, which is held to one
percentage point where its figures come from 20,000 tables.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

import poolwise as pw
from support import published_simulations as published
from support.published_simulations import DL, HKSJ, MKH, OF_DL

ERRORS = 3.0  # Monte Carlo errors
NEAR = 100.0 * ERRORS * np.sqrt(0.95 * 0.05 / 4000)  # percentage points, of a coverage of 95 % in 4,000 tables
SD, K = 0.2, 3  # of equal standard errors, for what is known exactly
Z = stats.norm.ppf(0.975)
ROUND = published.ROUNDING


@pytest.fixture(scope="module")
def friedrich():
    return published.friedrich(4000)


@pytest.mark.parametrize("name", published.PRINTED)
def test_figures_of_friedrich_are_reproduced(friedrich, name):
    off = friedrich[f"{name}_off"] > ERRORS * friedrich[f"{name}_error"]
    assert len(friedrich) == 120
    assert not off.any(), friedrich.loc[off, ["design", "mu", "tau", f"{name}_printed", name, f"{name}_error"]]


def test_another_interval_would_not_reproduce_them():
    printed = 88.0  # Table 3, MD, n = 100/100, k = 5, tau = 0.5 s
    design = pw.simulate.Arms(k=5, n1=100, n2=100)
    found = published.run(design, {HKSJ: OF_DL[HKSJ]}, {"mu": 0.2, "tau": 0.5}, 4000).iloc[0]
    assert 100 * found["coverage"] - printed > 5.0


@pytest.fixture(scope="module")
def held():
    return published.held(4000)


@pytest.mark.parametrize("name", published.COMPARED)
def test_figures_of_held_are_reproduced(held, name):
    off = held[f"{name}_off"] > ERRORS * held[f"{name}_error"]
    assert len(held) == 47
    assert not off.any(), held.loc[off, ["k", "i2", "large", "method", f"{name}_printed", name, f"{name}_error"]]


def test_the_page_has_every_coverage_of_held_within_a_point():
    page = (published.HERE / "simulations.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| held | ")]
    assert len(rows) == 47
    assert max(abs(float(theirs) - float(ours)) for *_, theirs, ours, _, _, _, _ in rows) <= 1.0


@pytest.fixture(scope="module")
def type_i():
    return published.type_i_errors((2, 3, 5), 4000)


def test_hksj_errors_at_most_double_and_those_of_dl_reach_thirty_percent(type_i):
    claims = published.paper("inthout2014")["claims"]
    worst = type_i.loc[type_i.groupby("method")["error"].idxmax()].set_index("method")
    assert worst.loc[HKSJ, "error"] < claims["hksj_at_most"] + ROUND + ERRORS * worst.loc[HKSJ, "mcse"]
    assert worst.loc[DL, "error"] > claims["dl_over"] - ERRORS * worst.loc[DL, "mcse"]
    assert worst.loc[DL, "large"] == 1


def test_unequal_sizes_mislead_dl_far_more_than_hksj(type_i):
    unequal = type_i[(type_i["large"] == 1) & (type_i["tau"] >= 1.0)]
    errors = unequal.pivot_table(index=["k", "tau"], columns="method", values="error")
    assert (errors[DL] - errors[HKSJ] > ERRORS * unequal["mcse"].max()).all()
    assert (errors[DL] - 5.0 > 2.0 * (errors[HKSJ] - 5.0)).xs(3.0, level="tau").all()


def test_hksj_is_right_for_trials_of_one_size_and_exceeds_its_level_for_unequal_ones(type_i):
    hksj = type_i[type_i["method"] == HKSJ]
    alike = hksj[hksj["large"] == 0]
    assert ((alike["error"] - 5.0).abs() < 4.0 * alike["mcse"]).all()
    unequal = hksj[(hksj["large"] == 1) & (hksj["tau"] == 1.0)]
    assert (unequal["error"] - 5.0 > ERRORS * unequal["mcse"]).all()


def test_the_modification_is_more_conservative_and_closer_to_its_level_for_unequal_sizes(type_i):
    errors = type_i.pivot_table(index=["k", "large", "tau"], columns="method", values="error")
    assert (errors[MKH] <= errors[HKSJ]).all()
    few = errors.xs(1, level="large").xs(1.0, level="tau").loc[3:]
    assert ((few[MKH] - 5.0).abs() < (few[HKSJ] - 5.0).abs()).all()


def test_two_trials_are_too_few_for_the_modification(type_i):
    pair = type_i[(type_i["k"] == 2) & (type_i["method"] == MKH)]
    assert (pair["error"] < 5.0 / 2.0).all()


@pytest.mark.filterwarnings("ignore:.*narrower than Wald's")  # what the test is about
def test_hksj_can_be_narrower_than_wald_and_the_modification_never():
    design, rng = published.trials(3, 1), np.random.default_rng(15)
    y = rng.normal(0.0, np.hypot(design.se, 0.5), (4000, 3))
    width = {}
    for name, (model, engine) in OF_DL.items():
        fits = pw.fit_batch(y, np.broadcast_to(design.se, y.shape), model, engine, provenance="simulated")
        width[name] = (fits["mu_upper"] - fits["mu_lower"]).to_numpy()
    assert (width[MKH] > width[DL]).all()
    assert (width[HKSJ] < width[DL]).mean() > 0.1
    assert (width[HKSJ] < width[MKH] * (1.0 - 1e-9)).mean() > 0.5  # the modification acts


@pytest.fixture(scope="module")
def after_reml():
    frame = published.after_reml((5, 10), 4000)
    return frame.set_index(["quantity", "method", "k", "sizes", "i2"])[["coverage", "mcse"]].sort_index()


def test_intervals_of_the_mean_after_reml_do_what_partlett_and_riley_say(after_reml):
    mean = after_reml.loc["mu"]["coverage"]
    wald, hk = mean["REML, Wald"], mean["REML, Hartung-Knapp"]
    assert wald[5]["alike"][0.9] < 90.0
    for k in (5, 10):
        assert (hk[k]["alike"] - 95.0).abs().max() < NEAR
        assert hk[k]["one large"][0.3] < hk[k]["one large"][0.9] - NEAR


def test_prediction_after_reml_does_well_with_large_heterogeneity_alone_and_worst_with_varied_sizes(after_reml):
    for method in published.OF_REML:
        new = after_reml.loc["theta_new"].loc[method]["coverage"]
        for k in (5, 10):
            assert abs(new[k]["alike"][0.9] - 95.0) < 1.0 + NEAR
            assert new[k]["one large"].min() < new[k]["alike"].min() - NEAR
            assert new[k]["one large"].min() < 90.0


@pytest.fixture(scope="module")
def bias_of_tau2():
    return published.bias_of_tau2(4000).set_index(["design", "tau2", "method"]).sort_index()


def test_dl_is_biased_downwards_with_small_studies_and_reml_less(bias_of_tau2):
    for k in (5, 20):
        small = bias_of_tau2.loc[f"SMD, k = {k}, arms of 20"].loc[0.991]
        assert small["bias"]["DL"] < -2.0 * ERRORS * small["mcse"]["DL"]
        assert small["bias"]["DL"] < small["bias"]["REML"] - ERRORS * small["mcse"]["REML"]
    assert small["bias"]["REML"] < -ERRORS * small["mcse"]["REML"]


def test_dl_is_biased_downwards_with_a_rare_outcome(bias_of_tau2):
    rare = bias_of_tau2.loc["log OR, k = 10, arms of 50, risk 5 %"].xs("DL", level="method")
    assert (rare["bias"] < -2.0 * ERRORS * rare["mcse"]).all()


def test_pm_is_biased_upwards_where_sizes_differ_much_and_reml_less(bias_of_tau2):
    varied = bias_of_tau2.loc["SMD, k = 5, arms of 20 to 200"].loc[0.0444]
    assert varied["bias"]["PM"] > ERRORS * varied["mcse"]["PM"]
    assert varied["bias"]["PM"] > varied["bias"]["REML"] + ERRORS * varied["mcse"]["PM"]


# Equal standard errors: the mean and the variance S^2 of the estimates are independent, (k - 1) S^2 / (se^2 + tau^2) is
# chi-squared, and every interval is a function of S^2 about the mean.


def expected(of, tau, k=K):
    """Mean of a function of S^2 over its law."""
    df, scale = k - 1, (SD**2 + tau**2) / (k - 1)
    law = stats.chi2(df)
    edges = [0.0, min(SD**2 / scale, 60.0), df + 40.0 * np.sqrt(df)]  # the estimate of tau leaves 0 at S^2 = se^2
    parts = itertools.pairwise(edges)
    return sum(integrate.quad(lambda q: of(q * scale) * law.pdf(q), *ends, limit=200)[0] for ends in parts)


def simulated(methods, tau, quantity="mu", k=K):
    frame = published.run(pw.simulate.Design(k=k, se=SD), methods, {"mu": 0.0, "tau": tau}, 20_000)
    return frame[frame["quantity"] == quantity].set_index("method")


@pytest.mark.parametrize("tau", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("k", [2, 3])
def test_intervals_of_the_mean_at_equal_standard_errors(k, tau):
    found = simulated(OF_DL, tau, k=k)
    sd, t = np.sqrt((SD**2 + tau**2) / k), stats.t.ppf(0.975, k - 1)

    def inside(reach):
        return expected(lambda s2: 2.0 * stats.norm.cdf(reach(s2) / sd) - 1.0, tau, k)

    exact = {
        HKSJ: 0.95,
        DL: inside(lambda s2: Z * np.sqrt(max(s2, SD**2) / k)),
        MKH: inside(lambda s2: t * np.sqrt(max(s2, SD**2) / k)),
    }
    for name, value in exact.items():
        assert abs(found.loc[name, "coverage"] - value) < 4.0 * found.loc[name, "coverage_mcse"] + 1e-4, name


def test_two_studies_that_differ_widely_mislead_dl_three_times_in_ten():
    limit = 2.0 * stats.t.sf(Z, df=1)  # the mean over its standard error is Student's t with one degree of freedom
    found = simulated({DL: OF_DL[DL]}, 100.0, k=2)
    assert limit == pytest.approx(0.3, abs=0.001)
    assert abs(found.loc[DL, "rejection"] - limit) < 4.0 * found.loc[DL, "rejection_mcse"]


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_prediction_after_reml_at_equal_standard_errors(tau):
    method = {"REML": (pw.RandomEffects(), pw.ClosedForm(prediction="t"))}
    found, t = simulated(method, tau, "theta_new").loc["REML"], stats.t.ppf(0.975, K - 1)
    sd = np.sqrt((SD**2 + tau**2) / K + tau**2)

    def reach(s2):
        return t * np.sqrt(max(s2 - SD**2, 0.0) + max(s2, SD**2) / K)

    exact = expected(lambda s2: 2.0 * stats.norm.cdf(reach(s2) / sd) - 1.0, tau)
    assert abs(found["coverage"] - exact) < 4.0 * found["coverage_mcse"]


@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_estimators_of_tau_at_equal_standard_errors(tau):
    ends = {"DL": 1.0, "HE": 1.0, "PM": 1.0, "REML": 1.0, "ML": (K - 1) / K, "HS": (K - 1) / K}
    methods = {name: (pw.RandomEffects(), pw.ClosedForm(tau2=name)) for name in ends}
    found = simulated(methods, tau, "tau")
    for name, factor in ends.items():
        # of ML and HS the estimate leaves 0 at a larger S^2
        exact = expected(lambda s2, f=factor: np.sqrt(max(f * s2 - SD**2, 0.0)), tau) - tau
        assert abs(found.loc[name, "bias"] - exact) < 4.0 * found.loc[name, "bias_mcse"], name
    assert (found.loc[["ML", "HS"], "bias"].max() < found.loc[["DL", "HE", "PM", "REML"], "bias"]).all()
