"""Operating characteristics against what is known in closed form, within their own Monte Carlo errors."""

from __future__ import annotations

import functools
import json
import sys
from multiprocessing import spawn

import numpy as np
import pytest
from scipy import integrate, stats

import poolwise as pw
from poolwise.simulate.characteristics.running import _script_not_run_again
from poolwise.simulate.characteristics.tallies import SUMS, characteristics
from poolwise.simulate.characteristics.true_effects import LAWS, as_law

MCSE = 4.0  # Monte Carlo errors by which a simulated number may miss a known one
SE = np.array([0.1, 0.15, 0.2, 0.25])
COMMON = {"common": (pw.CommonEffect(), pw.ClosedForm())}
RANDOM = pw.RandomEffects(mu=pw.priors.Normal(0, 1), tau=pw.priors.HalfNormal(0.5))
DESIGN = pw.simulate.Design(k=4, se=SE)
run = functools.partial(pw.simulate.operating_characteristics, progress=False)


def row(answer, quantity="mu", **where):
    """The one row of a frame that is meant."""
    frame = answer.frame[answer.frame["quantity"] == quantity]
    for name, value in where.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def agrees(found, name, expected):
    assert abs(found[name] - expected) < MCSE * found[f"{name}_mcse"], (name, found[name], expected)


@pytest.fixture(scope="module")
def common():
    return run(DESIGN, COMMON, truth={"mu": [0.0, 0.1], "tau": [0.0, 0.2]}, replications=20_000)


@pytest.mark.parametrize("tau", [0.0, 0.2])
def test_coverage_and_error_of_a_common_effect_are_those_of_a_weighted_mean(common, tau):
    w = SE**-2 / (SE**-2).sum()
    sd = np.sqrt((w**2 * (SE**2 + tau**2)).sum())
    reach = stats.norm.ppf(0.975) / np.sqrt((SE**-2).sum())
    found = row(common, mu=0.1, tau=tau)
    agrees(found, "coverage", 2 * stats.norm.cdf(reach / sd) - 1)
    agrees(found, "bias", 0.0)
    agrees(found, "rmse", sd)
    assert found["width"] == pytest.approx(2 * reach)


@pytest.mark.parametrize("tau", [0.0, 0.2])
def test_errors_of_sign_and_size_are_integrals_over_the_estimate(common, tau):
    w, mu = SE**-2 / (SE**-2).sum(), 0.1
    law = stats.norm(mu, np.sqrt((w**2 * (SE**2 + tau**2)).sum()))
    reach = stats.norm.ppf(0.975) / np.sqrt((SE**-2).sum())
    right, wrong = law.sf(reach), law.cdf(-reach)
    size = sum(integrate.quad(lambda x: abs(x) * law.pdf(x), *ends)[0] for ends in ((-2, -reach), (reach, 2)))
    found = row(common, mu=mu, tau=tau)
    agrees(found, "rejection", right + wrong)
    agrees(found, "right_side", right)
    agrees(found, "wrong_side", wrong)
    agrees(found, "type_s", wrong / (right + wrong))
    agrees(found, "exaggeration", size / (right + wrong) / mu)


def test_without_an_effect_there_is_no_side(common):
    found = row(common, mu=0.0, tau=0.0)
    agrees(found, "rejection", 0.05)
    assert found["right_side"] == found["wrong_side"] == 0.0
    assert np.isnan(found["type_s"])
    assert np.isnan(found["exaggeration"])


def test_a_posterior_is_calibrated_on_draws_from_its_prior():
    answer = run(DESIGN, {"exact": (RANDOM, pw.Exact())}, truth=RANDOM, replications=5000)
    for quantity in ("mu", "tau", "theta_new"):
        agrees(row(answer, quantity), "coverage", 0.95)
        agrees(row(answer, quantity), "missed_below", 0.025) if quantity != "theta_new" else None
    bins = answer.calibration
    error = np.sqrt(bins["p_above"] * (1 - bins["p_above"]) / bins["count"])
    assert (np.abs(bins["p_above"] - bins["truly_above"]) < MCSE * error).all()


