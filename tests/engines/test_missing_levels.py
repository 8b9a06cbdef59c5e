"""Missing levels of moderators of words are summed out: NUTS against every completed table by the exact engine."""

import itertools
import warnings
from math import prod

import numpy as np
import pytest
from scipy.special import gammaln

import poolwise as pw
from poolwise import checks, priors
from support.pages import text_of

MCSE = 4.0  # Monte Carlo standard errors; the seed is fixed
LEAST = 1000  # effective draws of what the report gives no error of
UNIT, HALF = priors.Normal(0, 1), priors.HalfNormal(0.5)
SETTINGS = pw.NUTS(draws=1500, tune=1000, chains=4, seed=3)
GONE = {"alloc": (3, 8), "era": (8, 10)}  # Hart & Sutherland 1977; Coetzee & Berjak 1968; Comstock & Webster 1969
HART, COETZEE = "Hart & Sutherland 1977", "Coetzee & Berjak 1968"
pytestmark = pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")


def table(columns=("alloc",), levels=None, **more):
    """BCG trials; rows of GONE have these levels, or none."""
    bcg = pw.datasets.load("bcg")
    whole = {"alloc": list(bcg.moderators["alloc"]), "era": ["old", "new", "new"] * 4 + ["old"]}
    gaps = [(name, row) for name in columns for row in GONE[name]]
    for (name, row), level in zip(gaps, levels or [None] * len(gaps), strict=True):
        whole[name][row] = level
    moderators = {name: whole[name] for name in columns}
    latitude = (bcg.moderators["ablat"].to_numpy(dtype=float) - 33.0) / 10.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pw.PoolwiseWarning)
        return pw.Effects(
            bcg.y, se=bcg.se, study=bcg.study, moderators=moderators | {"lat": latitude} | more, scale="log RR"
        )


def model(formula, **more):
    return pw.MetaRegression(formula, beta=UNIT, tau=HALF, **more)


def completed(formula, columns):
    """Exact fits of all completed tables, with the levels of each and the posterior probability of each."""
    frame = table(columns).moderators
    known = {name: sorted(frame[name].dropna().unique()) for name in columns}
    counts = {name: np.array([(frame[name] == level).sum() for level in known[name]]) for name in columns}
    found, logs = [], []
    for levels in itertools.product(*(known[name] for name in columns for _ in GONE[name])):
        fit = pw.fit(table(columns, levels), model(formula), pw.Exact())
        rest, log = list(levels), fit.log_evidence
        for name in columns:  # of a Dirichlet(1, ..., 1), given the reported levels
            own, rest = rest[: len(GONE[name])], rest[len(GONE[name]) :]
            log += gammaln(1.0 + counts[name] + [own.count(level) for level in known[name]]).sum()
        found.append((levels, fit))
        logs.append(log)
    weight = np.exp(np.array(logs) - max(logs))
    return found, weight / weight.sum()


LONG = pytest.mark.agreement_long  # another model to compile
CASES = [
    pytest.param(("~ alloc", ("alloc",)), id="one"),
    pytest.param(("~ alloc * lat", ("alloc",)), id="interaction", marks=LONG),
    pytest.param(("~ alloc + era", ("alloc", "era")), id="two", marks=LONG),
]


@pytest.fixture(scope="module", params=CASES)
def both(request):
    formula, columns = request.param
    effects = table(columns)
    return pw.fit(effects, model(formula, missing="model"), SETTINGS), *completed(formula, columns), columns


def agrees(draws, means, sds, weight, mcse=None):
    """Mean and sd are those of the mixture of posteriors."""
    mean = weight @ means
    sd = np.sqrt(weight @ (sds**2 + (means - mean) ** 2))
    mcse = sd / np.sqrt(LEAST) if mcse is None else mcse
    return abs(draws.mean - mean) < MCSE * mcse and abs(draws.sd / sd - 1.0) < MCSE / np.sqrt(2.0 * LEAST)


@pytest.mark.slow
def test_coefficients_heterogeneity_and_true_effects_are_those_of_all_completed_tables(both):
    sampled, found, weight, _ = both
    numbers = sampled.report.diagnostics
    assert sampled.report.status == "ok"
    assert numbers["divergences"] == 0
    for name in [*(f"beta[{one}]" for one in sampled.design.names), "tau"]:
        means, sds = np.array([(fit[name].mean, fit[name].sd) for _, fit in found]).T
        assert agrees(sampled[name], means, sds, weight, numbers[f"mcse_mean_{name}"]), name
    for study in sampled.effects.study:
        means, sds = np.array([(fit.studies[study].mean, fit.studies[study].sd) for _, fit in found]).T
        assert agrees(sampled.studies[study], means, sds, weight), study


