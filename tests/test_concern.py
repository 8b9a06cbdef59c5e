"""How loudly a status is said: by what is printed, not by the name of the status alone."""

from dataclasses import replace

import pytest
from matplotlib.text import Text

import poolwise as pw
from poolwise.plot._sheet import ALARM
from poolwise.priors import HalfCauchy, HalfNormal, Normal
from poolwise.result import NOTED, SEVERITY, Finding, FitReport


@pytest.fixture(scope="module")
def heavy():
    """Three studies under a prior of the catalogue so heavy that tau has no standard deviation."""
    effects = pw.datasets.load("working_alliance").select(outcome="misconduct")
    return pw.fit(effects, pw.RandomEffects(mu=Normal(0, 1), tau=HalfCauchy(0.5)), pw.Exact())


def test_a_moment_that_does_not_exist_is_a_note_unless_its_sd_is_printed(heavy):
    assert heavy.report.status == "moment_does_not_exist"
    assert not heavy.report.alarming
    assert heavy.concern() == heavy.concern(["mu"]) == "note"
    assert heavy.concern(["mu", "tau2"]) == "warning"


def test_a_graver_finding_is_not_hidden_behind_a_missing_moment(heavy):
    findings = (Finding("boundary_tau", "tau is 0."), *heavy.report.findings)
    both = replace(heavy, report=replace(heavy.report, findings=findings))
    assert both.report.status == "moment_does_not_exist"
    assert both.report.alarming
    assert both.concern() == "warning"


@pytest.mark.parametrize("status", SEVERITY)
def test_all_but_a_missing_moment_is_alarming(status):
    report = FitReport(findings=(Finding(status, "."),))
    assert report.alarming == (status not in NOTED)
    assert {"ok", "moment_does_not_exist"} == NOTED


def test_a_fit_that_went_well_is_no_concern():
    result = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(tau=HalfNormal(1)), pw.Exact())
    assert result.concern(result.quantities) == "none"


def test_a_catalogue_prior_raises_no_alarm_in_a_picture_and_a_coarse_grid_does(heavy):
    coarse = replace(heavy, report=replace(heavy.report, findings=(Finding("grid_too_coarse", "Too coarse."),)))
    for result, count in ((heavy, 0), (coarse, 1)):
        axes = pw.plot.forest(result)
        colours = [text.get_color() for text in axes.figure.findobj(Text)]
        pw.plot.close(axes)
        assert colours.count(ALARM) == count
