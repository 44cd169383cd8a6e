"""Face-like pictures drawn from numbers: age shows only through noisy cues, among nuisances that
tell nothing of it.

Everything is drawn on coordinate grids for a whole batch at once. The picture's frame is [-1, 1] x
[-1, 1], x to the right, y down; a shape's edge is one pixel soft, so that the same face can be
drawn at any size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: raised whenever a change alters a picture
VERSION = 1

F32 = NDArray[np.float32]
# float32 as well; the type of a product with a Python number is not known to be
Plane = NDArray[np.floating[Any]]
Number = Plane | np.floating[Any] | float
Traits = dict[str, F32]

#: each cue shows an age of its own: the true one, plus an error of (years, share of the age)
#: standard deviation
CUES = {
    "shape": (2.0, 0.12),
    "hair": (8.0, 0.12),
    "wrinkles": (5.0, 0.14),
    "texture": (6.0, 0.16),
    "sag": (5.0, 0.14),
}
#: by how many years a person looks older or younger than they are, in all cues alike (standard
#: deviation, share of age)
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


def draw_traits(ages: NDArray[np.integer], rng: np.random.Generator) -> Traits:
    """Everything that decides how each of N faces looks, apart from the size of the picture.

    Args:
        ages: (N,) in years.
        rng: the only source of chance; the number of draws depends on N only, never on the ages.
    Returns: name -> (N,) or (N, 3) float32. ``seen_<cue>`` is the age in years that the cue shows.
    """
    num = len(ages)
    age = ages.astype(np.float32)

    def normal() -> F32:
        drawn: F32 = rng.standard_normal(num, dtype=np.float32)
        return drawn

    def uniform(low: float, high: float) -> F32:
        drawn: F32 = np.float32(low) + np.float32(high - low) * rng.random(num, dtype=np.float32)
        return drawn

    def palette(colours: F32, spread: float) -> F32:
        """A random mixture of two neighbouring colours, (N, 3), with some chance in each
        channel.
        """
        place = rng.random(num, dtype=np.float32) * (len(colours) - 1)
        low = np.minimum(place.astype(np.int64), len(colours) - 2)
        part = (place - low)[:, None].astype(np.float32)
        mixed = colours[low] * (1 - part) + colours[low + 1] * part
        jitter = np.float32(spread) * rng.standard_normal((num, 3), dtype=np.float32)
        mixture: F32 = np.clip(mixed + jitter, 0.03, 1).astype(np.float32)
        return mixture

    looks = age + (LOOKS[0] + LOOKS[1] * age) * normal()
    traits = {
        f"seen_{cue}": np.clip(looks + (years + share * age) * normal(), 0, 115)
        for cue, (years, share) in CUES.items()
    }
    male = (rng.random(num) < 0.55).astype(np.float32)
    traits |= {
        "male": male,
        # pose: shifts in half pictures, roll in radians, yaw and pitch as shifts of the inner
        # features
        "x0": 0.06 * normal(),
        "y0": 0.05 * normal(),
        "roll": 0.12 * normal(),
        "zoom": np.exp(0.07 * normal()),
        "yaw": 0.09 * normal(),
        "pitch": 0.04 * normal(),
        # build of the head, apart from age
        "wide": np.exp(0.06 * normal()),
        "long": np.exp(0.05 * normal()),
        "jaw": 0.05 * normal(),
        "eye_gap": np.exp(0.06 * normal()),
        "eye_size": np.exp(0.10 * normal()),
        "eye_open": uniform(0.5, 1.0),
        "mouth_wide": np.exp(0.12 * normal()),
        "smile": 0.03 * normal(),
        "mouth_open": uniform(-1.5, 1),
        "brow": uniform(0.4, 1.0),
        "nose": np.exp(0.12 * normal()),
        # hair
        "balding": male * uniform(0, 1) ** 2,
        "hair_long": (1 - 0.9 * male) * uniform(0, 1),
        "parting": 0.06 * normal(),
        "hair_high": uniform(-0.04, 0.08),
        "dyed": (uniform(0, 1) < 0.25 * (1 - male)).astype(np.float32),
        "beard": male * (uniform(0, 1) < 0.3) * uniform(0.4, 1),
        "glasses": (uniform(0, 1) < 0.15).astype(np.float32),
        # how strongly wrinkles are etched, apart from age
        "etched": np.exp(0.25 * normal()),
        # photograph
        "light_x": 0.22 * normal(),
        "light_y": 0.12 * normal(),
        "gain": np.exp(0.16 * normal()),
        "contrast": np.exp(0.15 * normal()),
        "mono": (uniform(0, 1) < 0.35) * uniform(0.7, 1),
        "grain": uniform(0.01, 0.05),
        "turn": uniform(0, 2 * np.pi),
        "blob_x": uniform(-1, 1),
        "blob_y": uniform(-1, 1),
        "blob_r": uniform(0.2, 0.8),
    }
    for name in ("phase_a", "phase_b", "phase_c", "phase_d"):
        traits[name] = uniform(0, 2 * np.pi)
    traits |= {
        "skin": palette(SKIN, 0.025),
        "hair_colour": palette(HAIR, 0.03),
        "iris": palette(IRIS, 0.03),
        "cast": np.exp(0.06 * rng.standard_normal((num, 3), dtype=np.float32)),
    }
    for name in ("back_a", "back_b", "back_c", "clothes"):
        colour, dull = rng.random((num, 3), dtype=np.float32), uniform(0.2, 1)[:, None]
        traits[name] = colour + dull * (colour.mean(axis=1, keepdims=True) - colour)
    traits["noise_seed"] = rng.integers(0, 2**24, num).astype(
        np.float32
    )  # whole numbers below 2^24 are exact
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in traits.items()}


def draw_faces(traits: Traits, size: int) -> NDArray[np.uint8]:
    """(N,) traits -> uint8 (N, size, size, 3). A face depends on its own traits only, not on its
    neighbours.
    """
    num = len(traits["male"])
    pictures = np.empty((num, size, size, 3), dtype=np.uint8)
    # planes of about 64k pixels stay in the processor's cache
    chunk = max(1, 65536 // (size * size))
    for start in range(0, num, chunk):
        part = {name: value[start : start + chunk] for name, value in traits.items()}
        pictures[start : start + chunk] = _Easel(part, size).paint()
    return pictures


def _ramp(value: Plane, low: float, high: float) -> Plane:
    """0 below ``low``, 1 above ``high``, smooth between."""
    part = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    smooth: Plane = part * part * (3 - 2 * part)
    return smooth


def _colour(red: float, green: float, blue: float) -> Plane:
    return np.array((red, green, blue), dtype=np.float32).reshape(1, 3, 1, 1)


class _Easel:
    """One batch of faces in the making: the canvas (B, 3, S, S) and coordinates (B, S, S) bound to
    the head.
    """

    def __init__(self, traits: Traits, size: int) -> None:
        # (B,) -> (B, 1, 1) meets the grid; (B, 3) -> (B, 3, 1, 1) meets the canvas
        self.t = {k: v.reshape(*v.shape, 1, 1) for k, v in traits.items()}
        self.size, self.pixel = size, np.float32(2 / size)
        centres = (np.arange(size, dtype=np.float32) + np.float32(0.5)) * self.pixel - 1
        self.page_x, self.page_y = centres[None, None, :], centres[None, :, None]
        t = self.t
        cos, sin = np.cos(t["roll"]) / t["zoom"], np.sin(t["roll"]) / t["zoom"]
        dx, dy = self.page_x - t["x0"], self.page_y - t["y0"]
        self.x: Plane = dx * cos + dy * sin
        self.y: Plane = dy * cos - dx * sin
        # the head turns: inner features move more than its outline; both sides of a face are drawn
        # at once on |x|
        self.inner = np.abs(self.x - t["yaw"])
        self.inner_y = self.y - t["pitch"]
        self.outer = np.abs(self.x - np.float32(0.3) * t["yaw"])
        self.canvas = np.empty((len(traits["male"]), 3, size, size), dtype=np.float32)

    # ---- brushes

    def lay(self, cover: Plane, colour: Number) -> None:
        """Blend a (B, 3, 1, 1) colour over the canvas where ``cover`` (B, S, S) in [0, 1] says."""
        self.canvas += cover[:, None] * (colour - self.canvas)

    def shade(self, amount: Plane) -> None:
        """Darken by ``amount`` (B, S, S), a part of the brightness; negative amounts lighten."""
        self.canvas *= (1 - amount)[:, None]

    def ellipse(self, x: Plane, y: Plane, rx: Number, ry: Number) -> Plane:
        """Cover of an ellipse around the origin of the (B, S, S) coordinates, half-axes (B, 1,
        1).
        """
        # half-axes below half a pixel would vanish between the pixels: wider and fainter instead
        rx, ry = np.maximum(rx, np.float32(1e-3)), np.maximum(ry, np.float32(1e-3))
        wide, high = np.maximum(rx, self.pixel / 2), np.maximum(ry, self.pixel / 2)
        ratio = np.sqrt((x / wide) ** 2 + (y / high) ** 2)
        faint = (rx / wide) * (ry / high)
        cover: Plane = (
            np.clip(0.5 - (ratio - 1) * (np.minimum(wide, high) / self.pixel), 0, 1) * faint
        )
        return cover

    def stroke(self, x: Plane, y: Plane, ends: tuple[Number, ...], width: float) -> Plane:
        """Cover of a soft line from (x1, y1) to (x2, y2); ``ends`` are numbers or (B, 1, 1)."""
        x1, y1, x2, y2 = (np.asarray(end, dtype=np.float32) for end in ends)
        dx, dy = x2 - x1, y2 - y1
        along = np.clip(
            ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy + np.float32(1e-6)), 0, 1
        )
        away = (x - x1 - along * dx) ** 2 + (y - y1 - along * dy) ** 2
        wide = max(np.float32(width), 0.6 * self.pixel)
        cover: Plane = np.exp(-away / (wide * wide)) * np.float32(width / wide)
        return cover

    # ---- the picture

    def paint(self) -> NDArray[np.uint8]:
        """The finished batch, uint8 (B, S, S, 3)."""
        self.proportions()
        self.background()
        self.head()
        self.skin_texture()
        self.eyes()
        self.nose_and_mouth()
        self.wrinkles()
        self.hair()
        self.spectacles()
        return self.develop()

    def proportions(self) -> None:
        """Sizes that age decides (``seen_shape``, ``seen_sag``): a child's head is round, with low,
        large eyes.
        """
        t = self.t
        self.grown = 1 - np.exp(-t["seen_shape"] / 9)  # 0 newborn, 0.9 at 20
        self.sag = _ramp(t["seen_sag"], 28, 95)
        self.rx = (0.53 - 0.02 * self.grown) * t["wide"]
        self.ry = (0.56 + 0.13 * self.grown) * t["long"]
        self.eye_y = 0.14 - 0.20 * self.grown
        self.eye_x = (0.21 + 0.02 * (1 - self.grown)) * t["eye_gap"]
        self.eye_r = (0.115 - 0.035 * self.grown) * t["eye_size"]
        self.mouth_y = self.eye_y + 0.24 + 0.17 * self.grown + 0.02 * self.sag
        self.nose_y = self.eye_y + 0.12 + 0.12 * self.grown + 0.03 * self.sag
        self.mouth_x = (0.12 + 0.07 * self.grown) * t["mouth_wide"]
        grey = _ramp(t["seen_hair"], 30, 72) * (1 - t["dyed"])
        silver = _colour(0.80, 0.80, 0.81)
        self.hair_colour = t["hair_colour"] + grey[:, None] * (silver - t["hair_colour"])

    def background(self) -> None:
        """Two colours along a random direction, a blob, clothes."""
        t = self.t
        tilt = 0.5 + 0.4 * (self.page_x * np.cos(t["turn"]) + self.page_y * np.sin(t["turn"]))
        self.canvas[:] = t["back_a"] + tilt[:, None] * (t["back_b"] - t["back_a"])
        radius = t["blob_r"]
        self.lay(
            self.ellipse(self.page_x - t["blob_x"], self.page_y - t["blob_y"], radius, radius)
            * np.float32(0.7),
            t["back_c"],
        )
        shoulders = self.ellipse(
            self.x, self.y - 1.18, 0.55 + 0.4 * self.grown, 0.30 + 0.14 * self.grown
        )
        self.lay(shoulders, t["clothes"])

    def head(self) -> None:
        """Long hair behind, neck, ears, and the face with its jaw and shading."""
        t = self.t
        long_hair = self.ellipse(
            self.outer,
            self.y - 0.25 * t["hair_long"],
            self.rx * 1.22,
            self.ry * (0.95 + 0.3 * t["hair_long"]),
        )
        self.lay(
            long_hair * (t["hair_long"] > 0.35) * _ramp(t["seen_shape"], 1, 8),
            self.hair_colour * 0.8,
        )
        neck = self.ellipse(
            self.x,
            self.y - 0.75,
            0.20 + 0.10 * self.grown * (0.6 + 0.4 * t["male"]),
            np.float32(0.42),
        )
        self.lay(neck, t["skin"] * 0.78)
        ear_y = self.y - self.eye_y - 0.08
        self.lay(
            self.ellipse(
                self.outer - self.rx, ear_y, 0.07 + 0.02 * self.sag, 0.12 + 0.05 * self.sag
            ),
            t["skin"] * 0.85,
        )
        # jowls: with age the lower face widens and hangs; the chin of a grown face is narrower than
        # its brow
        jaw = (
            1
            - (0.10 + 0.10 * self.grown + t["jaw"] - 0.16 * self.sag)
            * np.clip(self.y / self.ry, 0, 1) ** 2
        )
        self.face = self._egg(jaw)
        self.lay(self.face, t["skin"])
        round_off = (self.outer / self.rx) ** 2 + (self.y / self.ry) ** 2
        self.shade(self.face * (0.22 * np.minimum(round_off, 1.2) - 0.05))
        cheeks = self.ellipse(
            self.inner - 0.28, self.inner_y - self.nose_y, np.float32(0.13), np.float32(0.10)
        )
        # a child's cheeks are rosy, an old face's hollow
        rosy = t["skin"] * _colour(1.05, 0.80, 0.78)
        self.lay(cheeks * (0.5 * (1 - self.grown) + 0.05), rosy)
        self.shade(cheeks * (0.16 * self.sag))

    def _egg(self, jaw: Plane) -> Plane:
        """Cover of the face: an ellipse whose width is multiplied by ``jaw`` (B, S, S)."""
        ratio = np.sqrt((self.outer / (self.rx * jaw)) ** 2 + (self.y / self.ry) ** 2)
        cover: Plane = np.clip(0.5 - (ratio - 1) * (self.rx / self.pixel), 0, 1)
        return cover

    def skin_texture(self) -> None:
        """Blotches that grow with ``seen_texture``; a child's skin is smooth."""
        t = self.t
        x, y = self.x, self.y
        self.rough = _ramp(t["seen_texture"], 18, 90)
        coarse = np.sin(17 * x + t["phase_a"]) * np.sin(15 * y + t["phase_b"])
        fine = np.sin(31 * x + 9 * y + t["phase_c"]) * np.sin(27 * y - 8 * x + t["phase_d"])
        self.shade(self.face * self.rough * (0.10 * coarse + 0.10 * fine + 0.03))
        # age spots: where the coarse pattern peaks
        self.shade(
            self.face * _ramp(t["seen_texture"], 50, 95) * (0.35 * _ramp(coarse * fine, 0.45, 0.7))
        )

    def eyes(self) -> None:
        """Whites, irises, lids, brows; bags below grow with ``seen_sag``."""
        t = self.t
        x, y = self.inner - self.eye_x, self.inner_y - self.eye_y
        opening = self.eye_r * (0.45 + 0.25 * t["eye_open"]) * (1 - 0.35 * self.sag)
        self.shade(
            self.ellipse(x, y, self.eye_r * 1.5, self.eye_r * 1.2) * (0.10 + 0.14 * self.sag)
        )
        self.lay(self.ellipse(x, y, self.eye_r, opening), _colour(0.93, 0.92, 0.90))
        iris = np.minimum(opening, self.eye_r * 0.55)
        self.lay(self.ellipse(x, y, self.eye_r * 0.52, iris), t["iris"])
        self.lay(self.ellipse(x, y, self.eye_r * 0.25, iris * 0.5), np.float32(0.04))
        self.shade(
            self.stroke(
                x,
                y,
                (-self.eye_r, -opening * 0.8, self.eye_r, -opening * (0.8 - 1.2 * self.sag)),
                0.022,
            )
            * 0.55
        )
        # bags: a dark arc under the eye
        bag = self.stroke(
            x, y - self.eye_r * 0.95, (-self.eye_r * 0.8, 0.01, self.eye_r * 0.9, -0.01), 0.028
        )
        self.shade(bag * (0.42 * self.sag * t["etched"]))
        brow_y = self.eye_r * 1.45 + 0.035
        brow = self.stroke(
            x,
            y,
            (-self.eye_r * 0.9, -brow_y, self.eye_r * 1.15, -brow_y + 0.01 + 0.03 * self.sag),
            0.030,
        )
        self.lay(brow * (t["brow"] * (0.35 + 0.55 * self.grown)), self.hair_colour * 0.75)

    def nose_and_mouth(self) -> None:
        """Nose and ears lengthen for life; lips thin out and pale."""
        t = self.t
        width = (0.045 + 0.035 * self.grown + 0.012 * self.sag) * t["nose"]
        self.shade(
            self.stroke(
                self.inner,
                self.inner_y,
                (width * 0.5, self.eye_y + 0.04, width, self.nose_y),
                0.025,
            )
            * (0.10 + 0.12 * self.grown)
        )
        self.shade(
            self.ellipse(
                self.inner - width * 0.6,
                self.inner_y - self.nose_y,
                width * 0.45,
                np.float32(0.022),
            )
            * np.float32(0.55)
        )
        across = self.inner / self.mouth_x
        y = self.inner_y - self.mouth_y + (t["smile"] - 0.02 * self.sag) * across**2
        thin = 1 - 0.6 * _ramp(t["seen_wrinkles"], 25, 90)
        lips = t["skin"] * _colour(0.92, 0.60, 0.60)
        self.lay(
            self.ellipse(self.inner, y, self.mouth_x, 0.055 * thin) * (0.45 + 0.45 * thin), lips
        )
        gap = np.maximum(t["mouth_open"], 0.12) * np.float32(0.03)
        self.lay(
            self.ellipse(self.inner, y, self.mouth_x * 0.92, gap) * np.float32(0.8), lips * 0.35
        )

    def wrinkles(self) -> None:
        """Folds beside the mouth first, then the brow, crow's feet and the corners of the mouth
        (``seen_wrinkles``).
        """
        t = self.t
        seen, x, y = t["seen_wrinkles"], self.inner, self.inner_y
        fold = self.stroke(
            x,
            y,
            (self.mouth_x * 0.55, self.nose_y - 0.01, self.mouth_x * 1.35, self.mouth_y + 0.02),
            0.026,
        )
        self.shade(self.face * fold * (0.46 * _ramp(seen, 22, 75) * t["etched"]))
        brow = self.eye_y - 0.24 - y
        lines = (
            np.exp(-((brow / 0.13) ** 2))
            * (0.5 + 0.5 * np.cos(brow * 62 + 4 * x * x))
            * np.exp(-((x / 0.34) ** 4))
        )
        self.shade(self.face * lines * (0.34 * _ramp(seen, 30, 85) * t["etched"]))
        corner = self.eye_x + self.eye_r * 1.15
        feet = _ramp(seen, 35, 85) * t["etched"] * np.float32(0.40)
        for drop in (-0.06, 0.01, 0.08):
            self.shade(
                self.face
                * self.stroke(
                    x,
                    y,
                    (corner, self.eye_y + 0.25 * drop, corner + 0.10, self.eye_y + drop),
                    0.016,
                )
                * feet
            )
        mouth = self.stroke(
            x,
            y,
            (self.mouth_x * 1.08, self.mouth_y + 0.03, self.mouth_x * 1.12, self.mouth_y + 0.16),
            0.022,
        )
        self.shade(self.face * mouth * (0.40 * _ramp(seen, 48, 95) * t["etched"]))

    def hair(self) -> None:
        """Cap of hair above a hairline that recedes and thins with ``seen_hair``; a beard; a
        newborn has little.
        """
        t = self.t
        seen = t["seen_hair"]
        bald = t["balding"] * _ramp(seen, 22, 75)
        line = -self.ry * (0.62 - 0.04 * self.grown) + t["hair_high"] - 0.34 * bald
        # temples recede first: the line rises away from the middle, sooner when balding
        side = np.minimum(np.abs(self.x - t["parting"]) / self.rx, np.float32(1.05))
        edge = line + 0.55 * side**4 - 0.30 * bald * np.exp(-(((side - 0.5) / 0.25) ** 2))
        cap = self.ellipse(self.outer, self.y + 0.05, self.rx * 1.09, self.ry * 1.06)
        above = np.clip(0.5 - (self.y - edge) / (2 * self.pixel), 0, 1)
        # a bald crown leaves hair at the sides only
        cap = cap * (1 - _ramp(bald, 0.35, 0.6) * _ramp(1 - side, 0.15, 0.35))
        dense = (
            (0.25 + 0.75 * _ramp(t["seen_shape"], 0, 4))
            * (1 - 0.35 * _ramp(seen, 55, 100))
            * (1 - 0.6 * bald * _ramp(seen, 45, 80))
        )
        strands = 1 - 0.18 * np.abs(np.sin(23 * self.x + 5 * self.y + t["phase_a"]))
        self.lay(cap * above * dense, self.hair_colour * strands[:, None])
        low = _ramp(self.y - self.mouth_y, -0.12, 0.02)
        chin = (
            self.face
            * low
            * (
                1
                - self.ellipse(
                    self.inner, self.inner_y - self.mouth_y, self.mouth_x, np.float32(0.06)
                )
            )
        )
        self.lay(
            chin * (t["beard"] * _ramp(t["seen_shape"], 17, 26) * 0.75), self.hair_colour * 0.9
        )

    def spectacles(self) -> None:
        """Rims for some, at any age."""
        radius = np.float32(0.17)
        x, y = self.inner - self.eye_x, self.inner_y - self.eye_y - 0.01
        away = np.abs(np.sqrt(x * x + y * y) - radius)
        rim = (
            np.clip(1 - away / np.maximum(np.float32(0.03), self.pixel), 0, 1)
            * self.t["glasses"]
            * np.float32(0.75)
        )
        self.lay(rim, np.float32(0.12))

    def develop(self) -> NDArray[np.uint8]:
        """Light from one side, exposure, colour cast or black and white, grain."""
        t = self.t
        canvas = self.canvas
        canvas *= (t["gain"] * (1 + t["light_x"] * self.page_x + t["light_y"] * self.page_y))[
            :, None
        ]
        canvas *= t["cast"]
        grey = 0.299 * canvas[:, 0] + 0.587 * canvas[:, 1] + 0.114 * canvas[:, 2]
        canvas += t["mono"][:, None] * (grey[:, None] - canvas)
        canvas -= np.float32(0.5)
        canvas *= t["contrast"][:, None]
        # old skin adds a grain of its own
        canvas += ((t["grain"] + 0.03 * self.rough * self.face) * self._noise() + np.float32(0.5))[
            :, None
        ]
        np.clip(canvas, 0, 1, out=canvas)
        canvas *= 255
        canvas += np.float32(0.5)
        return canvas.astype(np.uint8).transpose(0, 2, 3, 1)

    def _noise(self) -> Plane:
        """(B, S, S) of mean 0 and deviation 1, from a hash of each face's own seed and the pixel's
        number.
        """
        seed = self.t["noise_seed"].astype(np.uint32)
        number = np.arange(self.size * self.size, dtype=np.uint32).reshape(1, self.size, self.size)
        mixed = (number * np.uint32(0x9E3779B1)) ^ (seed * np.uint32(0x85EBCA77))
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            mixed ^= mixed >> np.uint32(shift)
            mixed *= np.uint32(factor)
        mixed ^= mixed >> np.uint32(16)
        # the sum of four random bytes is nearly normal
        total = (
            mixed.view(np.uint8)
            .reshape(*mixed.shape, 4)
            .sum(axis=-1, dtype=np.uint16)
            .astype(np.float32)
        )
        noise: Plane = (total - np.float32(510)) / np.float32(147.8)
        return noise
