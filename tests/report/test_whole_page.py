"""Whatever the outcome, the moderator and the levels are called, and however few studies there are, a page is whole."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import poolwise as pw
from poolwise.result import SEVERITY

MODEL = {
    "pooled": '[model]\nkind = "random-effects"\n',
    "groups": '[model]\nkind = "subgroups"\nby = "mu_spread"\n',
    "slope": '[model]\nkind = "meta-regression"\nmoderators = ["tau"]\n',
}
STATUSES = "|".join(status for status in SEVERITY if "_" in status)
CODE = re.compile(
    rf"\b(mu_spread|theta_new|tau_between|tau_within|p_above|nan|None|inf|NaN|{STATUSES})\b|\bmu\[|\btau\[|\bbeta\["
)


class Whole(HTMLParser):
    """The words that are seen, and what the headers of tables and the pictures say of themselves."""

    def __init__(self, page):
        super().__init__()
        self.words, self.scopes, self.pictures, self.hidden = [], [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        self.hidden += tag in ("style", "script", "pre")
        if tag == "th":
            self.scopes.append(told.get("scope"))
        if tag == "svg" and told.get("role") == "img":
            self.pictures.append(told.get("aria-label", ""))

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script", "pre")

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


def table(k, rng):
    level = np.array(["Röver & Bürkner", "<b>control</b>"])[np.arange(k) % 2]
    return pd.DataFrame(
        {
            "study": [f"Study {i}" for i in range(k)],
            "y": rng.normal(-0.3, 0.3, k).round(3),
            "se": rng.uniform(0.1, 0.4, k).round(3),
            "mu_spread": level,
            "tau": rng.normal(size=k).round(2),
        }
    )


@pytest.mark.filterwarnings("ignore::poolwise.errors.PoolwiseWarning")
@pytest.mark.parametrize(
    ("kind", "k", "scale"),
    [("pooled", 2, "log RR"), ("groups", 3, "SMD"), ("slope", 20, "log OR")],
)
def test_a_page_is_whole(tmp_path, kind, k, scale):
    table(k, np.random.default_rng(k)).to_csv(tmp_path / "studies.csv", index=False)
    head = f'title = "Page"\nquestion = "Is it whole?"\n[data]\ncsv = "studies.csv"\nscale = "{scale}"\n'
    text = head + MODEL[kind] + "[engines]\nexact = {}\nclosed_form = [{}]\n[sensitivity]\nprior_panel = false\n"
    (tmp_path / "page.toml").write_text(text, encoding="utf-8")
    done = pw.run(pw.load_analysis(tmp_path / "page.toml"), out=tmp_path / "out")
    page = Whole(done.report.read_text(encoding="utf-8"))
    seen = [words for words in page.words if CODE.search(words.replace("mu_spread", "") if kind == "groups" else words)]
    assert seen == []
    assert set(page.scopes) <= {"col", "row", "rowgroup"}
    assert page.pictures
    assert all(re.search(r"\d", label) for label in page.pictures)
