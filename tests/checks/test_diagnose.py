"""The diagnosis says what the fit's status says, with the numbers of ArviZ."""

import arviz as az
import pytest

import poolwise as pw


@pytest.fixture(scope="module")
def nuts():
    return pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.NUTS())


@pytest.fixture(scope="module")
def short():
    return pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.NUTS(draws=12, tune=10, chains=2))


def test_a_good_fit_passes_with_arviz_s_numbers(nuts):
    found = pw.checks.diagnose(nuts)
    assert found.passed
    assert (found.frame["verdict"] == "pass").all()
    tree, table = nuts.to_datatree(), found.parameters.set_index("quantity")
    assert set(table.index) == {"mu", "tau"}
    for name in table.index:
        draws = tree["posterior"][name].to_numpy()
        assert table.loc[name, "r_hat"] == pytest.approx(float(az.rhat(draws)))
        assert table.loc[name, "ess_bulk"] == pytest.approx(float(az.ess(draws, method="bulk")))
        assert table.loc[name, "mcse_mean"] == pytest.approx(float(az.mcse(draws, method="mean")))
        assert table.loc[name, "mcse_share"] == pytest.approx(table.loc[name, "mcse_mean"] / nuts[name].sd)


def test_a_short_run_fails_with_advice_as_its_status_does(short):
    found = pw.checks.diagnose(short)
    assert short.report.status == "not_converged"
    assert not found.passed
    assert found.sentence.startswith("Do not rely on 'NUTS'")
    failed = found.frame[found.frame["verdict"] == "fail"]
    assert "bulk ESS" in set(failed["check"])
    assert (failed["advice"] != "").all()


def test_every_check_fails_by_its_own_number(nuts):
    from dataclasses import replace

    broken = {"divergences": ("divergences", 3.0), "E-BFMI": ("e_bfmi", 0.1), "R-hat": ("r_hat_tau", 1.2),
              "tree depth": ("max_depth_hits", 400.0)}  # fmt: skip
    for check, (key, value) in broken.items():
        report = replace(nuts.report, diagnostics={**nuts.report.diagnostics, key: value})
        found = pw.checks.diagnose(replace(nuts, report=report))
        bad = found.frame[found.frame["verdict"] != "pass"]
        assert bad["check"].tolist() == [check]
        assert found.passed == (check == "tree depth")  # costs time, no truth


def test_exact_results_have_a_quadrature_and_no_chains():
    found = pw.checks.diagnose(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.Exact()))
    assert found.passed
    assert found.frame["check"].tolist()[0] == "grid error"
    assert found.parameters.empty
