"""What the columns of a published table are called, and which statistic each of them holds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import product

_FIRST, _SECOND = (
    re.split(r"\s+", words)
    for words in (
        "1 1i g1 group1 grp1 e t tx trt treat treated treatment treatmentgroup exp experimental experimentalgroup int "
        "intervention interventiongroup active interventionsgruppe versuchsgruppe ig vg eg traitement tratamiento "
        "interventie interventiegroep ge gi therapy therapygroup therapie therapiegruppe behandlung behandlungsgruppe "
        "cbt act dbt emdr ipt mbct drug verum grupoexperimental grupointervencion gruppointervento",
        "2 2i g2 group2 grp2 c ctrl ctl con control controls controlgroup comparison comparator comparisongroup "
        "placebo pbo gc grupocontrol gruppocontrollo "
        "kontrollgruppe kontrolle kg temoin controle controlegroep kontroll wl wlc tau "
        "waitlist waitinglist waitlistcontrol warteliste usualcare treatmentasusual careasusual cau sham notreatment",
    )
)
_OF_GROUPS = {
    "n": "n size samplesize num number total",
    "m": "m mean avg average mittelwert mw moyenne moy media gem gemiddelde",
    "sd": "sd s std stdev standarddeviation standardabweichung stdabw ecarttype et standaarddeviatie ds dt de "
    "desviacionestandar desviaciontipica deviazionestandard",
    "sem": "sem se stderr standarderror standarderrorofmean standarderrorofthemean",
    "m sem": "mse meanse msem meansem avgse",
    "events": "events event ev e responders deaths died ereignisse evenements eventos",
    "m sd": "msd meansd meanstd avgsd averagesd mwsd mittelwertsd",
    "events n": "eventstotal eventsn nn eventstotaln eventsofn respondersn casestotal casesn",
    "time": "time persontime personyears py",
    "percent": "percent pct percentage prozent pourcentage percentevents percentresponders",
    "proportion": "proportion prop",
    "median": "median med mdn mediane mediana",
    "lower_q": "q1 lowerquartile firstquartile p25",
    "upper_q": "q3 upperquartile thirdquartile p75",
    "minimum": "min minimum",
    "maximum": "max maximum",
    "median lower_q upper_q": "medianiqr medianq1q3 medianquartiles medianinterquartilerange mediqr mdniqr",
    "median minimum maximum": "medianrange medianminmax medrange mdnrange",
}
_OCCASIONS = {
    "pre": "pretreatment preintervention pretest pretherapy baseline before vorher vortest prae pre pra avant",
    "post": "posttreatment postintervention posttest posttherapy endpoint after nachher nachtest post apres",
}
_ALONE = {
    "n": "n ni ntotal totaln samplesize nobs",
    "m": "m mean mi",
    "sd": "sd sdi standarddeviation",
    "r": "r ri cor corr correlation korrelation correlatie pearsonr rxy",
    "t": "t tvalue tval tstat tstatistic ttest",
    "f": "f fi fvalue fstat fstatistic",
    "p": "p pvalue pval pi pwert valeurp pwaarde",
    "chi2": "chi2 chisq chisquare chisquared chi2value xsquared",
    "phi": "phi phicoefficient rphi",
    "percent": "percent pct percentage prozent pourcentage",
    "proportion": "proportion prop",
    "median": "median mdn",
    "lower_q": "q1 lowerquartile",
    "upper_q": "q3 upperquartile",
    "level": "cilevel confidencelevel",
    "z": "zvalue zstat zstatistic zscore waldz zwald",
    "d": "d di cohend cohensd",
    "g": "g hedgesg smd",
    "or": "or oddsratio",
    "log_or": "logor logoddsratio lnor",
    "rr": "rr riskratio relativerisk",
    "log_rr": "logrr lnrr logriskratio",
    "hr": "hr hazardratio",
    "log_hr": "loghr lnhr loghazardratio",
    "md": "md meandifference meandiff wmd",
    "rd": "rd riskdifference",
    "irr": "irr incidencerateratio rateratio",
    "fisher_z": "fisherz fishersz zr zcor",
    "se": "se sei stderr standarderror standardfehler erreurtype standaardfout seg sed",
    "v": "v vi var variance samplingvariance",
    "lower": "lower lowerci cilower lcl ll cilb cilow lowerlimit low lo lb lowerbound 95cilower ci95lower lower95",
    "upper": "upper upperci ciupper ucl ul ciub cihigh upperlimit high hi ub upperbound 95ciupper ci95upper upper95",
    "events": "events xi cases deaths died",
    "time": "time ti persontime personyears",
    "a": "a ai",
    "b": "b bi",
    "c": "c ci",
    "sign": "sign direction vorzeichen richtung",
    "predictors": "predictors npredictors preds",
    "r2": "r2 rsquared r2i",
    "alpha": "alpha cronbachalpha cronbachsalpha",
    "items": "items nitems kitems numberofitems",
    "spearman": "spearman spearmanrho spearmansrho spearmanr spearmancorrelation rho rs rhos rankcorrelation",
    "kendall": "kendall kendalltau kendallstau tau taub kendallstaub kendalltaub",
    "slope": "slope regressionslope coefficient coef regressioncoefficient regressionweight estimateb bunstandardized "
    "bunstandardised unstandardizedb unstandardisedb unstandardizedbeta unstandardisedbeta unstandardizedcoefficient "
    "unstandardisedcoefficient unstdb unstdbeta regressionskoeffizient",
    "std_beta": "stdbeta standardizedbeta standardisedbeta betastandardized betastandardised standardizedcoefficient "
    "standardisedcoefficient standardizedslope standardisedslope standardizedregressioncoefficient bstd stdb "
    "betaweight betaz",
    "eta2": "eta2 etasquared eta2p partialeta2 partialetasquared peta2",
    "auc": "auc cles auroc areaunderthecurve areaundercurve cstatistic cindex probabilityofsuperiority vda",
    "partial_r": "partialr rpartial partialcorrelation pcor",
    "semipartial_r": "semipartialr rsemipartial semipartialcorrelation partcorrelation spcor",
    "lowest": "lowest scalemin scaleminimum minscale possiblemin minpossible theoreticalmin",
    "highest": "highest scalemax scalemaximum maxscale possiblemax maxpossible theoreticalmax",
    "df": "df degreesoffreedom dof dfresidual residualdf freiheitsgrade",
    "r_pre_post": "rprepost testretestr testretestcorrelation retestr rtt",
}
_OF_METAFOR = {
    "x1i": "events1",
    "x2i": "events2",
    "xt": "events1",
    "xc": "events2",
    "xti": "events1",
    "xci": "events2",
    "t1i": "time1",
    "t2i": "time2",
    "nti": "n1",
    "nci": "n2",
    "tpos": "a",
    "tneg": "b",
    "cpos": "c",
    "cneg": "d",
}
"""Names of metafor and of its data sets beside those that follow from the words."""
_BY_TARGET = {
    **{key: {"ai": "alpha", "mi": "items"} for key in ("ARAW", "AHW", "ABT")},
    **{key: {"ti": "t", "mi": "predictors"} for key in ("PCOR", "ZPCOR", "SPCOR", "ZSPCOR")},
    **{key: {"mi": "predictors"} for key in ("R2", "ZR2")},
}
"""Names that metafor gives to one thing for most measures, and to another one for these."""
_ESTIMATES = (
    *("r", "d", "g", "or", "log_or", "rr", "log_rr", "hr", "log_hr", "fisher_z", "md", "rd", "irr"),
    *("slope", "std_beta"),
)
_INTERVALS = re.split(
    r"\s+",
    "ci 95ci ci95 ki 95ki ic ic95 95ic 95confidenceinterval confidenceinterval konfidenzintervall "
    "95konfidenzintervall bi 95bi 90ci 99ci 80ci",
)
_SLOPE_INTERVALS = frozenset(f"{slope}{interval}" for slope in ("b", "beta") for interval in _INTERVALS)
STUDY: tuple[str, ...] = (
    "study",
    "author",
    "authors",
    "studyid",
    "studyname",
    "slab",
    "label",
    "source",
    "reference",
    "citation",
)
SLOPES = frozenset({"b", "beta", "bi", "bse", "betase", "bv", "seb", "sebeta"})
"""Headers of slopes that may be of any regression, standardised or not; 'b' and 'bi' may be a cell of a table too."""
REGRESSIONS = {
    **dict.fromkeys(("logistic", "logit", "binarylogistic", "logisticregression", "binomial"), "log_or"),
    **dict.fromkeys(("cox", "coxph", "coxregression", "proportionalhazards", "survival"), "log_hr"),
    **dict.fromkeys(("linear", "ols", "linearregression", "lm", "ancova"), "slope"),
}
"""What the slope of a regression is, by the kind of regression."""
REGRESSION = ("model", "regression", "regressiontype", "modeltype", "typeofregression", "kindofregression")
"""Headers of a column that tells the kind of regression of each row."""
IS_ADJUSTED = ("adjusted", "adj", "isadjusted", "adjustment", "adjustedestimate")
"""Headers of a column that tells, by yes and no, whether an estimate is adjusted for other variables."""
ADJUSTED_FOR = ("adjustedfor", "covariates", "covariate", "adjustmentvariables", "controlledfor")
"""Headers of a column that names for what an estimate is adjusted."""
_RATIOS = ("or", "log_or", "rr", "log_rr", "hr", "log_hr", "irr")
_ADJUSTED = ("a", "adj", "adjusted", "crude", "unadjusted")
TYPE = ("statistic", "metric", "type", "estype", "effectsizetype", "effecttype", "measure", "kind", "statistictype")
PRINTED = (
    "statistic",
    "teststatistic",
    "test",
    "result",
    "results",
    "reportedstatistic",
    "reported",
    "outcomestatistic",
    "statistik",
    "teststatistik",
    "ergebnis",
)
"""Headers of columns whose cells name their statistic themselves: 't(38) = 2.10'."""
VALUE = ("value", "estimate", "es", "effectsize", "effect", "reportedvalue", "result")
STUDY += ("studie", "etude", "estudio", "autor", "auteur", "studies", "trial", "paper", "authoryear", "studyyear")
_NUMBERED = ("id", "studyno")
STUDY += ("studio", "studien", "etudes", "estudios", "studi", "onderzoek")
STUDY += ("studyorsubgroup", *_NUMBERED)
_GREEK = str.maketrans({"χ": "chi", "φ": "phi", "α": "alpha", "β": "beta", "η": "eta", "ρ": "rho", "τ": "tau"})
_TAIL = re.compile(r"(?<=[)\]])\s*(?:[a-d]|[*†‡§¶#]+)$|,\s*\w+$")  # a mark that leads to a note, a unit
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]|,.*$")
_LIMITS = {
    **dict.fromkeys(("lower", "low", "ll", "lb", "lcl", "untere", "unteregrenze"), "lower"),
    **dict.fromkeys(("upper", "high", "ul", "ub", "ucl", "obere", "oberegrenze"), "upper"),
}
_LIMIT = re.compile("95|90|99|ci|limits?|bound|confidenceinterval|confidence|interval|ofthe|of")
_SIZE = re.compile(r"\bn\s*=\s*(\d+)", re.IGNORECASE)
_LEVEL = re.compile(r"(\d{2}(?:\.\d+)?)\s?%")
_BARE_LEVEL = re.compile(r"(?:ci|ki|ic|lower|upper)(80|90|95|99)|(80|90|95|99)(?:ci|ki|ic)")


def _of_groups() -> dict[str, str]:
    """Statistics of the first and the second group by their headers."""
    found: dict[str, str] = {}
    for statistic, words in _OF_GROUPS.items():
        for number, groups in (("1", _FIRST), ("2", _SECOND)):
            for word, group in product(words.split(), groups):
                own = " ".join(part + number for part in statistic.split())
                found.setdefault(word + group, own)
                if (len(group) > 1 or len(word) > 1) and not (word == "s" and len(group) > 2):  # 'controls' are people
                    found.setdefault(group + word, own)
    return found


def _alone() -> dict[str, str]:
    """Statistics of no group by their headers, with the intervals and errors of estimates."""
    found: dict[str, str] = {}
    for statistic, words in _ALONE.items():
        for word in words.split():
            found[word] = statistic
            if statistic in _ESTIMATES:
                prefixes = ("", *_ADJUSTED) if statistic in _RATIOS else ("",)
                found |= {prefix + word: statistic for prefix in prefixes}
                found |= {
                    prefix + word + interval: f"{statistic} lower upper"
                    for prefix, interval in product(prefixes, _INTERVALS)
                }
                found |= {word + "se": f"{statistic} se", word + "v": f"{statistic} v"}
                if statistic not in ("or", "rr", "hr", "irr"):  # of a ratio, or of its log?
                    found |= {"se" + word: "se", "var" + word: "v"}
    return found


def _known() -> dict[str, str]:
    found = _of_groups() | _alone()
    found |= {
        f"n{first}{second}": "n1 n2" for first, second in product(_FIRST, _SECOND) if len(first) > 1 < len(second)
    }
    found = dict.fromkeys(_INTERVALS, "lower upper") | found  # ci may be a cell of a table
    for statistic, other in (("lower_q", "upper_q"), ("minimum", "maximum")):
        found["median" + {"lower_q": "iqr", "minimum": "range"}[statistic]] = f"median {statistic} {other}"
    found |= {"ntc": "n1 n2", "nec": "n1 n2"}
    for month in ("dec", "dect"):
        found.pop(month, None)
    return (
        found
        | _OF_METAFOR
        | {
            "msd": "m sd",
            "meansd": "m sd",
            "meanse": "m sem",
            "sem": "sem",
            "eventstotal": "events n",
            "eventsn": "events n",
            "casestotal": "events n",
            "casesn": "events n",
        }
    )


_KNOWN = _known()


def folded(header: str) -> str:
    """A header as it is compared: without case, blanks, marks and accents.

    Examples
    --------
    >>> folded("Mean (Treatment)"), folded("SD_ctrl.")
    ('meantreatment', 'sdctrl')
    """
    plain = unicodedata.normalize("NFKD", re.sub("[Xx]²", "chi2", header)).casefold()
    plain = plain.translate(_GREEK)
    return re.sub(r"[^a-z0-9]+", "", plain)


def study_column(headers: Iterable[str]) -> str | None:
    """The column that holds the labels of studies, by its header (of two rows, by the upper one); numbers come last.

    Examples
    --------
    >>> study_column(["id", "Author (Year)", "n", "r"])
    'Author (Year)'
    """
    own = {header: folded(re.sub(r"\s*Unnamed: .*|\s*\([^)]*\)", "", str(header))) for header in headers}
    known = [header for header, word in own.items() if word in STUDY]
    return min(known, key=lambda header: own[header] in _NUMBERED, default=None)


def type_and_value(headers: Iterable[str]) -> tuple[str, str] | None:
    """The columns of a table whose rows tell which statistic they report, and its value; None where there are none.

    Examples
    --------
    >>> type_and_value(["Study", "Effect size type", "Effect size", "SE"])
    ('Effect size type', 'Effect size')
    """
    there = {folded(header): header for header in reversed(list(headers))}
    kind, value = (next((there[name] for name in names if name in there), None) for names in (TYPE, VALUE))
    return (kind, value) if kind is not None and value is not None else None


def recognised(headers: Iterable[str]) -> dict[str, str]:
    """The statistic that each header stands for, by the header; headers that stand for none are left out.

    Parameters
    ----------
    headers : iterable of str

    Returns
    -------
    dict of str to str
        Of a header that names several statistics, all of them in their order: ``"m1 sd1"``, ``"or lower upper"``.

    Examples
    --------
    >>> recognised(["M (SD) treatment", "OR [95% CI]", "Mean control (kg)"])
    {'M (SD) treatment': 'm1 sd1', 'OR [95% CI]': 'or lower upper', 'Mean control (kg)': 'm2'}
    >>> recognised(["Author", "N exp", "M_exp", "SD exp", "n.c", "mean.c", "sd.c", "Year"])
    {'N exp': 'n1', 'M_exp': 'm1', 'SD exp': 'sd1', 'n.c': 'n2', 'mean.c': 'm2', 'sd.c': 'sd2'}
    """
    found = {header: _statistic(header) for header in headers}
    found |= _of_both_groups(found)
    for header in [header for header, statistic in found.items() if statistic is None]:
        found[header] = found.get(re.sub(r"\.\d+$", "", header))  # pandas calls a second column r "r.1"
    if "events" in found.values() and "n" not in found.values():
        found |= {header: "n" for header in found if folded(header) == "total"}
    if "a" not in found.values():
        found |= {header: "lower upper" for header, statistic in found.items() if statistic == "c" and len(header) > 1}
        found |= {header: None for header, statistic in found.items() if statistic in ("b", "c")}  # see `slopes`
    return {header: statistic for header, statistic in found.items() if statistic is not None}


def _of_both_groups(found: Mapping[str, str | None]) -> dict[str, str]:
    """Two columns of one header, 'n' and pandas' 'n.1', beside columns of the first and of the second group.

    Each belongs to the group of the column before it, or of the one behind where none is before.

    Examples
    --------
    >>> _of_both_groups({"M (SD) T": "m1 sd1", "n": "n", "M (SD) C": "m2 sd2", "n.1": "n1"})
    {'n': 'n1', 'n.1': 'n2'}
    """
    headers = list(found)
    own: dict[str, str] = {}
    for header in headers:
        again = f"{header}.1"
        statistic = found[header]
        if again not in found or f"{header}.2" in found or statistic not in _OF_GROUPS:
            continue
        groups = [_group_beside(found, headers.index(name), {header, again}) for name in (header, again)]
        named = dict(zip((header, again), (f"{statistic}{group}" for group in groups), strict=True))
        taken = {value for name, value in found.items() if name not in named}
        if sorted(groups) == ["1", "2"] and not taken & set(named.values()):
            own |= named
        else:
            own[again] = statistic
    return own


def _group_beside(found: Mapping[str, str | None], place: int, apart: set[str]) -> str:
    """The group of the column before a place, or behind it where none is before; empty where there is none."""
    headers = list(found)
    for name in (*reversed(headers[:place]), *headers[place + 1 :]):
        stem, group = (found[name] or " ")[:-1].split(" ")[-1], (found[name] or " ")[-1]
        if name not in apart and group in "12" and stem in _OF_GROUPS:
            return group
    return ""


def slopes(headers: Iterable[str], target: str, *, told: Iterable[str] = ()) -> dict[str, str]:
    """Statistics of headers such as 'b', 'beta' or 'logistic b', which are one thing for one target only.

    Parameters
    ----------
    headers : iterable of str
        Those that stand for nothing else.
    target : str
        Code of a measure.
    told : iterable of str
        Statistics that other columns hold: beside the number of predictors, 'beta' is standardised.

    Returns
    -------
    dict of str to str

    Examples
    --------
    >>> slopes(["b", "logistic b"], "SLOPE")
    {'b': 'slope', 'logistic b': 'log_or'}
    >>> slopes(["beta"], "ZCOR"), slopes(["beta"], "ZCOR", told=["predictors"])
    ({}, {'beta': 'std_beta'})
    """
    found = {}
    headers = list(headers)
    standardised = "predictors" in set(told)
    plain = {folded(header) for header in headers} & {"b", "slope", "coefficient", "coef"}
    for header in headers:
        word = folded(header)
        if word == "expb" and target in ("OR", "HR"):  # of a logistic, and of a Cox regression
            found[header] = target.lower()
        kind = next((kind for kind in REGRESSIONS if len(kind) > 2 and kind in word), None)
        rest = word if kind is None else word.replace(kind, "", 1).replace("regression", "", 1)
        slope = rest in SLOPES | _SLOPE_INTERVALS or _KNOWN.get(rest, "").startswith("slope")
        if not slope or rest in ("seb", "sebeta"):
            continue
        beside = " lower upper" if rest in _SLOPE_INTERVALS else " se" if rest.endswith("se") else ""
        beside = " v" if rest == "bv" else beside
        if kind is not None:
            found[header] = REGRESSIONS[kind] + beside
        elif target in ("SLOPE", "GEN") and not (rest == "beta" and plain):  # beside b, beta is standardised
            found[header] = f"slope{beside}"
        elif standardised and rest == "beta":
            found[header] = "std_beta"
    return found


def for_target(found: Mapping[str, str], target: str) -> dict[str, str]:
    """Statistics by header, where some mean another thing for this target.

    Examples
    --------
    >>> for_target({"ai": "a", "ni": "n"}, "ABT")
    {'ai': 'alpha', 'ni': 'n'}
    """
    other = _BY_TARGET.get(target, {})
    return {header: other.get(folded(header), statistic) for header, statistic in found.items()}


def _statistic(header: str) -> str | None:
    """By the whole header, else without what stands in brackets: a unit, a size."""
    header = re.sub(r"(?<=[\s_.])s$", "sd", header)
    if "%" in header and level_in(header) is None:
        return _of_percentages(header)
    bare = _TAIL.sub("", _SIZE.sub("", header).strip())
    for own in (header, bare, *_without_last_brackets(bare)):
        if "%" not in bare[len(own) :] and (known := _KNOWN.get(folded(own)) or _of_occasion(own)):
            return _beside(known, bare[len(own) :])
    return _LIMITS.get(_LIMIT.sub("", folded(header)))


def _beside(known: str, bracket: str) -> str:
    """A statistic with what a bracket behind it holds: 'Mean treatment (SE)', 'Median control [Q1-Q3]'."""
    stem, group = (known[:-1], known[-1]) if known[-1] in "12" else (known, "")
    word = folded(bracket)
    if stem == "m" and word in _OF_GROUPS["sem"].split():
        return f"{known} sem{group}"
    if stem == "median" and word in ("iqr", "q1q3", "interquartilerange", "quartiles", "25th75thpercentile"):
        return f"{known} lower_q{group} upper_q{group}"
    if stem == "median" and word in ("range", "minmax"):
        return f"{known} minimum{group} maximum{group}"
    return known


def _of_percentages(header: str) -> str | None:
    """'% treatment', 'Events (%) control'; 'n (%)' holds numbers of events, with their percentage or without."""
    known = "percent" if folded(header) in ("prevalence", "proportion", "rate") else _KNOWN.get(folded(header))
    group = next((number for number, words in (("1", _FIRST), ("2", _SECOND)) if folded(header) in words), None)
    if group is not None:
        return f"percent{group}"
    if known in ("n", "n1", "n2"):
        return known.replace("n", "events", 1)
    if known not in ("events", "events1", "events2") and re.search(
        r"\bn\s*\(\s*%\s*\)", header, re.IGNORECASE
    ):  # 'Treatment events n (%)'
        known = _KNOWN.get(folded(re.sub(r"\bn\s*\(\s*%\s*\)", "", header, flags=re.IGNORECASE)))
    if known in ("events", "events1", "events2"):
        percent = known.replace("events", "percent")
        return f"{known} {percent}" if re.search(r"\(\s*%\s*\)", header) else percent
    return known if known in ("percent", "percent1", "percent2") else None


def _of_occasion(header: str) -> str | None:
    """'M pre', 'post_sd_t', 'Baseline mean (control)', 'pre-post correlation': of the same people at two occasions."""
    own = folded(header)
    rest = own
    occasions: list[str] = []
    for occasion, words in _OCCASIONS.items():
        for word in words.split():
            parts = [part for part in re.split(r"[^a-z0-9]+", header.casefold()) if part]
            if rest.startswith(word) or rest.endswith(word) or any(part.startswith(word) for part in parts):
                rest, occasions = rest.replace(word, "", 1), [*occasions, occasion]
                break
    if occasions == ["pre", "post"]:
        return "r_pre_post" if _KNOWN.get(rest) == "r" else None
    if len(occasions) != 1 or (len(rest) == 1 and rest != "m" and header.islower() and header.isalpha()):
        return None  # nothing, or a word that begins or ends alike: 'prec', 'posts'
    group = next((number for number, words in (("1", _FIRST), ("2", _SECOND)) if rest in words), None)
    if rest == "" or group is not None:
        return occasions[0] + (group or "")
    known = _KNOWN.get(rest) or next((name for name, words in _OF_GROUPS.items() if rest in words.split()), "")
    statistics = [re.fullmatch(r"(m|sd)([12]?)", part) for part in known.split()]
    if not statistics or not all(statistics):
        return None
    called = {"m": occasions[0], "sd": f"sd_{occasions[0]}"}
    return " ".join(called[part[1]] + part[2] for part in statistics if part)


def _without_last_brackets(header: str) -> list[str]:
    """The header without its last bracket, and without all."""
    last = re.sub(r"\s*[(\[][^)\]]*[)\]]\s*$", "", header)
    return [last, _BRACKETS.sub("", header)] if last != header or _BRACKETS.search(header) else []


def group_of(header: str) -> str:
    """'1' or '2' of a header that names a group and nothing else; empty for any other.

    Examples
    --------
    >>> group_of("Treatment"), group_of("Control group"), group_of("Mean control")
    ('1', '2', '')
    """
    word = folded(header)
    return next((number for number, words in (("1", _FIRST), ("2", _SECOND)) if word in words and len(word) > 1), "")


def guessed(headers: Iterable[str]) -> dict[str, str]:
    """What headers with one word too many may be: ``"Dropout treatment (%)"`` a percentage of the first group, perhaps.

    Examples
    --------
    >>> guessed(["Dropout treatment (%)", "Author"])
    {'Dropout treatment (%)': 'percent1'}
    """
    found = {}
    for header in headers:
        words = header.split()
        shorter = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
        known = [
            statistic for text in (*shorter, words[0] if words else "") if text and (statistic := _statistic(text))
        ]
        if re.search(r"\(\s*%\s*\)$", header) and not known:  # 'Remission (%)'
            known = ["percent"]
        if known and folded(header) not in STUDY:
            found[header] = known[0]
    return found


_PAIRED = re.compile(
    r"(?P<what>.*?)[\s(\[]*\b(?P<first>t|tx|i|e|exp|treatment|treated|intervention|experimental|1)\s*(?:/|:|vs?\.?|versus)\s*"
    r"(?P<second>c|ctrl|p|control|placebo|2)\b[)\]]?",
    re.IGNORECASE,
)
_MEAN_WITH_LIMITS = re.compile(
    r"(?P<what>.*?)\s*[(\[]\s*(?:\d\d\s*%\s*)?(?:CI|KI|confidence interval)\s*[)\]].*", re.IGNORECASE
)


def to_split(headers: Iterable[str]) -> dict[str, str]:
    """What to do with headers of cells that hold more than can be read: both groups, or a mean with its interval.

    Examples
    --------
    >>> to_split(["Deaths (T/C)"])["Deaths (T/C)"]
    "'Deaths (T/C)' holds both groups: a column for each, 'Deaths treatment' and 'Deaths control'"
    >>> to_split(["M1 [95% CI]", "Author"])["M1 [95% CI]"].partition(":")[0]
    "'M1 [95% CI]' holds a mean with its interval"
    """
    advice = {}
    for header in headers:
        text = header.strip()
        if (pair := _PAIRED.fullmatch(text)) and (what := pair["what"].strip(" -–:,")):
            two = f"'{what} treatment' and '{what} control'"
            advice[header] = f"'{header}' holds both groups: a column for each, {two}"
        elif (limits := _MEAN_WITH_LIMITS.fullmatch(text)) and _is_mean(limits["what"]):
            advice[header] = (
                f"'{header}' holds a mean with its interval: the mean in one column, and in another the SD, which is "
                "pw.measures.standard_error(m, lower=..., upper=...) * n ** 0.5"
            )
    return advice


def _is_mean(text: str) -> bool:
    """Whether words stand for the mean of a group: ``"M1"``, ``"Mean 2"``, ``"Mean treatment"``."""
    known = _statistic(text.strip()) or _statistic(re.sub(r"\s*[12]$", "", text.strip()))
    return known in ("m", "m1", "m2")


def sizes_in(headers: Mapping[str, str]) -> dict[str, float]:
    """Sample sizes that stand in headers: of ``"Treatment M (SD), n = 45"`` it is n1.

    Parameters
    ----------
    headers : mapping of str to str
        The statistics of each header, as `recognised` tells them.

    Returns
    -------
    dict of str to float

    Examples
    --------
    >>> sizes_in({"Treatment M (SD), n = 45": "m1 sd1"})
    {'n1': 45.0}
    """
    found: dict[str, float] = {}
    for header, statistics in headers.items():
        first = statistics.split()[0]
        group = first[-1] if first[:-1] in _OF_GROUPS else ""
        if (size := _SIZE.search(header)) and (group or first in _OF_ALL):
            found[f"n{group}"] = float(size[1])
    return found


_OF_ALL = ("chi2", "phi", "r", "spearman", "kendall")
"""Statistics whose headers may tell the size of the whole sample."""


def is_adjusted(header: str) -> bool:
    """Whether a header tells that its estimates are adjusted for other variables.

    Examples
    --------
    >>> is_adjusted("aOR (95% CI)"), is_adjusted("Unadjusted OR"), is_adjusted("OR")
    (True, False, False)
    """
    return bool(re.match("adj|a(or|rr|hr)(9|c|$)", folded(header)))


def level_in(header: str) -> float | None:
    """The probability of intervals that a header tells: 0.9 of ``"OR (90% CI)"``, 0.95 of ``"ci95_lower"``."""
    if level := _LEVEL.search(header):
        return float(level[1]) / 100.0
    bare = _BARE_LEVEL.search(folded(header))
    return float(bare[1] or bare[2]) / 100.0 if bare else None
