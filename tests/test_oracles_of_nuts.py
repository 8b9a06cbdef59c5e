"""The oracles of models that NUTS alone answers: against slower integrators, other rules and one another; then NUTS."""

import numpy as np
import pytest
from scipy import integrate, special, stats

import poolwise as pw
from poolwise import priors, simulate
from poolwise.fit import PAIRS
from support import oracle_robust
from support.oracle_counts import Arms, CountsOracle, Rules, log_row, risks
from support.oracle_families import question
from support.oracle_places import ALONE, answer, places, true_values
from support.oracle_robust import half_line, line
from support.oracle_weighted import posterior

NESTED = 1e-7  # of a log probability: nested adaptive quadrature was asked for 1e-9
RULE = 3e-4  # posterior sd: what wider steps leave of a figure
MEASURES = ("log OR", "log RR", "log IRR")
TABLES = {  # with empty cells; risks near 1, where a risk ratio has an end; rates
    "log OR": ([[0, 4], [3, 8], [2, 2]], [[30, 30], [40, 42], [25, 20]], 0.0),
    "log RR": ([[18, 15], [20, 17], [9, 8]], [[20, 20], [20, 20], [20, 20]], 0.0),
    "log IRR": ([[3, 9], [5, 6], [0, 4]], [[100, 110], [80, 75], [60, 50]], -2.5),
}
WIDE = {"log RR": (Rules(mu=(0.2, 9.0)), Rules(mu=(0.1, 9.4), v=(0.06, -3.3, 2.0)), 60.0)}
MCSE = 4.0  # Monte Carlo standard errors; the seeds are fixed
TAU = priors.HalfNormal(0.5)


def by_grid(measure, halved=False):
    events, totals, base = TABLES[measure]
    usual, fine, beyond = WIDE.get(measure, (Rules(), Rules().halved(), 0.0))
    arms = Arms(measure, np.array(events, dtype=float), np.array(totals, dtype=float))
    log_tau = stats.halfnorm(scale=0.5).logpdf
    return CountsOracle(arms, (base, 1.5), stats.norm.logpdf, log_tau, rules=fine if halved else usual, beyond=beyond)


def asked(measure):
    """The same question for NUTS."""
    events, totals, base = TABLES[measure]
    own = {"mu": priors.Normal(0.0, 1.0), "tau": TAU, "base": priors.Normal(base, 1.5)}
    model = pw.PoissonNormal(**own) if measure == "log IRR" else pw.BinomialNormal(measure, **own)
    return pw.Effects.from_counts(events, totals, measure=measure, study=["A", "B", "C"]), model


# ---- the oracles against slower ones ----


def nested(arms, at):
    """Log probability of the events of the first study by adaptive quadrature within adaptive quadrature."""
    (a, c), (n, m) = arms.events[0], arms.totals[0]

    def given_base(b):
        mean = at["mu"] + at["slope"] * (b - arms.centre)
        end = -special.log_expit(b) if arms.measure == "log RR" else np.inf
        beyond = (mean - end) / at["tau"]  # where the mean lies far above all possible effects, the law ends at once
        left = stats.norm.logcdf(-beyond)

        def density(theta):
            treated, control = risks(arms.measure, b, theta)
            laws = (
                (stats.poisson(n * treated), stats.poisson(m * control))
                if arms.measure == "log IRR"
                else (stats.binom(n, treated), stats.binom(m, control))
            )
            return np.exp(stats.norm.logpdf(theta, mean, at["tau"]) - left) * laws[0].pmf(a) * laws[1].pmf(c)

        below = min(mean, end) - at["tau"] * (9.0 if beyond < 4.5 else 40.0 / beyond)
        return integrate.quad(density, below, min(end, mean + 9.0 * at["tau"]), epsabs=1e-14, epsrel=1e-9, limit=200)[0]

    weighted = lambda b: stats.norm.pdf(b, at["base"], at["base_spread"]) * given_base(b)  # noqa: E731
    middle, far = at["base"], 7.0 * at["base_spread"]
    return np.log(integrate.quad(weighted, middle - far, middle + far, epsabs=1e-14, epsrel=1e-8, limit=200)[0])


