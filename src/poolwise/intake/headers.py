"""What the columns of a published table are called, and which statistic each of them holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import product

_FIRST, _SECOND = (
    re.split(r"\s+", words)
    for words in (
        "1 1i g1 group1 grp1 e t tx treat treated treatment treatmentgroup exp experimental experimentalgroup int "
        "intervention interventiongroup active",
        "2 2i g2 group2 grp2 c ctrl ctl con control controls controlgroup comparison comparator comparisongroup "
        "placebo pbo",
    )
)
_OF_GROUPS = {
    "n": "n size samplesize num number total",
    "m": "m mean avg average",
    "sd": "sd s std stdev standarddeviation",
    "events": "events event ev e responders",
    "time": "time persontime personyears py",
}
_ALONE = {
    "n": "n ni ntotal totaln samplesize nobs",
    "m": "m mean mi",
    "sd": "sd sdi standarddeviation",
    "r": "r ri cor corr correlation pearsonr rxy",
    "t": "t tvalue tstat tstatistic ttest",
    "f": "f fi fvalue fstat fstatistic",
    "p": "p pvalue pval pi",
    "z": "zvalue zstat zstatistic zscore",
    "d": "d di cohend cohensd",
    "g": "g hedgesg smd",
    "or": "or oddsratio",
    "log_or": "logor logoddsratio lnor",
    "rr": "rr riskratio relativerisk",
    "log_rr": "logrr lnrr logriskratio",
    "hr": "hr hazardratio",
    "log_hr": "loghr lnhr loghazardratio",
    "fisher_z": "fisherz fishersz zr zcor",
    "se": "se sei stderr standarderror seg sed",
    "v": "v vi var variance samplingvariance",
    "lower": "lower lowerci cilower lcl ll cilb cilow lowerlimit low lo lowerbound 95cilower ci95lower lower95",
    "upper": "upper upperci ciupper ucl ul ciub cihigh upperlimit high hi upperbound 95ciupper ci95upper upper95",
    "events": "events xi cases",
    "time": "time ti persontime personyears",
    "a": "a ai",
    "b": "b bi",
    "c": "c ci",
    "sign": "sign direction",
    "predictors": "predictors npredictors",
    "r2": "r2 rsquared r2i",
    "alpha": "alpha cronbachalpha cronbachsalpha",
    "items": "items nitems",
    "pre1": "pre1",
    "post1": "post1",
    "pre2": "pre2",
    "post2": "post2",
}
STUDY = ("study", "author", "authors", "studyid", "studyname", "slab", "label", "source", "reference", "citation")


def _known() -> dict[str, str]:
    found: dict[str, str] = {}
    for statistic, words in _OF_GROUPS.items():
        for number, groups in (("1", _FIRST), ("2", _SECOND)):
            for word, group in product(words.split(), groups):
                found.setdefault(word + group, statistic + number)
                if len(group) > 1 or len(word) > 1:
                    found.setdefault(group + word, statistic + number)
    for statistic, words in _ALONE.items():
        for word in words.split():
            found[word] = statistic
    return found


_KNOWN = _known()


def folded(header: str) -> str:
    """A header as it is compared: without case, blanks, marks and accents.

    Examples
    --------
    >>> folded("Mean (Treatment)"), folded("SD_ctrl.")
    ('meantreatment', 'sdctrl')
    """
    plain = unicodedata.normalize("NFKD", header).casefold()
    return re.sub(r"[^a-z0-9]+", "", plain)


def recognised(headers: Iterable[str]) -> dict[str, str]:
    """The statistic that each header stands for, by the header; headers that stand for none are left out.

    Parameters
    ----------
    headers : iterable of str

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> recognised(["Author", "N exp", "M_exp", "SD exp", "n.c", "mean.c", "sd.c", "Year"])
    {'N exp': 'n1', 'M_exp': 'm1', 'SD exp': 'sd1', 'n.c': 'n2', 'mean.c': 'm2', 'sd.c': 'sd2'}
    """
    found = {header: _KNOWN.get(folded(header)) for header in headers}
    return {header: statistic for header, statistic in found.items() if statistic is not None}
