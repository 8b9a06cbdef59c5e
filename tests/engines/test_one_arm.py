"""Proportions and rates of single groups: estimates by hand, likelihoods by scipy, NUTS against quadrature."""

import numpy as np
import pytest
from scipy import integrate, special, stats

import poolwise as pw
from poolwise import priors
from poolwise.engines.nuts.one_arm import OneArm, log_probability
from poolwise.errors import InputError, ModelError
from support.oracle_counts import CountsOracle, Rules
from support.oracle_counts import OneArm as Counts

EXACT = 1e-9  # of a log probability, what adaptive quadrature was asked for
MCSE = 4.0  # Monte Carlo standard errors; the seeds are fixed
TABLES = {  # nobody, a few, everybody; no event, some
    "logit": ([0.0, 12.0, 9.0, 40.0], [48.0, 310.0, 95.0, 40.0], priors.Normal(-1.0, 2.0)),
    "log rate": ([3.0, 12.0, 0.0, 31.0], [1480.5, 3100.0, 950.0, 2210.25], priors.Normal(-5.0, 3.0)),
}
RULES = Rules(v=(0.12, -3.3, 2.4))


def effects_of(measure):
    events, totals, _ = TABLES[measure]
    return pw.Effects.from_counts(events, totals, measure=measure, study=["A", "B", "C", "D"])


def test_logits_and_log_rates_are_those_of_the_formulas():
    events, totals = np.array([3.0, 12.0, 31.0]), np.array([40.0, 310.0, 95.5])
    logit = pw.Effects.from_counts(events, np.ceil(totals), study=list("abc"))
    p = events / np.ceil(totals)
    np.testing.assert_allclose(logit.y, special.logit(p), rtol=1e-14)
    np.testing.assert_allclose(logit.v, 1.0 / (np.ceil(totals) * p * (1.0 - p)), rtol=1e-14)
    assert logit.n.tolist() == [40.0, 310.0, 96.0]
    rate = pw.Effects.from_counts(events, totals, measure="log rate", study=list("abc"))
    np.testing.assert_allclose(rate.y, np.log(events / totals), rtol=1e-14)
    np.testing.assert_allclose(rate.v, 1.0 / events, rtol=1e-14)
    assert np.isnan(rate.n).all()


def test_only_where_nobody_or_everybody_had_the_event_is_half_of_one_added_and_by_name():
    proportions, rates = effects_of("logit"), effects_of("log rate")
    assert proportions.y[[0, 3]] == pytest.approx(np.log([0.5 / 48.5, 40.5 / 0.5]))
    assert proportions.v[0] == pytest.approx(1 / 0.5 + 1 / 48.5)
    assert proportions.y[1] == special.logit(12 / 310)
    assert "for the estimates shown of 'A' (row 1), 'D' (row 4), where nobody or everybody" in proportions.notes[0]
    assert (rates.y[2], rates.v[2]) == pytest.approx((np.log(0.5 / 950.0), 2.0))
    assert "for the estimates shown of 'C' (row 3), where there was none" in rates.notes[0]
    assert proportions.moderators["events"].tolist() == TABLES["logit"][0]  # the counts stay what they are


@pytest.mark.parametrize("measure", TABLES)
def test_the_likelihood_has_the_true_effect_integrated_out(measure):
    events, totals, prior = TABLES[measure]
    arm = OneArm(np.array(events), np.array(totals), measure)
    for mu, tau in ((prior.mean, 0.5), (prior.mean - 2.0, 3.0), (prior.mean + 1.0, 0.01)):
        for i, (a, n) in enumerate(zip(events, totals, strict=True)):

            def density(theta, a=a, n=n, mu=mu, tau=tau):
                mass = special.xlogy(a, n * np.exp(theta)) - n * np.exp(theta) - special.gammaln(a + 1.0)
                if measure == "logit":
                    mass = (
                        np.log(special.comb(n, a)) + a * special.log_expit(theta) + (n - a) * special.log_expit(-theta)
                    )
                return np.exp(mass - 0.5 * ((theta - mu) / tau) ** 2) / (tau * np.sqrt(2.0 * np.pi))

            at = np.linspace(mu - 12.0 * tau, mu + 12.0 * tau, 4001)
            top, most = at[density(at).argmax()], density(at).max()
            ends = at[density(at) > 1e-20 * most][[0, -1]] + (at[1] - at[0]) * np.array([-1.0, 1.0])
            sides = [integrate.quad(density, *side, epsabs=0.0, epsrel=1e-11, limit=400)[0]
                     for side in ((ends[0], top), (top, ends[1]))]  # fmt: skip
            found = log_probability(arm, i, np.full((2, 3), mu), np.full((2, 3), tau))
            np.testing.assert_allclose(found, np.log(sum(sides)), atol=EXACT)


