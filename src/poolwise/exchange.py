"""PyMC, in and out: the model that NUTS samples for a user to extend, and draws from anywhere as a Result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from poolwise.effects import Effects
from poolwise.errors import ModelError
from poolwise.fit import check_model, check_table
from poolwise.model import Model
from poolwise.model.needs import COVARIANCE
from poolwise.result import Result
from poolwise.settings import check_whole

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr


def pymc_model(effects: Effects, model: Model) -> pm.Model:
    """The PyMC model that `NUTS` samples, in the unit of the effects, to be extended and sampled by PyMC.

    True effects are integrated out, as `NUTS` does: y_i ~ Normal(mu, sqrt(se_i^2 + tau^2)) in random effects. `NUTS`
    itself only measures the effects from another origin and in another unit, so that a table with effects of 1e6 or
    1e-6 is better rescaled before `pm.sample`.

    Parameters
    ----------
    effects : Effects
        The study table.
    model : Model
        Any model; priors that it leaves open are those of the scale.

    Returns
    -------
    pymc.Model
        Variables by the names of the quantities: ``mu`` (of dimension ``subgroup``, ``outcome`` where there are
        several), ``beta`` (``coefficient``), ``gamma`` (``scale_coefficient``), ``tau``, ``tau_between``,
        ``tau_within``, ``tau_of`` and ``sd`` (``factor``), ``mu_typical``, ``mu_spread``, ``tau_typical``,
        ``tau_spread``, ``root`` (the Cholesky factor of correlations), ``nu``, ``delta``, ``tau_out``, ``pi``,
        ``base``, ``base_spread``, ``slope``; with counts also ``theta`` and ``baseline`` (``study``). The data ``y``,
        ``v`` have the dimension ``study``; ``effect`` where the estimates of a cluster are turned onto the
        eigenvectors of their covariance, so that no row is one effect. Means of outcomes that resemble one another, and
        coefficients that share priors (or have normal ones beside such), are integrated out: `read_draws` draws them.

    Raises
    ------
    ModelError
        For what is no table or model; where a prior is left to a scale that has no default.

    Notes
    -----
    Prior draws by ``pm.sample_prior_predictive`` exist where PyMC has the families of all priors and the likelihood is
    one variable, ``y_obs``; elsewhere it refuses, and `poolwise.checks.prior_predictive` has them.

    References
    ----------
    Abril-Pla et al. 2023, PeerJ Computer Science 9:e1516, 10.7717/peerj-cs.1516, for PyMC.

    Examples
    --------
    >>> import poolwise as pw
    >>> model = pw.pymc_model(pw.datasets.load("bcg"), pw.RandomEffects())
    >>> sorted(variable.name for variable in model.free_RVs), model.coords["study"][0]
    (['mu', 'tau'], 'Aronson 1948')
    """
    from poolwise.engines.nuts.open_model import open_model

    _check("pymc_model", effects, model)
    return open_model(effects, model)


def read_draws(
    effects: Effects, model: Model, tree: xr.DataTree | xr.Dataset | Mapping[str, Any], *, seed: int = 1
) -> Result:
    """A `Result` from draws of a model's parameters that were made anywhere.

    Given the parameters the true effects theta_i, theta_new and whatever else was integrated out are drawn from their
    exact laws, unless they are among the draws.

    Parameters
    ----------
    effects : Effects
        The study table.
    model : Model
        The model; it says which variables are needed and what they mean, and gives theta_new its law.
    tree : DataTree, Dataset, or mapping of str to array_like
        Draws by the names of `pymc_model`, on the scale of the effects, of shape (chains, draws, ...): what `pm.sample`
        returns of that model, extended or not, or ``result.to_datatree()``. Of a tree the groups ``posterior`` and,
        where there is one, ``sample_stats`` are read.
    seed : int
        Of what is drawn given the draws.

    Returns
    -------
    Result
        As `NUTS` makes it, with R-hat, effective draws and Monte Carlo errors; its report says that the draws were made
        elsewhere. It cannot be fitted again, so that checks which refit refuse it.

    Raises
    ------
    ModelError
        When a variable is missing, has another shape or other labels than the model's, is not finite, or is negative
        where it is a standard deviation.

    Notes
    -----
    The seed is 1 unless told otherwise, so that reading twice gives the same result.

    References
    ----------
    Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., section 5.4, 10.1201/b16018: theta_i given mu and tau is its
    equation 5.17.

    Examples
    --------
    >>> import numpy as np
    >>> import poolwise as pw
    >>> bcg, rng = pw.datasets.load("bcg"), np.random.default_rng(1)
    >>> draws = {"mu": rng.normal(-0.7, 0.2, (4, 500)), "tau": abs(rng.normal(0.6, 0.1, (4, 500)))}
    >>> round(pw.read_draws(bcg, pw.RandomEffects(), draws)["mu"].point, 1)
    -0.7
    """
    from poolwise.engines.nuts.read_draws import result_of

    _check("read_draws", effects, model)
    return result_of(effects, model, tree, check_whole("seed", seed, 0, 1))


def _check(what: str, effects: Effects, model: Model) -> None:
    check_table(effects, what)
    check_model(model, what)
    if effects.covariance is not None:
        raise ModelError(f"{what} was given a table with {COVARIANCE}, which no PyMC model here takes", "Exact()")