def test_batches_and_single_fits_say_the_same():
    methods = {
        "exact": (RANDOM, pw.Exact()),
        "one by one": lambda effects: pw.fit(effects, RANDOM, pw.Exact()),
        "closed": (pw.RandomEffects(), pw.ClosedForm()),
        "closed, one by one": lambda effects: pw.fit(effects, pw.RandomEffects(), pw.ClosedForm()),
    }
    frame = run(DESIGN, methods, truth={"mu": 0.2, "tau": 0.2}, replications=12).frame
    numbers = frame.select_dtypes("number").columns.difference(["p_above", "p_above_mcse"])
    for batch, single in (("exact", "one by one"), ("closed", "closed, one by one")):
        a, b = (frame[frame["method"] == name][numbers].to_numpy(float) for name in (batch, single))
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    p = frame.set_index(["method", "quantity"])["p_above"]
    assert p["exact", "mu"] == pytest.approx(p["one by one", "mu"], abs=1e-9)
    assert np.isnan(p["closed", "mu"])  # a confidence interval never answers a probability question


def test_a_table_depends_on_its_own_truth_alone():
    alone = run(DESIGN, COMMON, truth={"mu": 0.1, "tau": 0.2}, replications=1500).frame
    among = run(DESIGN, COMMON, truth={"mu": [0.0, 0.1], "tau": [0.1, 0.2]}, replications=1500).frame
    same = among[(among["mu"] == 0.1) & (among["tau"] == 0.2)].reset_index(drop=True)
    assert same.equals(alone)


def test_processes_change_no_number():
    settings = {"truth": {"mu": 0.1, "tau": [0.0, 0.2]}, "replications": 2100}
    here = run(DESIGN, COMMON, **settings)
    assert run(DESIGN, COMMON, executor="joblib", **settings).frame.equals(here.frame)


