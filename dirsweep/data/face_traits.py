"""Traits of drawn faces: every number that decides how a face looks, at any size.

Age shows only through noisy cues, among nuisances that are independent of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
#: name -> (N,) or (N, 3) float32
Traits = dict[str, F32]

#: each cue shows an age of its own: the true one plus an error whose standard deviation is (years,
#: share of the age)
CUES = {
    "shape": (2.0, 0.12),
    "hair": (8.0, 0.12),
    "wrinkles": (5.0, 0.14),
    "texture": (6.0, 0.16),
    "sag": (5.0, 0.14),
}
#: how many years a person looks older or younger than they are, in all cues alike: standard
#: deviation as (years, share of the age)
LOOKS = (1.5, 0.06)

SKIN = np.array(
    [(0.96, 0.82, 0.72), (0.88, 0.68, 0.55), (0.72, 0.51, 0.37), (0.45, 0.30, 0.22)],
    dtype=np.float32,
)
HAIR = np.array(
    [
        (0.09, 0.07, 0.06),
        (0.26, 0.16, 0.10),
        (0.45, 0.30, 0.17),
        (0.78, 0.64, 0.40),
        (0.55, 0.24, 0.12),
    ],
    dtype=np.float32,
)
IRIS = np.array([(0.25, 0.15, 0.08), (0.30, 0.40, 0.55), (0.32, 0.42, 0.28)], dtype=np.float32)


class _Draws:
    """Random numbers for N faces; how many are drawn depends on N only, never on the ages."""

    def __init__(self, num: int, rng: np.random.Generator) -> None:
        self.num, self.rng = num, rng

    def normal(self) -> F32:
        """(N,) of mean 0 and deviation 1."""
        drawn: F32 = self.rng.standard_normal(self.num, dtype=np.float32)
        return drawn

    def uniform(self, low: float, high: float) -> F32:
        """(N,) in [low, high)."""
        unit = self.rng.random(self.num, dtype=np.float32)
        drawn: F32 = np.float32(low) + np.float32(high - low) * unit
        return drawn

    def palette(self, colours: F32, spread: float) -> F32:
        """(N, 3) random mixtures of two neighbours among (C, 3) colours, each channel jittered."""
        place = self.rng.random(self.num, dtype=np.float32) * (len(colours) - 1)
        low = np.minimum(place.astype(np.int64), len(colours) - 2)
        part = (place - low)[:, None].astype(np.float32)
        mixed = colours[low] * (1 - part) + colours[low + 1] * part
        jitter = np.float32(spread) * self.rng.standard_normal((self.num, 3), dtype=np.float32)
        mixture: F32 = np.clip(mixed + jitter, 0.03, 1).astype(np.float32)
        return mixture


def draw_traits(ages: NDArray[np.integer], rng: np.random.Generator) -> Traits:
    """Draw everything that decides how each face looks, apart from the size of the picture.

    Args:
        ages: (N,) in years.
        rng: the only source of randomness.

    Returns:
        Name -> (N,) or (N, 3) float32. ``seen_<cue>`` is the age in years that the cue shows.
    """
    draws = _Draws(len(ages), rng)
    # the order of the draws decides the pictures
    traits = _cues(ages.astype(np.float32), draws)
    male = (rng.random(len(ages)) < 0.55).astype(np.float32)
    traits |= {"male": male}
    traits |= _pose(draws)
    traits |= _build(draws)
    traits |= _hair(draws, male)
    traits |= {"glasses": (draws.uniform(0, 1) < 0.15).astype(np.float32)}
    traits |= {"etched": np.exp(0.25 * draws.normal())}  # depth of wrinkles, apart from age
    traits |= _photograph(draws)
    traits |= _colours(draws)
    # whole numbers below 2^24 are exact in float32
    traits["noise_seed"] = rng.integers(0, 2**24, len(ages)).astype(np.float32)
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in traits.items()}


def _cues(age: F32, draws: _Draws) -> Traits:
    looks = age + (LOOKS[0] + LOOKS[1] * age) * draws.normal()
    return {
        f"seen_{cue}": np.clip(looks + (years + share * age) * draws.normal(), 0, 115)
        for cue, (years, share) in CUES.items()
    }


def _pose(draws: _Draws) -> Traits:
    """Shifts in half pictures, roll in radians, yaw and pitch as shifts of the inner features."""
    return {
        "x0": 0.06 * draws.normal(),
        "y0": 0.05 * draws.normal(),
        "roll": 0.12 * draws.normal(),
        "zoom": np.exp(0.07 * draws.normal()),
        "yaw": 0.09 * draws.normal(),
        "pitch": 0.04 * draws.normal(),
    }


def _build(draws: _Draws) -> Traits:
    """Build of the head, apart from age."""
    return {
        "wide": np.exp(0.06 * draws.normal()),
        "long": np.exp(0.05 * draws.normal()),
        "jaw": 0.05 * draws.normal(),
        "eye_gap": np.exp(0.06 * draws.normal()),
        "eye_size": np.exp(0.10 * draws.normal()),
        "eye_open": draws.uniform(0.5, 1.0),
        "mouth_wide": np.exp(0.12 * draws.normal()),
        "smile": 0.03 * draws.normal(),
        "mouth_open": draws.uniform(-1.5, 1),
        "brow": draws.uniform(0.4, 1.0),
        "nose": np.exp(0.12 * draws.normal()),
    }


def _hair(draws: _Draws, male: F32) -> Traits:
    return {
        "balding": male * draws.uniform(0, 1) ** 2,
        "hair_long": (1 - 0.9 * male) * draws.uniform(0, 1),
        "parting": 0.06 * draws.normal(),
        "hair_high": draws.uniform(-0.04, 0.08),
        "dyed": (draws.uniform(0, 1) < 0.25 * (1 - male)).astype(np.float32),
        "beard": male * (draws.uniform(0, 1) < 0.3) * draws.uniform(0.4, 1),
    }


def _photograph(draws: _Draws) -> Traits:
    """Light, exposure, grain, the background's shapes, and the phases of the skin's pattern."""
    traits = {
        "light_x": 0.22 * draws.normal(),
        "light_y": 0.12 * draws.normal(),
        "gain": np.exp(0.16 * draws.normal()),
        "contrast": np.exp(0.15 * draws.normal()),
        "mono": (draws.uniform(0, 1) < 0.35) * draws.uniform(0.7, 1),
        "grain": draws.uniform(0.01, 0.05),
        "turn": draws.uniform(0, 2 * np.pi),
        "blob_x": draws.uniform(-1, 1),
        "blob_y": draws.uniform(-1, 1),
        "blob_r": draws.uniform(0.2, 0.8),
    }
    phases = ("phase_a", "phase_b", "phase_c", "phase_d")
    return traits | {name: draws.uniform(0, 2 * np.pi) for name in phases}


def _colours(draws: _Draws) -> Traits:
    rng, shape = draws.rng, (draws.num, 3)
    traits = {
        "skin": draws.palette(SKIN, 0.025),
        "hair_colour": draws.palette(HAIR, 0.03),
        "iris": draws.palette(IRIS, 0.03),
        "cast": np.exp(0.06 * rng.standard_normal(shape, dtype=np.float32)),
    }
    for name in ("back_a", "back_b", "back_c", "clothes"):
        colour, dull = rng.random(shape, dtype=np.float32), draws.uniform(0.2, 1)[:, None]
        traits[name] = colour + dull * (colour.mean(axis=1, keepdims=True) - colour)
    return traits
