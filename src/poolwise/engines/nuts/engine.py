"""The NUTS engine: hierarchical models in PyMC, sampled by nutpie, by PyMC itself or by numpyro."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from poolwise.effects import Effects
from poolwise.engines.environment import versions
from poolwise.engines.nuts.settings import PACKAGES, Sampler, check_sampler
from poolwise.errors import ModelError, shown
from poolwise.model import Model
from poolwise.model.needs import (
    CLUSTERS,
    CORRELATED,
    COUNTS,
    CROSSED,
    EXCHANGEABLE,
    HEAVY_TAILED,
    MANY_WEIGHTS,
    OUTLYING,
    OWN_WEIGHTS,
    POOLED,
    SCALE_MODERATORS,
    SELECTED,
    SELECTED_BY_STEPS,
    SELECTED_MODERATORS,
    SKEWED,
    UNCERTAIN,
)
from poolwise.result import Result
from poolwise.settings import NUMBERS_OF_A_DRAW, as_number, check_flag, check_memory, check_whole
from poolwise.threads import one_thread

if TYPE_CHECKING:
    from poolwise.engines.nuts.stored_draws import Place


@final
@dataclass(frozen=True)
class NUTS:
    """The posterior by the No-U-Turn Sampler: a PyMC model, sampled by nutpie unless another sampler is named.

    NUTS samples mean effects and standard deviations from marginal models such as y_i ~ Normal(mu, sqrt(v_i +
    tau^2)); theta_i and theta_new are then drawn from their exact normal laws given those. A prior that PyMC has no
    family for is sampled by a table of its log density, good to 1e-13 of 1 + |log density|. A run that diverges is
    repeated once with target_accept = 0.99; one with fewer than 100 effective draws for each chain or an R-hat
    above 1.01 once with four times as many draws, where these can be expected to do; where a limit of a 95 %
    interval has a Monte Carlo standard error above 0.1 posterior standard deviations (as the error is itself an
    estimate, above 0.114 with more than five rows and above 0.086 with fewer), each chain goes on with a further run
    for as many draws as the error asks for, up to four times the first ones in all. The report says so, what remains
    of the error of limits, and which limits lie so near to 0 that their sign is noise. The same seed gives the same
    draws by the same sampler, whatever `cores` is.

    Ctrl-C ends a run and keeps its draws so far: the status is ``"interrupted"``, and the report says how many of how
    many draws there are. Where a chain has fewer than 100 draws after tuning, nothing is kept and the
    KeyboardInterrupt goes on; numpyro gives its draws all at once, so that nothing of its runs can be kept.

    Attributes
    ----------
    draws, tune : int
        Draws kept and draws spent on adaptation, in each chain.
    chains : int
        Independent chains; R-hat needs at least 2.
    seed : int
        Seed of all draws; 1 unless told otherwise, so that a fit can be repeated.
    target_accept : float, optional
        Acceptance rate that the step size aims at, between 0 and 1. When None 0.8 where mean effects are sampled as
        their standardised distance from where the estimates put them given tau (random effects, subgroups, joint
        outcomes, regressions and location and scale with at most two coefficients), which leaves nearly independent
        unknowns; 0.85 of these for exchangeable subgroups and joint outcomes, and for skew-normal effects, where limits
        of that accuracy take the fewest steps; 0.9 for counts, whose many unknowns are nearly independent too; 0.95
        elsewhere, which small heterogeneity asks for.
    cores : int
        Chains that nutpie runs at the same time, in threads. PyMC's own sampler runs one after the other, numpyro
        all at once.
    progress : bool
        Whether to show the sampler's progress bar.
    sampler : str
        ``"nutpie"``, ``"pymc"`` (PyMC's own) or ``"numpyro"`` (which needs the extra ``poolwise[numpyro]``). Only
        nutpie's compiled model serves the next table too, and only nutpie follows parameters that correlate.

    Raises
    ------
    ModelError
        For a setting that is impossible, a sampler that is not installed.

    Notes
    -----
    Four chains are what rank-normalised R-hat is meant for, and 1,000 draws of each leave a Monte Carlo error of limits
    below a tenth of a posterior sd in most models. Tuning for 400 draws, as nutpie itself does, takes 20 to 29 % less
    time than for 1,000 and gives as many effective draws: in 24 models of 2 to 100 estimates, 12 seeds each, no run of
    either diverged and steps, R-hat and effective sizes were alike; after 300 one diverged. Two cores nearly every
    machine has. nutpie is the default since its compiled model serves each further table without a new compilation.

    References
    ----------
    Hoffman & Gelman 2014, J. Machine Learning Research 15:1593, algorithm 6, for the sampler; Vehtari et al. 2021,
    Bayesian Analysis 16:667, 10.1214/20-BA1221, for R-hat, effective draws and four chains.

    Examples
    --------
    >>> NUTS(draws=500).label, NUTS(sampler="pymc").label
    ('NUTS', 'NUTS (pymc)')
    """

    can: ClassVar[frozenset[str]] = frozenset(
        {CLUSTERS, CORRELATED, COUNTS, CROSSED, EXCHANGEABLE, HEAVY_TAILED, OUTLYING, POOLED, SCALE_MODERATORS}
        | {MANY_WEIGHTS, OWN_WEIGHTS, SELECTED, SELECTED_BY_STEPS, SELECTED_MODERATORS, SKEWED, UNCERTAIN}
    )
    draws: int = 1000
    tune: int = 400
    chains: int = 4
    seed: int = 1
    target_accept: float | None = None
    cores: int = 2
    progress: bool = False
    sampler: Sampler = "nutpie"

    def __post_init__(self) -> None:
        for name, usual in (("draws", 1000), ("tune", 400), ("chains", 4), ("cores", 2)):
            check_whole(name, getattr(self, name), 1, usual)
        check_memory(
            f"NUTS(draws={self.draws}, tune={self.tune}, chains={self.chains})",
            self.chains * (self.draws + self.tune) * NUMBERS_OF_A_DRAW,
            "draws=1000",
        )
        check_whole("seed", self.seed, 0, 1)
        accept = self.target_accept
        if accept is not None and not 0.0 < as_number(accept) < 1.0:
            raise ModelError(f"target_accept = {shown(accept)}", "a number between 0 and 1", "target_accept=0.95")
        check_flag("progress", self.progress)
        check_sampler(self.sampler)

    @property
    def label(self) -> str:
        """Words for tables."""
        return "NUTS" if self.sampler == "nutpie" else f"NUTS ({self.sampler})"

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that take part in a fit."""
        return versions("poolwise", "pymc", *PACKAGES[self.sampler], "arviz", "numpy")

    @one_thread()
    def fit(self, effects: Effects, model: Model, *, kept: Place | None = None) -> Result:
        """Draws from the posterior of `model` on `effects`.

        Parameters
        ----------
        effects : Effects
            The study table.
        model : Model
            Any that `poolwise.fit.PAIRS` names with NUTS.
        kept : Place, optional
            Where the draws are kept, and taken from when they are there already.

        Returns
        -------
        Result
            With the quantities that `Exact` gives for the same model, under the same names.

        Raises
        ------
        ModelError
            When the posterior is improper, which no sampler notices; when there is no point to start from.
        KeyboardInterrupt
            When the run was interrupted before each of its chains had 100 draws.

        References
        ----------
        Hoffman & Gelman 2014, J. Machine Learning Research 15, 1593-1623, algorithm 6, for the sampler.
        """
        # The roads come with the first fit: `import poolwise` need not wait for 25 modules of them.
        from poolwise.engines.nuts.planned import fit_planned
        from poolwise.engines.nuts.row_models import LATENTS, fit_latent

        what = f"{self.chains} chains of {self.draws} draws of the true effects of {effects.k} studies"
        check_memory(what, self.chains * self.draws * (NUMBERS_OF_A_DRAW + effects.k), "draws=1000")
        if type(model) in LATENTS:
            return fit_latent(effects, model, self, kept=kept)
        return fit_planned(effects, model, self, kept=kept)