@pytest.mark.oracle_long
@pytest.mark.parametrize("slope", [0.0, 0.3])
@pytest.mark.parametrize("measure", MEASURES)
def test_the_probability_of_two_arms_is_that_of_nested_adaptive_quadrature(measure, slope):
    arms = Arms(measure, np.array([[7.0, 10.0]]), np.array([[51.0, 48.0]]))
    for mu, tau in ((-0.4, 0.8), (0.5, 0.03)):
        at = {"mu": mu, "tau": tau, "base": -1.0, "base_spread": 0.8, "slope": slope}
        quick = log_row(arms, 0, {name: np.array([value]) for name, value in at.items()})[0]
        assert quick == pytest.approx(nested(arms, at), abs=NESTED)


@pytest.mark.parametrize("measure", MEASURES)
def test_probabilities_of_all_tables_of_two_small_arms_add_up_to_1(measure):
    most, base = ((3, 4), -0.5) if measure != "log IRR" else ((30, 20), -3.5)
    at = {"mu": 0.5, "tau": 0.7, "base": base, "base_spread": 0.6, "slope": -0.4}
    at = {name: np.array([value]) for name, value in at.items()}
    total = 0.0
    for a, c in np.ndindex(most[0] + 1, most[1] + 1):
        # events of the controls move the centre, and so the law of the effects
        total += np.exp(log_row(Arms(measure, np.array([[a, c]], dtype=float), np.array([[3.0, 4.0]])), 0, at)[0])
    assert total == pytest.approx(1.0, abs=1e-8 if measure != "log IRR" else 1e-6)  # there may be more events


@pytest.mark.oracle_long
@pytest.mark.parametrize("measure", MEASURES)
def test_halving_every_step_moves_no_figure(measure):
    usual, fine = by_grid(measure), by_grid(measure, halved=True)
    assert usual.log_evidence == pytest.approx(fine.log_evidence, abs=3e-5)  # ends of a grid may hold 1e-5
    for name in ("mu", "tau", "theta_new"):
        wanted = fine.figures(name)
        assert usual.figures(name) == pytest.approx(wanted, abs=RULE * wanted["sd"]), name


@pytest.mark.parametrize("measure", ["log OR", "log IRR", pytest.param("log RR", marks=pytest.mark.oracle_long)])
def test_weighted_points_are_the_quadrature(measure):
    effects, model = asked(measure)
    weighted, grid = posterior(question(model.resolved(effects), effects)), by_grid(measure)
    assert weighted.effective > 1000
    for name in ("mu", "tau", "theta_new"):
        wanted = grid.figures(name)
        error = MCSE / np.sqrt(weighted.effective)
        assert abs(weighted.mean(name) - wanted["mean"]) < error * wanted["sd"], name
        for level in ("q025", "q975"):
            assert abs(weighted.cdf(name, wanted[level]) - grid.cdf(name, wanted[level])) < 0.16 * error, name


Y, SE = np.array([0.1, 0.3, 0.2, 1.6]), np.array([0.15, 0.2, 0.15, 0.2])
UNIT = priors.Normal(0.0, 1.0)
MU_AXIS = line(-2.0, 3.0, 40, stats.norm(0, 1).logpdf)
TAU_AXIS = half_line(2e-3, 3.0, 20, stats.halfnorm(scale=0.5).logpdf)
NU_AXIS = half_line(0.2, 200.0, 14, stats.gamma(2, scale=10).logpdf)
ROBUST = {
    "nu": (pw.StudentTRandomEffects(UNIT, TAU), NU_AXIS, oracle_robust.student_t),
    "delta": (pw.SkewNormalRandomEffects(UNIT, TAU), line(-0.95, 0.95, 20, np.zeros_like), oracle_robust.skew_normal),
}


@pytest.mark.oracle_long
@pytest.mark.parametrize("shape", ROBUST)
def test_weighted_points_are_sums_over_every_parameter_and_true_effect(shape):
    model, axis, true_effect = ROBUST[shape]
    effects = pw.Effects(Y, se=SE, scale="SMD")
    weighted = posterior(question(model.resolved(effects), effects))
    sums = oracle_robust.oracle(Y, SE, {"mu": MU_AXIS, "tau": TAU_AXIS, shape: axis}, true_effect)
    for name in ("mu", "tau"):
        error = MCSE * weighted.sd(name) / np.sqrt(weighted.effective)
        assert abs(weighted.mean(name) - sums.mean(name)) < error + 0.004, name  # 0.004: of coarse grids
    assert abs(weighted.mean("theta") - sums.theta_mean(0)) < 0.02