def test_workers_of_dask_do_not_run_the_script_again(monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", "script.py", raising=False)
    with _script_not_run_again():
        assert not {"init_main_from_name", "init_main_from_path"} & set(spawn.get_preparation_data("worker"))
        assert main.__file__ is None
    assert main.__file__ == "script.py"


def test_a_run_that_was_stopped_goes_on_and_repeats_nothing(tmp_path):
    path, asked = tmp_path / "kept.jsonl", {"truth": {"mu": 0.1, "tau": [0.0, 0.2]}}
    whole = run(DESIGN, COMMON, replications=3000, **asked)

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(DESIGN, COMMON, replications=3000, keep=path, **asked | {"progress": stop})
    with path.open("a") as file:
        file.write('{"part": "torn')
    seen = []
    told = {"progress": lambda done, total: seen.append((done, total))}
    again = run(DESIGN, COMMON, replications=3000, keep=path, **asked | told)
    assert seen[0] == (2, 6)
    assert again.frame.equals(whole.frame)
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 1 + 6


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n")
    with pytest.raises(pw.PoolwiseError, match=r"notes\.txt"):
        run(DESIGN, COMMON, truth={"mu": 0}, replications=10, keep=path)
    assert path.read_text() == "my notes\n"


@pytest.mark.parametrize("law", [*LAWS.values(), as_law(stats.gamma(2.0))], ids=repr)
def test_laws_of_true_effects_have_mean_0_sd_1_and_their_own_distribution_function(law):
    x = law.draw(np.random.default_rng(3), (200_000,))
    assert abs(x.mean()) < 5 / np.sqrt(x.size)
    assert stats.kstest(x, law.cdf).pvalue > 1e-4
    grid = np.linspace(-400, 400, 800_001)  # the variance by parts: twice the integral of x (1 - F(x) - F(-x))
    far = grid[grid >= 0]
    variance = integrate.trapezoid(2 * far * (1 - law.cdf(far) + law.cdf(-far)), far)
    assert variance == pytest.approx(1.0, abs=0.01)


def test_exact_prediction_coverage_of_a_skewed_law_is_that_of_its_draws():
    law, rng = LAWS["skewed"], np.random.default_rng(5)
    answer = run(DESIGN, COMMON | {"R": (RANDOM, pw.Exact())}, truth={"tau": 0.3, "law": "skewed"}, replications=400)
    found = row(answer, "theta_new", method="R")
    assert 0.9 < found["coverage"] <= 1.0
    theta = 0.3 * law.draw(rng, (100_000,))
    assert float(np.mean(theta < 0.1)) == pytest.approx(float(law.cdf(0.1 / 0.3)), abs=0.01)


def test_the_rmse_error_is_that_of_repeated_simulations():
    found = [row(run(DESIGN, COMMON, truth={"mu": 0.1}, replications=500, seed=s)) for s in range(1, 61)]
    for name in ("rmse", "coverage", "exaggeration", "width"):
        spread = np.std([one[name] for one in found], ddof=1)
        told = np.mean([one[f"{name}_mcse"] for one in found])
        assert spread == pytest.approx(told, rel=0.35, abs=1e-6)  # a standard deviation of 60 is good to 9 %


def test_what_was_never_seen_has_an_error_all_the_same():
    sums = np.zeros(len(SUMS))
    sums[[SUMS.index("tables"), SUMS.index("answered"), SUMS.index("covered")]] = 100.0
    of = characteristics(sums, "mu")
    assert of["coverage"] == 1.0
    assert 0.0 < of["coverage_mcse"] < 0.01


def test_several_designs_and_axes_of_an_array():
    designs = {"few": pw.simulate.Design(3, 0.2), "many": pw.simulate.Design(12, 0.2)}
    answer = run(designs, COMMON, truth={"mu": [0.0, 0.3], "tau": [0.0, 0.1]}, replications=50)
    data = answer.to_xarray()
    assert dict(data.sizes) == {"design": 2, "mu": 2, "tau": 2}
    assert float(data["width"].sel(design="few", mu=0.0, tau=0.1)) > float(data["width"].sel(design="many").max())


def test_axes_of_an_array_are_those_of_the_grid_where_truths_are_drawn():
    data = run({"a": DESIGN, "b": pw.simulate.Design(3, 0.2)}, COMMON, truth=RANDOM, replications=20).to_xarray()
    assert dict(data.sizes) == {"design": 2}


def test_laws_of_one_family_are_told_apart():
    truth = {"tau": 0.2, "law": [stats.gamma(a=1), stats.gamma(a=9)]}
    assert run(DESIGN, COMMON, truth=truth, replications=20).frame["law"].nunique() == 2


def test_the_kind_of_an_interval_is_not_that_of_a_special_table():
    methods = {"HK": (pw.RandomEffects(), pw.ClosedForm(interval="hartung-knapp"))}
    found = row(run(DESIGN, methods, truth={"mu": 0}, replications=20))
    assert found["interval"] == "confidence (Hartung-Knapp)"


def test_an_average_is_a_method():
    averaged = functools.partial(pw.average, bias="2w", direction="positive")
    answer = run(DESIGN, {"2w": averaged}, truth={"mu": 0.2, "tau": 0.1}, replications=3)
    assert row(answer)["answered"] == 3
    assert 0.0 < row(answer)["p_above"] < 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"methods": {"N": (RANDOM, pw.NUTS())}}, "minutes for 10,000 tables"),
        ({"methods": {}}, "no method"),
        ({"methods": {"a": pw.Exact()}}, "pair of a model and an engine"),
        ({"truth": {"mean": [0]}}, "mu or tau or law"),
        ({"truth": {"tau": [-0.1]}}, "at least 0"),
        ({"truth": {"law": "skew"}}, "skewed"),
        ({"truth": pw.RandomEffects()}, "left open"),
        ({"truth": 0.3}, "truth is"),
        ({"design": 3}, "the design is"),
        ({"executor": "spark"}, "joblib"),
        ({"replications": 0}, "replications"),
        ({"threshold": float("nan")}, "threshold"),
        ({"mechanism": "selection"}, "Selection"),
        ({"truth": {"mu": [0, 0.0]}}, "each value once"),
        ({"truth": {"law": ["normal", "normal"]}}, "each value once"),
        ({"methods": {1: COMMON["common"], "1": COMMON["common"]}}, "one name"),
        ({"methods": {"m": (pw.MetaRegression(["dose"]), pw.ClosedForm())}}, "no single mean effect"),
        ({"methods": {"f": lambda effects: 1 / 0}}, "'f' raised ZeroDivisionError"),
        ({"keep": 3}, "path of a file"),
        ({"keep": "/dev/null/parts.jsonl"}, "cannot be written"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(change, words):
    asked = {"design": DESIGN, "methods": COMMON, "truth": {"mu": 0.0}, "replications": 10} | change
    with pytest.raises(pw.PoolwiseError, match=words):
        run(asked.pop("design"), asked.pop("methods"), **asked)


def test_dependent_rows_are_no_design():
    effects = pw.Effects([0.1, 0.2, 0.3], se=[0.1, 0.1, 0.2], study=["a", "a", "b"], outcome=["x", "y", "x"])
    with pytest.raises(pw.PoolwiseError, match="several effects of one study"):
        run(effects, COMMON, truth={"mu": 0.0})
