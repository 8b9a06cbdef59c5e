"""What the paragraphs of a report cite: every work once, by key, with its DOI where it has one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

from poolwise.errors import AnalysisError, nearest


@final
@dataclass(frozen=True)
class Reference:
    """A work that is cited.

    Attributes
    ----------
    short : str
        As it is cited within a sentence: ``"Röver et al., 2021"``.
    where : str
        Journal or book, with volume and first page.
    doi : str
        Without the address of the resolver; empty for a work that has none.
    """

    short: str
    where: str
    doi: str = ""

    def __str__(self) -> str:
        """As it stands in the list of references."""
        authors, _, year = self.short.rpartition(", ")
        return f"{authors} ({year}). {self.where}.{f' doi:{self.doi}' if self.doi else ''}"


REFERENCES: dict[str, Reference] = {
    "barg": Reference("Kruschke, 2021", "Nature Human Behaviour 5:1282", "10.1038/s41562-021-01177-7"),
    "bartos-2021": Reference("Bartoš et al., 2021", "Statistics in Medicine 40:6743", "10.1002/sim.9170"),
    "bartos-2023": Reference("Bartoš et al., 2023", "arXiv:2306.11468", "10.48550/arXiv.2306.11468"),
    "beath": Reference("Beath, 2014", "Research Synthesis Methods 5:285", "10.1002/jrsm.1114"),
    "binomial": Reference("Stijnen, Hamza & Özdemir, 2010", "Statistics in Medicine 29:3046", "10.1002/sim.4040"),
    "carter": Reference(
        "Carter et al., 2019",
        "Advances in Methods and Practices in Psychological Science 2:115",
        "10.1177/2515245919847196",
    ),
    "cumulative": Reference(
        "Lau et al., 1992", "New England Journal of Medicine 327:248", "10.1056/NEJM199207233270406"
    ),
    "DL": Reference("DerSimonian & Laird, 1986", "Controlled Clinical Trials 7:177", "10.1016/0197-2456(86)90046-2"),
    "HE": Reference("Hedges, 1983", "Psychological Bulletin 93:388", "10.1037/0033-2909.93.2.388"),
    "SJ": Reference(
        "Sidik & Jonkman, 2005",
        "Journal of the Royal Statistical Society C 54:367",
        "10.1111/j.1467-9876.2005.00489.x",
    ),
    "PM": Reference(
        "Paule & Mandel, 1982",
        "Journal of Research of the National Bureau of Standards 87:377",
        "10.6028/jres.087.022",
    ),
    "REML": Reference(
        "Viechtbauer, 2005", "Journal of Educational and Behavioral Statistics 30:261", "10.3102/10769986030003261"
    ),
    "estimators": Reference("Veroniki et al., 2016", "Research Synthesis Methods 7:55", "10.1002/jrsm.1164"),
    "common-effect": Reference("Hedges & Vevea, 1998", "Psychological Methods 3:486", "10.1037/1082-989X.3.4.486"),
    "random-effects": Reference(
        "Higgins, Thompson & Spiegelhalter, 2009",
        "Journal of the Royal Statistical Society A 172:137",
        "10.1111/j.1467-985X.2008.00552.x",
    ),
    "bayesmeta": Reference("Röver, 2020", "Journal of Statistical Software 93(6)", "10.18637/jss.v093.i06"),
    "roever-priors": Reference("Röver et al., 2021", "Research Synthesis Methods 12:448", "10.1002/jrsm.1475"),
    "hartung-knapp": Reference("Hartung & Knapp, 2001", "Statistics in Medicine 20:1771", "10.1002/sim.791"),
    "hartung-knapp-adhoc": Reference(
        "Röver, Knapp & Friede, 2015", "BMC Medical Research Methodology 15:99", "10.1186/s12874-015-0091-1"
    ),
    "knapp": Reference("Knapp & Hartung, 2003", "Statistics in Medicine 22:2693", "10.1002/sim.1482"),
    "i2": Reference("Higgins & Thompson, 2002", "Statistics in Medicine 21:1539", "10.1002/sim.1186"),
    "q-profile": Reference("Viechtbauer, 2007", "Statistics in Medicine 26:37", "10.1002/sim.2514"),
    "cochran": Reference("Cochran, 1954", "Biometrics 10:101", "10.2307/3001666"),
    "regression": Reference("Thompson & Higgins, 2002", "Statistics in Medicine 21:1559", "10.1002/sim.1187"),
    "subgroups": Reference("Borenstein & Higgins, 2013", "Prevention Science 14:134", "10.1007/s11121-013-0377-7"),
    "three-level": Reference("Konstantopoulos, 2011", "Research Synthesis Methods 2:61", "10.1002/jrsm.35"),
    "location-scale": Reference(
        "Viechtbauer & López-López, 2022", "Research Synthesis Methods 13:697", "10.1002/jrsm.1562"
    ),
    "robust": Reference("Lee & Thompson, 2008", "Statistics in Medicine 27:418", "10.1002/sim.2897"),
    "multivariate": Reference(
        "Riley, 2009", "Journal of the Royal Statistical Society A 172:789", "10.1111/j.1467-985X.2008.00593.x"
    ),
    "pet-peese": Reference("Stanley & Doucouliagos, 2014", "Research Synthesis Methods 5:60", "10.1002/jrsm.1095"),
    "selection": Reference("Vevea & Hedges, 1995", "Psychometrika 60:419", "10.1007/BF02294384"),
    "averaging": Reference("Maier, Bartoš & Wagenmakers, 2023", "Psychological Methods", "10.1037/met0000405"),
    "leave-one-out": Reference("Marshall & Spiegelhalter, 2007", "Bayesian Analysis 2:409", "10.1214/07-BA218"),
    "specifications": Reference(
        "Voracek, Kossmeier & Tran, 2019", "Zeitschrift für Psychologie 227:64", "10.1027/2151-2604/a000357"
    ),
    "nuts": Reference("Hoffman & Gelman, 2014", "Journal of Machine Learning Research 15:1593"),
    "pymc": Reference("Abril-Pla et al., 2023", "PeerJ Computer Science 9:e1516", "10.7717/peerj-cs.1516"),
    "r-hat": Reference("Vehtari et al., 2021", "Bayesian Analysis 16:667", "10.1214/20-BA1221"),
    "prisma": Reference("Page et al., 2021", "BMJ 372:n71", "10.1136/bmj.n71"),
    "wambs": Reference("Depaoli & van de Schoot, 2017", "Psychological Methods 22:240", "10.1037/met0000065"),
    "ranges": Reference("Manski, 2003", "Partial Identification of Probability Distributions", "10.1007/b97478"),
    "rhodes": Reference(
        "Rhodes et al., 2015", "Journal of Clinical Epidemiology 68:52", "10.1016/j.jclinepi.2014.08.012"
    ),
    "turner": Reference("Turner et al., 2015", "Statistics in Medicine 34:984", "10.1002/sim.6381"),
    "van-erp": Reference("van Erp et al., 2017", "Journal of Open Psychology Data 5:4", "10.5334/jopd.33"),
    "williams": Reference("Williams, Rast & Bürkner, 2018", "PsyArXiv", "10.31234/osf.io/7tbrm"),
}
"""Every work by its key; for an estimator of tau2 or an interval the key is its name as an option."""

_BY_DOI = {one.doi: key for key, one in REFERENCES.items() if one.doi}
_DOI = re.compile(r"10\.\d{4,}/\S+")


def key_of(source: str) -> str:
    """The key of the work whose DOI stands in the source of a prior; empty where there is none of ours.

    Examples
    --------
    >>> key_of("Röver et al. 2021, Res. Synth. Methods 12:448, 10.1002/jrsm.1475")
    'roever-priors'
    """
    found = _DOI.search(source)
    return _BY_DOI.get(found[0].rstrip(".,;"), "") if found else ""


def reference(key: str) -> Reference:
    """The work of a key.

    Raises
    ------
    AnalysisError
        For a key that is unknown.
    """
    if key not in REFERENCES:
        raise AnalysisError(f"nothing is cited by the key '{key}'", advice=nearest(key, REFERENCES))
    return REFERENCES[key]


def cited(keys: Iterable[str]) -> str:
    """A bracket that cites works, empty for none: ``" (Cochran, 1954; Viechtbauer, 2007)"``."""
    said = "; ".join(reference(key).short for key in dict.fromkeys(keys))
    return f" ({said})" if said else ""


def listed(keys: Iterable[str]) -> tuple[str, ...]:
    """The list of references of what was cited, each once, by the alphabet."""
    return tuple(sorted({str(reference(key)) for key in keys}, key=lambda line: line.casefold()))