# ---- every family ----


def test_the_oracle_answers_the_families_that_no_other_engine_answers_and_one_that_exact_does():
    single = {name for name, family in simulate.FAMILIES.items() if pw.Exact not in PAIRS[type(family.model)]}
    regressions = {"uncertain moderator", "missing levels", "pooled levels", "regularised horseshoe"}
    assert set(ALONE) == single | regressions | {"skew-normal random effects"}


@pytest.mark.oracle_long
@pytest.mark.parametrize("name", ALONE)
def test_the_truth_has_uniform_places_in_the_oracle(name):
    """And log likelihoods of the truth are those of the simulator: places of 0 and 1 otherwise."""
    found = places(name, simulations=30, seed=9)
    assert simulate.uniformity(found)["p_holm"].min() > 1e-3
    assert found["draws"].min() > 400


ABSENT = {"missing levels": {"theta_new at x_1"}} | {name: {"theta"} for name in ALONE if name.startswith(("bi", "Po"))}
QUICK = [name for name in ALONE if not name.startswith(("binomial", "Poisson", "t random"))]


COSTLY = [pytest.param(name, marks=pytest.mark.oracle_long) for name in ALONE if name not in QUICK]


@pytest.mark.parametrize("name", [*QUICK, *COSTLY])
def test_the_oracle_has_the_quantities_of_the_results_and_the_likelihood_of_the_simulator(name):
    family = simulate.FAMILIES[name]
    (made,) = simulate.prior_tables(family.model, family.effects, seed=3)
    weighted, truths = answer(name, made), true_values(made)
    assert set(truths) - set(weighted.values) == ABSENT.get(name, set())
    known = [quantity for quantity in truths if quantity in weighted.values]
    assert all(0.001 < weighted.cdf(quantity, truths[quantity]) < 0.999 for quantity in known)


# ---- NUTS against the oracle, table by table ----


@pytest.mark.slow
def test_nuts_says_what_the_oracle_says_of_the_same_tables():
    name = "skew-normal random effects"
    family = simulate.FAMILIES[name]
    engine = pw.NUTS(draws=500, tune=500, cores=1)
    nuts = simulate.calibration(family.model, engine, family.effects, simulations=6, seed=13)
    apart = simulate.paired(places(name, simulations=6, seed=13), nuts)
    assert apart["rms"].between(0.2, 1.9).all()  # 1 with a relative sd of 0.29
    assert apart["p_holm"].min() > 1e-3


@pytest.mark.agreement_long
@pytest.mark.parametrize("measure", MEASURES)
def test_nuts_has_the_figures_of_the_quadrature(measure):
    effects, model = asked(measure)
    nuts, grid = pw.fit(effects, model, pw.NUTS(seed=20)), by_grid(measure)
    numbers = nuts.report.diagnostics
    for name in ("mu", "tau"):
        wanted = grid.figures(name)
        assert abs(nuts[name].mean - wanted["mean"]) < MCSE * numbers[f"mcse_mean_{name}"], name
        for key, p, level in (("mcse_q2.5", 0.025, "q025"), ("mcse_q97.5", 0.975, "q975")):
            assert abs(nuts[name].ppf(p) - wanted[level]) < MCSE * numbers[f"{key}_{name}"], name


@pytest.mark.agreement_long
@pytest.mark.parametrize("name", ALONE)
def test_nuts_has_the_places_of_the_oracle_in_every_family(name):
    family = simulate.FAMILIES[name]
    nuts = simulate.calibration(family.model, pw.NUTS(cores=1), family.effects, simulations=12, seed=17)
    oracle = places(name, simulations=12, seed=17)
    apart = simulate.paired(oracle, nuts[nuts["quantity"].isin(oracle["quantity"].unique())])
    assert apart["rms"].max() < 1.9  # 1 with a relative sd of 0.2, of up to 17 quantities
    assert apart["p_holm"].min() > 1e-3
