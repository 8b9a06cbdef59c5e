"""Objects show themselves in compact HTML in which every word is escaped."""

from __future__ import annotations

import math
from html.parser import HTMLParser

import pytest

from poolwise import show
from poolwise.quantities import rows_of


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def _read(page: str) -> _Words:
    reader = _Words()
    reader.feed(page)
    return reader


NASTY = "<script>alert('x')</script> & $x_1$ 😀 שלום"


def test_every_word_is_escaped_wherever_it_stands():
    page = show.card(NASTY, facts=[NASTY], header=[NASTY], rows=[[NASTY]], notes=[NASTY])
    found = _read(page)
    assert "script" not in found.tags
    assert "".join(found.words).count(NASTY) == 5


def test_no_two_dollars_share_a_text_so_that_a_notebook_typesets_nothing():
    found = _read(show.card("costs $5 and $6"))
    assert all(words.count("$") <= 1 for words in found.words)


def test_a_table_has_a_cell_for_each_word():
    found = _read(show.card("t", header=["a", "b"], rows=[["1", "2"], ["3", "4"]]))
    assert found.tags.count("th") == 2
    assert found.tags.count("td") == 4


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (0.0, "0.000"),
        (-0.71453, "−0.715"),
        (0.0004321, "0.00043"),
        (152.233, "152.233"),
        (26465.2, "26,465"),
        (3.2e9, "3.2 × 10⁹"),
        (3.3e-5, "0.000033"),
        (-2e-9, "−2 × 10⁻⁹"),
    ],
)
def test_numbers_are_short_and_missing_ones_are_a_dash(value, words):
    assert show.number(value) == words


def test_a_missing_interval_is_one_dash():
    assert show.interval(math.nan, math.nan) == "–"
    assert show.interval(-0.5, math.inf) == "[−0.500, ∞]"


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.9999, "> 0.999"), (0.0001, "< 0.001"), (0.25, "= 0.250"), (1.0, "> 0.999"), (math.nan, "= –")],
)
def test_no_probability_is_printed_as_certainty(value, words):
    assert show.probability(value) == words
    assert show.chance(value) == words.removeprefix("= ")


def test_shares_and_levels_are_percentages():
    assert (show.percent(0.9217), show.percent(math.nan)) == ("92.2 %", "–")
    assert (show.percent(-0.123), show.percent(-4e-5)) == ("−12.3 %", "0.0 %")
    assert (show.level(0.95), show.level(0.999)) == ("95 %", "99.9 %")


def test_parameters_are_printed_in_greek():
    assert show.greek("mu ~ Normal(0, 1), tau2 and theta_new") == "μ ~ Normal(0, 1), τ² and θ_new"
    assert show.greek("multitude, status") == "multitude, status"


def test_quantities_become_rows_of_words():
    class Quantity:
        point, sd = 0.5, math.nan

        def interval(self, prob: float = 0.95) -> tuple[float, float]:
            return (math.nan, math.nan)

        def interval_kind(self) -> str:
            return "none"

    assert rows_of({"Q": Quantity()}) == [("Q", "0.500", "–", "–", "–")]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("mu ~ Normal(0, 1), tau ~ HalfNormal(0.5)", "μ ~ Normal(0, 1), τ ~ HalfNormal(0.5)"),
        ("mu[pi] - mu[rho]", "μ[pi] - μ[rho]"),
        ("the moderator 'mu' and the study's tau", "the moderator 'mu' and the study's τ"),
    ],
)
def test_a_user_s_name_stays_what_it_is_among_greek_letters(text, printed):
    assert show.greek(text) == printed
