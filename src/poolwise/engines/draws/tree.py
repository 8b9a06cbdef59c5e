"""What all trees of draws have in common: room in memory, random numbers, what they say of themselves."""

from __future__ import annotations

import re
import zlib

import numpy as np

from poolwise.effects import Effects
from poolwise.engines.environment import versions
from poolwise.model import Model, prior_words
from poolwise.settings import NUMBERS_OF_A_DRAW, check_memory

PRIOR_DRAWS = 1000


def check_room(effects: Effects, shape: tuple[int, ...]) -> None:
    """Refuse a tree that cannot fit in memory: true effects, predictive estimates and log likelihoods of each study.

    Parameters
    ----------
    effects : Effects
    shape : tuple of int
        Chains and draws.

    Raises
    ------
    ModelError
        Saying how much it would take.
    """
    chains, draws = shape[:2]
    what = f"to_datatree() of {chains} chains of {draws} draws for {effects.k} studies"
    check_memory(what, chains * draws * (NUMBERS_OF_A_DRAW + 3 * effects.k), "draws=1000")


def stream(effects: Effects, model: Model, seed: int, use: int = 0) -> np.random.Generator:
    """Random numbers of their own for each question: one seed does not couple the draws of different fits.

    Parameters
    ----------
    effects : Effects
    model : Model
        With every prior explicit.
    seed : int
        As the user gave it.
    use : int
        Tells several streams of one fit apart.

    Returns
    -------
    Generator
    """
    question = zlib.crc32(f"{effects.data_hash} {words_of(model)}".encode())
    return np.random.default_rng([seed, question, use])


def words_of(model: Model) -> str:
    """The model as it is written, without the places in memory of functions that a user brought."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(model))


def attributes(effects: Effects, model: Model, label: str) -> dict[str, str]:
    """What every DataTree says of itself."""
    return {
        "inference_library": "poolwise",
        "inference_library_version": versions("poolwise")["poolwise"],
        "label": label,
        "model": model.label,
        "prior": prior_words(model),
        "scale": effects.scale.name,
        "data": effects.data_label,
        "data_hash": effects.data_hash,
    }
