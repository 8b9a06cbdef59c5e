"""Numbers as figures print them, and words that fit where they stand."""

from __future__ import annotations

import itertools
import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import poolwise as pw
from poolwise.plot import _text, _words
from poolwise.scale import SCALES
from support import figures


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.4861, "0.49"),
        (-0.714, "−0.71"),
        (0.0031, "0.003"),
        (0.0, "0.00"),
        (-1e-9, "0.00"),
        (123.456, "123.5"),
        (26465.0, "26,465"),
        (math.inf, "∞"),
        (math.nan, "–"),
    ],
)
def test_numbers_keep_two_decimals_unless_they_would_lose_their_value(value, words):
    assert _words.number(value, 2) == words


def test_estimates_carry_their_interval_if_there_is_one():
    assert _words.estimate(0.5, 0.25, 1.0, 2) == "0.50 [0.25, 1.00]"
    assert _words.estimate(0.5, math.nan, math.nan, 2) == "0.50"
    assert _words.estimate(math.nan, math.nan, math.nan, 2) == ""


@pytest.mark.parametrize(("width", "places"), [(0.8, 2), (0.004, 5), (30.0, 1), (400.0, 0)])
def test_decimals_of_a_raw_scale_follow_the_width_of_the_intervals(width, places):
    frame = pd.DataFrame({"raw_lower": [0.0, 1.0], "raw_upper": [width, 1.0 + width]})
    assert _words.decimals(SCALES["MD"], frame) == places
    assert _words.decimals(SCALES["log RR"], frame) == 2


def test_priors_are_printed_with_short_numbers():
    assert _words.prior("LogT(5, -1.72, 1.295)") == "LogT(5, −1.72, 1.295)"
    assert _words.prior("HalfNormal(0.275664)") == "HalfNormal(0.276)"


def test_an_ellipsis_leaves_the_year():
    long = "Schneider-Wiedemann, Abercrombie and the Working Group on Alliance 1998"
    cut = _text.fit(long, 2.0, 8.5)
    assert cut.startswith("Schneider")
    assert cut.endswith("… 1998")
    assert _text.fit("BCG vaccine against tuberculosis", 1.2, 8.5).endswith(
        "…"
    )  # and not in the last letters of a word
    assert _text.fit("laboratory_of_psychology_0017", 1.2, 8.5).endswith("… 0017")
    assert _text.fit("Short 1998", 2.0, 8.5) == "Short 1998"


@pytest.mark.parametrize(
    ("name", "inches", "lines"),
    [
        ("Sommaruga 1995", 0.5, "Sommar-|uga 1995"),
        ("Ignacio-Garcia 1995", 0.5, "Ignacio-|Garcia|1995"),
        ("REML, Hartung-Knapp ad hoc", 0.9, "REML, Hartung-|Knapp ad hoc"),
        ("InverseGamma(1.71, 0.4)", 0.9, "InverseGamma|(1.71, 0.4)"),
    ],
)
def test_a_name_longer_than_its_line_is_parted_and_not_cut(name, inches, lines):
    assert _text.wrap(name, inches, 6.5, parted=True) == lines.split("|")


def test_what_is_cut_keeps_its_last_number_or_brackets_whole():
    assert _text.fit("τ ~ LogNormal(−2.2, 0.955)", 1.3, 6.5).endswith("… (−2.2, 0.955)")
    assert _text.fit("Norwegian Multicentre (1-3 y)", 1.2, 8.5).endswith("… (1-3 y)")
    assert _text.fit("dose_of_the_active_arm_0.25", 1.2, 8.5).endswith("… 0.25")


def test_no_line_breaks_within_an_equation_a_percentage_or_short_brackets():
    words = "P(μ below 1) = 0.999; τ = 0.59 [0.36, 1.03]; I² = 93 %; μ ~ Normal(0, 2); t with k − 1 df (2 y) "
    ties = ["P(μ below 1) = 0.999", "τ = 0.59", "[0.36, 1.03]", "I² = 93 %", "μ ~ Normal(0, 2)", "k − 1", "(2 y)"]
    for inches in np.linspace(1.4, 4.0, 14):
        lines = _text.wrap(words.strip(), inches, 7.5)
        assert all(any(tie in line for line in lines) for tie in ties)
        assert " ".join(lines) == words.strip()