@pytest.mark.slow
def test_each_level_has_its_posterior_probability(both):
    sampled, found, weight, columns = both
    effects, place = sampled.effects, 0
    for name in columns:
        known = sorted(effects.moderators[name].dropna().unique())
        for row in GONE[name]:
            for level in known:
                exact = sum(w for (levels, _), w in zip(found, weight, strict=True) if levels[place] == level)
                chance = sampled[f"{name}[{effects.study[row]}: {level}]"].point
                assert chance == pytest.approx(exact, abs=MCSE * np.sqrt(exact * (1.0 - exact) / LEAST))
            place += 1
        start = place - len(GONE[name])
        total = len(effects.moderators) + len(known)
        for level in known:
            reported = (effects.moderators[name] == level).sum()
            means = np.array([(1.0 + reported + levels[start:place].count(level)) / total for levels, _ in found])
            sds = np.sqrt(means * (1.0 - means) / (total + 1.0))
            error = sampled.report.diagnostics[f"mcse_mean_pi[{name}: {level}]"]
            assert agrees(sampled[f"pi[{name}: {level}]"], means, sds, weight, error)


@pytest.mark.slow
def test_the_likelihood_of_each_study_has_its_level_summed_out(both):
    sampled, _, _, columns = both
    tree, effects = sampled.to_datatree(), sampled.effects
    posterior = tree["posterior"]
    assert posterior["pi"].dims == ("chain", "draw", "moderator_level")
    beta, tau = posterior["beta"].to_numpy()[0, 7], float(posterior["tau"][0, 7])
    pi = dict(zip(posterior["moderator_level"].to_numpy().tolist(), posterior["pi"].to_numpy()[0, 7], strict=True))
    row = 8
    known = [sorted(effects.moderators[name].dropna().unique()) for name in columns]
    density = 0.0
    for levels in itertools.product(*known):
        at = {name: [level] for name, level in zip(columns, levels, strict=True)}
        mean = float((sampled.design.at(at | {"lat": [effects.moderators["lat"][row]]}) @ beta)[0])
        variance = effects.v[row] + tau**2
        chance = prod(pi[f"{name}: {level}"] for name, level in zip(columns, levels, strict=True))
        density += chance * np.exp(-0.5 * (effects.y[row] - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
    assert float(tree["log_likelihood"]["y"][0, 7, row]) == pytest.approx(np.log(density), rel=1e-10)


@pytest.fixture(scope="module")
def fitted():
    return pw.fit(table(), model("~ alloc", missing="model"), pw.NUTS(draws=1000, tune=1000, chains=4, seed=4))


@pytest.mark.slow
def test_replicated_estimates_have_a_level_drawn_anew(fitted):
    tree, row = fitted.to_datatree(), 3
    for posterior, predictive in (("posterior", "posterior_predictive"), ("prior", "prior_predictive")):
        drawn, y = tree[posterior], tree[predictive]["y"].to_numpy()[..., row]
        means = np.stack([(drawn["beta"] * x).sum("coefficient") for x in ([1, 0, 0], [1, 1, 0], [1, 0, 1])], axis=-1)
        pi = drawn["pi"].to_numpy()
        expected, variance = (pi * means).sum(axis=-1), drawn["tau"].to_numpy() ** 2 + fitted.effects.v[row]
        squares = (pi * means**2).sum(axis=-1) - expected**2 + variance
        z = (y - expected) / np.sqrt(squares)
        assert abs(z.mean()) < MCSE / np.sqrt(z.size)
        assert abs((z**2).mean() - 1.0) < MCSE * np.sqrt((z**4).mean() / z.size)


@pytest.mark.slow
def test_a_study_is_left_out_with_its_levels_summed_out(fitted):
    """Against quadrature: p(y_i | others) is a ratio of evidences, summed over the levels."""
    found, weight = completed("~ alloc", ("alloc",))
    total = np.array([fit.log_evidence for _, fit in found])
    left = checks.leave_one_out(fitted).frame.set_index("study")
    for study in ("Aronson 1948", HART):
        less = [pw.fit(fit.effects.drop(study=study), model("~ alloc"), pw.Exact()).log_evidence for _, fit in found]
        exact = -np.log(weight @ np.exp(np.array(less) - total))
        mcse = left.loc[study, "mcse"]
        assert left.loc[study, "log_density"] == pytest.approx(exact, abs=MCSE * max(mcse, 0.005)), study
    by_importance = checks.loo(fitted)
    assert by_importance.elpd == pytest.approx(left["log_density"].sum(), abs=0.15)


@pytest.mark.slow
def test_checks_and_predictions_take_missing_levels(fitted):
    assert checks.prior_predictive(fitted).frame["median"].notna().all()
    assert checks.posterior_predictive(fitted).sentence
    assert sum(
        fitted[f"alloc[{HART}: {level}]"].point for level in ("alternate", "random", "systematic")
    ) == pytest.approx(1)
    predicted = pw.predict(fitted, {"alloc": ["alternate"]})
    assert predicted["point"].iloc[0] == pytest.approx(fitted["beta[intercept]"].point)
    assert sum(fitted.weights.values()) == pytest.approx(1.0)


def test_an_expected_row_stands_for_a_missing_level():
    found = model("~ alloc", missing="model").missing_levels(table())
    assert found.labels == ("alloc: alternate", "alloc: random", "alloc: systematic")
    assert [counts.tolist() for counts in found.concentrations] == [[3.0, 6.0, 5.0]]
    np.testing.assert_allclose(found.design.X[3], [1.0, 6.0 / 14.0, 5.0 / 14.0])
    np.testing.assert_allclose(np.exp(found.log_weights(np.log([0.2, 0.3, 0.5]))), [[0.2, 0.3, 0.5]] * 2)


def test_combinations_give_a_reported_level_to_each_of_its_copies():
    found = model("~ alloc + era", missing="model").missing_levels(table(("alloc", "era")))
    pi = np.array([0.2, 0.3, 0.5, 0.6, 0.4])
    weight = np.exp(found.log_weights(np.log(pi)))
    np.testing.assert_allclose(weight.sum(axis=1), 1.0)
    np.testing.assert_allclose(weight[1], np.outer(pi[:3], pi[3:]).ravel())  # misses both
    assert (found.X[0, ::2] == found.X[0, 1::2]).all()  # reports the era
    assert found.kept(np.arange(13) != 3).here.sum() == 2


def test_yes_and_no_are_levels_too():
    blind = [True, False, None, *[True, False] * 5]
    found = model("~ blind", missing="model").missing_levels(table(blind=blind))
    assert found.labels == ("blind: False", "blind: True")
    assert found.X[0].tolist() == [[1.0, 0.0], [1.0, 1.0]]


WORDS = {"word": ["a", "b", None, *"ababababab"], "error": [0.1] * 13}
LEVELS = model("~ word", missing="model")


@pytest.mark.parametrize(
    ("asked", "columns", "said"),
    [
        (LEVELS, {"word": ["a", None, *"aaaaaaaaaaa"]}, "is 'a' for all 12 studies that report it"),
        (LEVELS, {"word": [None] * 13}, "is never there"),
        (
            model("~ word + gap", missing="model"),
            WORDS | {"gap": [np.nan, *range(12)]},
            "'word', made of words, and 'gap'",
        ),
        (model("~ word + lat", missing="model", errors={"lat": "error"}), WORDS, "in one model"),
        (
            model("~ word", missing="model", errors={"word": "error"}),
            WORDS,
            "errors has 'word', which is made of words",
        ),
        (model("~ word", missing="model", errors={"wrd": "error"}), WORDS, "did you mean 'word'"),
        (model("~ full", errors={"full": "error"}), WORDS | {"full": list("abcabcabcabca")}, "which is made of words"),
        (model("~ word + one", missing="model"), WORDS | {"one": list("xxyxxxxxxxxxx")}, r"do not determine one\[y\]"),
        (pw.MetaRegression("~ word", beta={"word[c]": UNIT}, missing="model"), WORDS, r"word\[b\]"),
        (model("~ word"), WORDS, r"missing='model'"),
    ],
)
def test_what_cannot_be_modelled_is_refused_with_words(asked, columns, said):
    with pytest.raises(pw.PoolwiseError, match=said):
        pw.fit(table(**columns), asked, pw.NUTS())


def test_a_level_that_no_study_reports_is_unknown():
    found = model("~ alloc", missing="model").design(table())
    with pytest.raises(pw.PoolwiseError, match="no study has alloc = open"):
        found.at({"alloc": ["open"]})


@pytest.mark.parametrize("check", [checks.leave_one_out, checks.prior_panel])
def test_what_goes_by_quadrature_refuses_missing_levels(check):
    with pytest.raises(pw.PoolwiseError, match=r"knows no uncertain moderators.*NUTS\(\)"):
        check(table(), model("~ alloc", missing="model"))


@pytest.mark.slow
def test_a_file_states_missing_levels(tmp_path):
    effects = table()
    frame = effects.moderators.assign(study=effects.study, y=effects.y, se=effects.se)
    frame.to_csv(tmp_path / "own.csv", index=False)
    (tmp_path / "question.toml").write_text(
        'title = "A title"\nquestion = "A question?"\n[data]\ncsv = "own.csv"\nscale = "log RR"\n'
        '[model]\nkind = "meta-regression"\nmoderators = ["alloc"]\nmissing = "model"\nbeta = { Normal = [0, 1] }\n'
        "[engines]\nnuts = { seed = 1, draws = 500, tune = 500 }\n",
        encoding="utf-8",
    )
    analysis = pw.load_analysis(tmp_path / "question.toml")
    done = pw.run(analysis, out=tmp_path / "run")
    (result,) = done.results
    assert f"alloc[{HART}: random]" in result.quantities
    assert "Categorical(pi_j), pi_j ~ Dirichlet(1, ..., 1)" in text_of(done.report)
    assert f"alloc[{HART}: random]" in done.files["estimates.csv"].read_text(encoding="utf-8")


@pytest.mark.slow
def test_refits_of_loo_take_the_model_as_it_is(fitted):
    left = checks.leave_one_out(fitted).frame
    refitted = checks.loo(fitted, refit_above=-10.0).frame
    error = np.hypot(refitted["mcse"], left["mcse"]) + 0.002
    assert (np.abs(refitted["elpd"].to_numpy() - left["log_density"].to_numpy()) < MCSE * error).all()