@pytest.mark.parametrize("measure", TABLES)
def test_the_likelihood_of_a_large_study_at_small_and_large_tau(measure):
    """A study so large that its effect is known: the density of its law there times that of the counts."""
    a, n = 30_000.0, 1_000_000.0
    arm = OneArm(np.array([a]), np.array([n]), measure)
    theta = special.logit(a / n) if measure == "logit" else np.log(a / n)
    mu, tau = np.full((1, 1), theta + 0.3), np.full((1, 1), 40.0)
    # the beta and the gamma integral: of p(counts | theta) over theta
    known = (
        special.betaln(a, n - a) - special.betaln(a + 1, n - a + 1) - np.log(n + 1)
        if measure == "logit"
        else -np.log(a)
    )
    found = log_probability(arm, 0, mu, tau)[0, 0]
    assert found == pytest.approx(known + stats.norm.logpdf(theta, mu[0, 0], 40.0), abs=1e-6)  # its width: 0.006 of tau


@pytest.fixture(scope="module", params=TABLES)
def both(request):
    measure = request.param
    events, totals, prior = TABLES[measure]
    kind = pw.BinomialNormal if measure == "logit" else pw.PoissonNormal
    nuts = pw.fit(effects_of(measure), kind(mu=prior, tau=priors.HalfNormal(1.0)), pw.NUTS(seed=20))
    counts = Counts(measure, np.array(events), np.array(totals))
    of_mu, of_tau = stats.norm(prior.mean, prior.sd).logpdf, stats.halfnorm().logpdf
    return nuts, CountsOracle(counts, (0.0, 1.0), of_mu, of_tau, (prior.mean, prior.sd), RULES)


@pytest.mark.slow
def test_nuts_is_within_its_monte_carlo_error_of_quadrature(both):
    nuts, oracle = both
    numbers = nuts.report.diagnostics
    assert nuts.report.status == "ok"
    assert numbers["divergences"] == 0
    for name in ("mu", "tau"):
        wanted = oracle.figures(name)
        assert abs(nuts[name].mean - wanted["mean"]) < MCSE * numbers[f"mcse_mean_{name}"], name
        for prob, level in ((0.025, "q025"), (0.975, "q975")):
            assert abs(nuts[name].ppf(prob) - wanted[level]) < MCSE * numbers[f"mcse_q{100 * prob:g}_{name}"], name


@pytest.mark.slow
def test_the_tree_of_one_arm(both):
    nuts, oracle = both
    tree = nuts.to_datatree()
    at = {name: tree["posterior"][name].to_numpy()[0, :5] for name in ("mu", "tau")}
    expected = [oracle.arms.log_row(i, at) for i in range(4)]
    np.testing.assert_allclose(tree["log_likelihood"]["y"].to_numpy()[0, :5], np.transpose(expected), atol=1e-8)
    assert tree["posterior_predictive"]["events"].dims == ("chain", "draw", "study")
    assert tree["observed_data"]["events"].to_numpy().tolist() == oracle.arms.events.tolist()
    assert {"prior", "prior_predictive", "log_prior"} <= set(tree.children)


def test_the_models_say_what_they_assume_of_one_arm():
    proportions = pw.BinomialNormal().resolved(effects_of("logit"))
    assert proportions.statement()[:2] == (
        "events ~ Binomial(total, p), logit p = theta_i",
        "theta_i ~ Normal(mu, tau)",
    )
    assert (str(proportions.mu), str(proportions.tau)) == ("Normal(0, 5)", "HalfNormal(2)")
    rates = pw.PoissonNormal().resolved(effects_of("log rate"))
    assert rates.statement()[0] == "events ~ Poisson(time exp(theta_i))"
    assert (str(rates.mu), str(rates.tau)) == ("Normal(0, 10)", "HalfNormal(2)")
    assert not any("baseline" in line for line in (*proportions.statement(), *rates.statement()))


def test_another_unit_of_time_moves_a_rate_by_its_logarithm_and_nothing_else():
    events, totals, _ = TABLES["log rate"]
    model = pw.RandomEffects(mu=priors.Flat(), tau=priors.HalfNormal(1.0))
    tables = [pw.Effects.from_counts(events, np.array(totals) / unit, measure="log rate", study=list("ABCD"))
              for unit in (1.0, 365.25)]  # fmt: skip
    days, years = (pw.fit(table, model, pw.Exact()) for table in tables)
    moved = np.array(days["mu"].interval(0.95)) + np.log(365.25)
    np.testing.assert_allclose(years["mu"].interval(0.95), moved, atol=1e-9)
    assert years["tau"].point == pytest.approx(days["tau"].point, rel=1e-8)