@given(st.text(min_size=1, max_size=60), st.floats(0.5, 4.0))
def test_cut_words_never_exceed_their_width(words, inches):
    assert _text.width(_text.fit(_text.plain(words), inches, 8.5), 8.5) <= inches


@given(st.lists(st.text("abcdefghij", min_size=1, max_size=9), min_size=1, max_size=40))
def test_wrapping_loses_no_word_and_keeps_within_the_width(parts):
    lines = _text.wrap(" ".join(parts), 2.0, 8.5)
    assert " ".join(lines).split() == parts
    assert all(_text.width(line, 8.5) <= 2.0 for line in lines)
    for line, following in itertools.pairwise(lines):
        assert _text.width(f"{line} {following.split()[0]}", 8.5) > 2.0


def test_a_paragraph_is_wrapped_by_a_few_measurements(monkeypatch):
    measured, width = [], _text.width
    monkeypatch.setattr(_text, "width", lambda words, size, bold=False: measured.append(words) or width(words, size))
    lines = _text.wrap("random effects model, k = 13; Bayesian, exact; 95 % intervals: credible " * 6, 6.6, 7.0)
    assert len(set(measured)) <= 4 * len(lines)


@given(st.text("abcfgilrtvwyATVWY0123456 .,;[]%τθμ²−", max_size=90), st.sampled_from([6.8, 7.5, 10.5]), st.booleans())
def test_the_width_is_the_largest_at_any_resolution(words, size, bold):
    every = _text._inches(words, size, bold, range(len(_text._RESOLUTIONS)))
    assert _text.width(words, size, bold=bold) == _text._SLACK * max(every)


def test_a_character_that_no_font_has_becomes_a_box():
    assert _text.plain("a\U0001f1ffb\nc") == "a▯b c"
    assert _text.plain("a\x08b\U000e0001c") == "abc"  # control characters and tags have no shape
    assert _text.plain("Müller שלום τ²") == "Müller שלום τ²"


def test_the_reader_s_own_font_is_used():
    with mpl.rc_context({"font.family": ["DejaVu Serif"]}):
        serif = _text.width("Aronson 1948", 8.5)
        assert _text.font("Aronson", 8.5).get_family() == ["DejaVu Serif"]
    assert not np.isclose(serif, _text.width("Aronson 1948", 8.5))


def test_lines_break_between_ideographs_but_not_before_their_full_stop(monkeypatch):
    monkeypatch.setattr(_text, "width", lambda words, size, bold=False: 0.1 * len(words))
    monkeypatch.setattr(_text, "_rough", lambda words, *font: [0.1 * len(words)])
    lines = _text.wrap("针灸与疼痛的荟萃分析。随机 trial of it", 0.65, 8.0)
    assert lines == ["针灸与疼痛的", "荟萃分析。随", "机", "trial", "of it"]
    assert _text.wrap("针灸与疼痛。", 0.55, 8.0) == ["针灸与疼", "痛。"]
    assert _text.wrap("a bc def", 0.4, 8.0) == ["a bc", "def"]


def _has_cjk() -> bool:
    from matplotlib.font_manager import get_font_names

    return any("CJK" in name for name in get_font_names())


@pytest.mark.skipif(not _has_cjk(), reason="no font for Chinese, Japanese and Korean is installed")
def test_names_in_chinese_japanese_and_korean_are_drawn_by_the_font_that_has_them(study_table):
    table = study_table(3).to_frame()
    names = ["张伟 2001", "田中太郎 2004", "김철수 2010"]
    effects = pw.Effects(table["y"], se=table["se"], study=names, scale="SMD")
    ax = pw.plot.forest(pw.fit(effects, pw.RandomEffects(), pw.ClosedForm()))
    assert set(names) <= set(figures.words(ax))
    assert figures.overlaps(figures.boxes(ax, 100)) == []
