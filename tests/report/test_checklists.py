"""What the checklists ask: the items of their sources, and nothing told of a chain that nobody ran."""

from poolwise.report.checklists import BARG, WAMBS, filled


def test_barg_asks_by_the_letters_of_its_table():
    letters = {step: "".join(one.number[1] for one in BARG if one.number[0] == step) for step in "12345"}
    assert letters == {"1": "ABCDE", "2": "ABCD", "3": "ABC", "4": "ABCDE", "5": "ABCDE"}
    assert [one.number for one in BARG if one.number[0] == "6"] == ["6A", "6B", "6C to 6G"]


def test_doubling_the_draws_is_answered_by_quadrature_only_where_no_chain_ran():
    third = filled(WAMBS, {"without_chains": "By quadrature.", "chains": "By NUTS."}).set_index("item").loc["3"]
    assert third["missing"]
    assert not filled(WAMBS, {"no_chains": "By quadrature."}).set_index("item").loc["3", "missing"]