REFUSED = {
    "more events than persons": ([5, 2], [4, 9], "logit", r"row 1 are impossible: 5 of 4"),
    "fractions of events": ([5.5, 2], [14, 9], "logit", r"5\.5 of 14"),
    "negative": ([-1, 2], [14, 9], "log rate", "row 1 are impossible: -1 in 14"),
    "fractions of persons": ([5, 2], [14.5, 9], "logit", "by measure='log rate'"),
    "no time": ([0, 2], [0, 9], "log rate", "a person-time above 0"),
    "no persons": ([0, 2], [0, 9], "logit", "0 of 0"),
    "endless time": ([1, 2], [np.inf, 9], "log rate", "1 in inf"),
    "two arms and one": ([5, 2], [[14, 9], [3, 9]], "logit", "events has one column and totals has 2 columns"),
    "a measure of two arms": ([5, 2], [14, 9], "log OR", "measure='logit' or measure='log rate'"),
    "a measure of one arm": ([[5, 2], [1, 2]], [[14, 9], [3, 9]], "logit", "one column for a single arm"),
    "three columns": (np.ones((2, 3)), np.ones((2, 3)), "logit", r"has the shape \(2, 3\)"),
    "unequal": ([5, 2, 1], [14, 9], "logit", "events has 3 rows and totals 2"),
    "metafor's name": ([5, 2], [14, 9], "PLO", "did you mean 'logit'"),
    "metafor's name of a rate": ([5, 2], [14, 9], "IRLN", "did you mean 'log rate'"),
    "a word": ([5, "x"], [14, 9], "logit", "events is 'x' for row 2"),
    "one number": (5, 14, "logit", "events is int 5"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_counts_of_one_arm_is_refused(case):
    events, totals, measure, match = REFUSED[case]
    with pytest.raises(InputError, match=match):
        pw.Effects.from_counts(events, totals, measure=measure, study=None)


def test_settings_of_baselines_are_refused_for_one_arm_and_counts_of_another_number_of_arms_too():
    with pytest.raises(ModelError, match="slope is given, and the table has one arm"):
        pw.BinomialNormal(slope=priors.Normal(0, 1)).resolved(effects_of("logit"))
    with pytest.raises(ModelError, match="baseline='exchangeable' is given, and the table has one arm"):
        pw.PoissonNormal(baseline="exchangeable").resolved(effects_of("log rate"))
    with pytest.raises(InputError, match="no column events_treated"):
        pw.BinomialNormal("log OR").table(effects_of("logit"))
    with pytest.raises(ModelError, match="on the scale 'logit'"):
        pw.PoissonNormal().table(effects_of("logit"))


def test_a_flat_mean_that_nothing_bounds_is_refused():
    flat = priors.Flat()
    nobody, everybody = ([0, 0, 0], [10, 20, 30]), ([10, 20, 30], [10, 20, 30])
    for counts, why in ((nobody, "no study has an event"), (everybody, "everybody of all studies has the event")):
        table = pw.Effects.from_counts(*counts, study=list("ABC"))
        with pytest.raises(ModelError, match=f"{why}, and the priors mu ~ Flat"):
            pw.fit(table, pw.BinomialNormal(mu=flat), pw.NUTS())
    rates = pw.Effects.from_counts([0, 0, 0], [10, 20, 30], measure="log rate", study=list("ABC"))
    with pytest.raises(ModelError, match="no study has an event"):
        pw.fit(rates, pw.PoissonNormal(mu=flat), pw.NUTS())


@pytest.mark.parametrize("limits", [{"rope": [-0.1, 0.1]}, {"directions": ["rarer", "more frequent"]}])
def test_an_analysis_of_proportions_has_no_two_sides(tmp_path, limits):
    (tmp_path / "own.csv").write_text("study,cases,persons\nA,0,48\nB,12,310\nC,9,95\n")
    ((key, value),) = limits.items()
    text = f"""title = "Prevalence"\nquestion = "How frequent is it?"
        [data]\ncsv = {{ file = "own.csv", events = "cases", totals = "persons" }}\nscale = "logit"
        [model]\nkind = "binomial-normal"\n[engines]\nnuts = {{ seed = 1 }}\n[report]\n{key} = {value}\n"""
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(pw.PoolwiseError, match=f"'{key}' is given, and the scale 'logit' has no value of no effect"):
        pw.load_analysis(tmp_path / "own.toml")
    (tmp_path / "own.toml").write_text(text.replace(f"{key} = {value}", "threshold = -2.2"))
    analysis = pw.load_analysis(tmp_path / "own.toml")
    assert analysis.statement()[0] == "events ~ Binomial(total, p), logit p = theta_i"
    read = pw.read_csv(tmp_path / "own.csv", events="cases", totals="persons", scale="logit")
    assert read.data_hash == analysis.effects.data_hash


def test_nothing_is_said_of_two_sides_where_there_are_none():
    effects = effects_of("logit")
    panel = pw.checks.prior_panel(effects)
    assert panel.verdict == "no threshold, so no side"
    assert "P(" not in panel.sentence
    assert np.isnan(panel.tipping_point)
    of_a_tenth = pw.checks.prior_panel(effects, threshold=special.logit(0.1))
    assert "above 0.1 is between" in of_a_tenth.sentence
    for ask in (pw.checks.tipping_point, pw.checks.prior_surface, pw.average):
        with pytest.raises(ModelError, match="no value of no effect"):
            ask(effects)
    frame = pw.plot.forest_frame(pw.fit(effects))
    assert frame["p_below_null"].isna().all()
