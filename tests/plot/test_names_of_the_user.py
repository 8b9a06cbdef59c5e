"""A user's words are never translated: text under awkward names is the text under plain ones, renamed."""

from __future__ import annotations

import html
import re

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise import plot, priors
from poolwise.checks import prior_panel
from poolwise.checks.borrowing import borrowed_sentence
from poolwise.checks.ranges import ranges
from poolwise.report import words
from poolwise.show import greek, symbol
from support import figures

# The first before the last in the alphabet, as levels are sorted.
PLAIN = ("wpa", "wqb", "wrc", "wsd")
AWKWARD = [
    ("mu", "pi", "tau", "theta"),
    ("I2", "Q", "beta", "sigma"),
    ("my_tau", "tau[pi]", "mu - tau", "pi - mu"),
]
Y, SE = np.array([0.2, 0.5, -0.1, 0.4, 0.3, 0.1]), np.full(6, 0.15)
X = np.array([0.3, 1.2, 0.8, -0.4, 0.1, 0.6])


def _effects(names: tuple[str, ...]) -> pw.Effects:
    first, second, third, fourth = names
    unit = pw.Scale("SMD", f"{fourth} units", "identity", f"{fourth} units")
    columns = pd.DataFrame({second: X, third: [first, fourth] * 3})
    study = [*names, "s5", "s6"]
    return pw.Effects(Y, se=SE, study=study, outcome=first, moderators=columns, scale=unit, notes=[f"{third} it is"])


def _pictures(names: tuple[str, ...]) -> dict[str, list[str]]:
    """The words of each picture, broken over lines anyhow."""
    effects, (first, second, third, fourth) = _effects(names), names
    model = pw.MetaRegression([second, third], tau=priors.HalfNormal(0.5))
    regression = pw.fit(effects, model, pw.Exact())
    subgroups = pw.fit(effects, pw.Subgroups(third, mu=priors.Normal(0, 1), tau=priors.HalfNormal(0.5)), pw.Exact())
    rows = pw.datasets.published("working_alliance").query("outcome == 'recidivism'").copy()
    rows["moderator"] = rows["moderator"].replace({"setting": third})
    rows["level"] = rows["level"].replace({"custodial": first, "community": fourth})
    drawn = pw.reconstruct(rows, subgroups=third, tables=3, seed=3)
    curve = {"quantity": [f"mu[{first}] - mu[{second}]", f"beta[{third}]"], "z": 0.5, "difference": 0.0}
    curves = pd.DataFrame({**curve, "lower": -0.1, "upper": 0.1, "inside": False})
    panel = prior_panel(effects, model, quantity=f"beta[{second}]")
    over_tables = ranges(drawn, pw.Subgroups(third), pw.ClosedForm())
    drawings = {
        "regression": plot.forest(regression, notes="full"),
        "subgroups": plot.forest(subgroups, notes="full"),
        "bubble": plot.bubble(regression),
        "calibration": plot.calibration(curves, title=fourth),
        "prior panel": plot.prior_panel(panel),
        "ranges": plot.ranges(over_tables, title=second),
    }
    cards = {"card": regression._repr_html_(), "panel's card": panel._repr_html_(), "all": over_tables._repr_html_()}
    texts = {name: " ".join(figures.words(ax)) for name, ax in drawings.items()}
    return {name: text.split() for name, text in (texts | {k: html.unescape(v) for k, v in cards.items()}).items()}


@pytest.fixture(scope="module")
def plain():
    return {name: " ".join(words) for name, words in _pictures(PLAIN).items()}


@pytest.mark.parametrize("names", AWKWARD, ids=" ".join)
def test_no_picture_and_no_card_changes_a_user_s_word(plain, names):
    for picture, text in _pictures(names).items():
        assert text == _renamed(plain[picture], names).split(), picture


def _renamed(text: str, names: tuple[str, ...]) -> str:
    return re.sub("|".join(PLAIN), lambda word: names[PLAIN.index(word[0])], text)


REPORT = """title = "Own table"
question = "Which way?"
[data]
csv = "own.csv"
scale = "SMD"
[model]
kind = "subgroups"
by = "{by}"
heterogeneity = "common"
tau = {{ HalfNormal = 0.5 }}
[engines]
exact = {{}}
[report]
prob = 0.95
"""


def test_no_report_changes_a_user_s_word(tmp_path):
    names = AWKWARD[0]
    told = [_page(tmp_path / some[0], some) for some in (PLAIN, names)]
    assert told[1] == _renamed(told[0], names)
    assert "τ ~ HalfNormal(0.5)" in told[1]


def _page(folder, names: tuple[str, ...]) -> str:
    folder.mkdir()
    table = {"study": [*names, "s5", "s6"], "y": Y, "se": SE, names[1]: X, names[2]: [names[0], names[3]] * 3}
    pd.DataFrame(table).to_csv(folder / "own.csv", index=False)
    (folder / "own.toml").write_text(REPORT.format(by=names[2]), encoding="utf-8")
    pw.run(pw.load_analysis(folder / "own.toml"), out=folder / "out")
    page = next((folder / "out").rglob("report.html")).read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<(style|svg).*?</\1>", "", page, flags=re.DOTALL)))
    return " ".join(re.sub(r"[0-9a-f]{16,}|\d+\.\d\d s|[\dT:-]+\+00:00|(< )?\b[\d.]+ s\b", "", text).split())


def test_of_a_quantity_s_name_the_symbol_alone_is_greek():
    assert symbol("mu[tau - pi] - mu[rho]") == "μ[tau - pi] − μ[rho]"
    assert symbol("beta[tau[pi]]") == "β[tau[pi]]"
    assert words.watched("r_hat_beta[my_mu]") == "R-hat β[my_mu]"
    assert words.prior("beta[tau[pi]] ~ Flat()") == "β[tau[pi]]\u00a0~\u00a0Flat()"


def test_in_quotes_and_in_brackets_within_brackets_stands_what_is_the_user_s():
    assert greek("mu[tau[pi]] of 'kappa's mu' and the study's tau") == "μ[tau[pi]] of 'kappa's mu' and the study's τ"


def test_what_outcomes_borrow_is_told_under_their_own_names():
    frame = pd.DataFrame({"outcome": ["mu", "pi"], "k": [3, 9], "mu_borrowed": [0.4, -0.2], "mu_shift": [0.1, 1.2]})
    told = borrowed_sentence(frame, mu="μ")
    assert "Most is borrowed by mu (k = 3): 40.0 % of the precision of its μ" in told
    assert told.count("pi") == 2
    assert borrowed_sentence(frame) == told.replace("μ", "mu")
