"""Counted events in two arms: binomial for persons, Poisson for person-time, with normal random effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from poolwise.priors import Prior
from poolwise.pymc_models.placed import placed
from poolwise.pymc_models.priors import prior_on_mu, prior_on_tau

if TYPE_CHECKING:
    import pymc as pm

Array = NDArray[np.float64]
BASE = (("base", "base_mean"), ("base_spread", "base_sd"))
Measure = Literal["log OR", "log RR", "log IRR"]


def two_arms(table: Mapping[str, Array], measure: Measure, priors: Mapping[str, Prior]) -> pm.Model:
    """Events of the treated and of the controls, theta_i the log odds, risk or rate ratio of study i.

    log OR: logit p_treated = baseline + theta; log RR: log p_treated = log p_control + theta below 0, logit p_control =
    baseline; log IRR: Poisson with the log rates baseline + theta and baseline.

    Parameters
    ----------
    table : mapping
        ``events_treated``, ``total_treated`` (persons or person-time), ``events_control``, ``total_control``; where the
        arms' data place their log odds, log risks or log rates: ``control``, ``control_se``, ``treated``,
        ``treated_se``; each of shape (k,). Also the numbers ``centre``, ``base_mean``, ``base_sd``.
    measure : str
    priors : mapping of str to Prior
        On mu and tau; on base and base_spread where baselines are exchangeable, else each baseline is Normal(base_mean,
        base_sd); on slope where the effect changes with the baseline.

    Returns
    -------
    pymc.Model
        With these variables, and ``baseline`` and ``theta`` of dimension ``study``.

    References
    ----------
    Smith, Spiegelhalter & Thomas 1995, Statistics in Medicine 14:2685, 10.1002/sim.4780142408; Warn, Thompson &
    Spiegelhalter 2002, Statistics in Medicine 21:1601, 10.1002/sim.1189.
    """
    import pymc as pm

    own = {name: prior for name, prior in priors.items() if name in ("mu", "base", "slope")}
    with pm.Model(coords={"study": np.arange(len(table["control"]))}) as model:
        unused = {"centre"} - ({"centre"} if "slope" in priors else set())
        unused |= {"base_mean", "base_sd"} if "base" in priors else set()
        used = {name: np.asarray(x, dtype=float) for name, x in table.items() if name not in unused}
        data = {name: pm.Data(name, x, dims="study" if x.ndim else None) for name, x in used.items()}
        x = {name: prior_on_mu(p, name) if name in own else prior_on_tau(p, name) for name, p in priors.items()}
        base, spread = (x[name] if "base" in x else data[other] for name, other in BASE)
        baseline = placed("baseline", base, spread, data["control"], data["control_se"])
        mean = x["mu"] + (x["slope"] * (baseline - data["centre"]) if "slope" in x else 0.0)
        log_risk = -pm.math.log1pexp(-baseline) if measure == "log RR" else baseline
        end = -log_risk if measure == "log RR" else None
        theta = placed("theta", mean, x["tau"], data["treated"] - log_risk, data["treated_se"], end)
        control, treated = data["events_control"], data["events_treated"]
        n_control, n_treated = data["total_control"], data["total_treated"]
        # log densities up to what depends on the counts alone: that costs more than the rest together
        if measure == "log IRR":
            control_obs = control * baseline - n_control * pm.math.exp(baseline)
            treated_obs = treated * (baseline + theta) - n_treated * pm.math.exp(baseline + theta)
        else:
            control_obs = control * baseline - n_control * pm.math.log1pexp(baseline)
            treated_obs = treated * (baseline + theta) - n_treated * pm.math.log1pexp(baseline + theta)
        if measure == "log RR":
            log_p = log_risk + theta
            treated_obs = treated * log_p + (n_treated - treated) * pm.math.log1mexp(log_p)
        pm.Potential("events_obs", (control_obs + treated_obs).sum())
    return model
