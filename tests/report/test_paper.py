"""Methods and results in words: every number is one of the results, and nothing is told that did not run."""

import re

import pytest

import poolwise as pw
from poolwise.errors import InputError
from poolwise.prior_catalogue import CATALOGUE
from poolwise.quantities import Distribution
from poolwise.report import in_words
from poolwise.report.checklist_blocks import passage
from poolwise.report.checklists import LISTS, MISSING, filled
from poolwise.report.paper_methods import MODELS, _authors
from poolwise.report.references import REFERENCES, key_of
from poolwise.show import chance, number, percent

FILES = ("bcg", "bcg_latitude", "adherence", "asthma_days_off", "joint_outcomes", "assink_three_level")
NUMBER = re.compile(r"[−-]?\d[\d,]*(?:\.\d+)?")


def fits(name):
    analysis = pw.load_analysis(f"models/{name}.toml")
    planned = [one for one in analysis.fits if not isinstance(one.engine, pw.NUTS)]
    return [pw.fit(analysis.effects, one.model, one.engine) for one in planned]


def numbers_of(results):
    """Every number that a sentence may hold: of a quantity on both scales, a share, a probability, a count."""
    allowed = {"95", "0", "1", str(results[0].effects.k)}
    for result in results:
        scale = result.effects.scale
        for quantity in result.quantities.values():
            found = [quantity.point, *quantity.interval(0.95)]
            for value in (*found, *scale.back(found)):
                allowed |= {number(value, digits) for digits in (2, 3)} | {percent(value).removesuffix(" %")}
            if isinstance(quantity, Distribution):
                allowed |= {chance(p).strip("<> ") for p in (quantity.cdf(0.0), 1.0 - quantity.cdf(0.0))}
            elif getattr(quantity, "statistic", None) is not None:
                allowed |= {f"{quantity.statistic:.2f}", f"{quantity.df:g}", chance(quantity.p_value).strip("<> ")}
    return allowed


@pytest.mark.parametrize("name", FILES)
def test_every_number_of_the_results_is_one_of_a_result(name):
    results = fits(name)
    text = re.sub(r"[(;][^();]*(?:19|20)\d\d[^()]*\)|“[^”]*”|\([^()]*~[^)]*\)+", "", in_words(*results).results)
    text = re.sub(r"on \d+ outcomes|of \d+ studies|I²", "", text)
    assert set(NUMBER.findall(text)) <= numbers_of(results)


@pytest.mark.parametrize("name", FILES)
def test_what_is_cited_is_listed_and_what_is_listed_is_cited(name):
    words = in_words(*fits(name))
    for one in REFERENCES.values():
        said = one.short in words.methods + words.results
        assert said == (str(one) in words.references)


def test_a_closed_form_alone_tells_of_no_prior_and_no_chain():
    words = in_words(pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.ClosedForm(tau2="DL", interval="wald")))
    assert not re.search("prior|posterior|credible|quadrature|chain", words.methods + words.results, re.IGNORECASE)
    assert "DerSimonian & Laird, 1986" in words.methods
    assert "Wald interval" in words.methods


def test_chains_are_told_with_their_diagnostics():
    result = pw.fit(pw.datasets.load("bcg"), pw.RandomEffects(), pw.NUTS(draws=400, tune=300))
    methods = in_words(result).methods
    assert "4 chains of 400 draws, each after 300 tuning draws, seed 1" in methods
    r_hat = max(value for name, value in result.report.diagnostics.items() if name.startswith("r_hat"))
    assert f"the largest R-hat was {r_hat:.3f}" in methods
    assert "quadrature" not in methods


def test_reconstructed_tables_are_told_of():
    assert "reconstructed from published summary figures" in in_words(*fits("joint_outcomes")).methods


def test_every_model_has_its_words_and_every_source_of_a_prior_its_reference():
    assert {model.kind_in_files for model in pw.model.MODELS} == set(MODELS)
    dois = {entry.source for entry in CATALOGUE if "10." in entry.source}
    assert all(key_of(source) for source in dois)


def test_words_are_of_results_of_one_table():
    with pytest.raises(InputError, match="no result"):
        in_words()
    with pytest.raises(InputError, match="a Result"):
        in_words(pw.datasets.load("bcg"))
    one, other = (pw.fit(pw.datasets.load(name), pw.RandomEffects()) for name in ("bcg", "egger2001"))
    with pytest.raises(InputError, match="several study tables"):
        in_words(one, other)


def test_an_item_without_a_fact_is_missing_and_never_ticked():
    for _, _, items in LISTS.values():
        frame = filled(items, {})
        assert frame["missing"].all()
        assert all(told.startswith(MISSING) for told in frame["told"])


def test_a_fact_is_told_once_on_the_page_and_what_is_missing_says_what_would_answer_it():
    long = "The model took the true effects to be normally distributed about a mean with one standard deviation, tau."
    facts = {name: long for _, _, items in LISTS.values() for item in items for name in item.facts}
    (_, *tables) = passage(facts, bayesian=True, data="reported").blocks
    cells = [[row.cells for body in table.bodies for row in body.rows] for table in tables]
    assert sum(row[2] == long for rows in cells for row in rows) == 1
    assert {row[2] for row in cells[1] if row[2].startswith("As at")} == {"As at PRISMA 13a."}
    asked = [item for _, _, items in LISTS.values() for item in items if not item.facts]
    assert all(item.add for item in asked)


def test_two_authors_are_both_named_and_more_are_et_al():
    assert _authors("Egger M, Davey Smith G (1995). Misleading meta-analysis.") == "Egger & Davey Smith (1995)"
    assert _authors("Yusuf S, Peto R, Lewis J (1985). Beta blockade.") == "Yusuf et al. (1985)"
    assert _authors("The role of the working alliance (2020).") == ""
