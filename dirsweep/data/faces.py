"""Drawn faces: pictures from traits, by numpy alone.

What shows age is the ``seen_<cue>`` of the traits; see ``face_traits`` for the numbers and
``face_canvas`` for the coordinates and brushes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dirsweep.data.face_canvas import Canvas, Plane, colour, ramp
from dirsweep.data.face_traits import Traits

#: raised whenever a change alters a picture
VERSION = 1
#: pixels of a batch that is drawn at once: its planes stay in the processor's cache
_PIXELS_PER_BATCH = 65536


def draw_faces(traits: Traits, size: int) -> NDArray[np.uint8]:
    """Draw faces; each depends on its own traits only, not on its neighbours.

    Args:
        traits: of N faces, see ``face_traits.draw_traits``.
        size: height and width, pixels.

    Returns:
        uint8 (N, size, size, 3).
    """
    num = len(traits["male"])
    pictures = np.empty((num, size, size, 3), dtype=np.uint8)
    batch = max(1, _PIXELS_PER_BATCH // (size * size))
    for start in range(0, num, batch):
        part = {name: value[start : start + batch] for name, value in traits.items()}
        pictures[start : start + batch] = _Painter(part, size).paint()
    return pictures


class _Painter(Canvas):
    """Draws a batch of faces, layer upon layer."""

    def paint(self) -> NDArray[np.uint8]:
        """Draw the batch, uint8 (B, S, S, 3)."""
        self.proportions()
        self.background()
        self.head()
        self.skin_texture()
        self.eyes()
        self.nose()
        self.mouth()
        self.wrinkles()
        self.hair()
        self.beard()
        self.spectacles()
        return self.develop()

    def proportions(self) -> None:
        """Set the sizes that age decides: a child's head is round, with low, large eyes."""
        t = self.t
        self.grown = 1 - np.exp(-t["seen_shape"] / 9)  # 0 newborn, 0.9 at 20
        self.sag = ramp(t["seen_sag"], 28, 95)
        self.rx = (0.53 - 0.02 * self.grown) * t["wide"]
        self.ry = (0.56 + 0.13 * self.grown) * t["long"]
        self.eye_y = 0.14 - 0.20 * self.grown
        self.eye_x = (0.21 + 0.02 * (1 - self.grown)) * t["eye_gap"]
        self.eye_r = (0.115 - 0.035 * self.grown) * t["eye_size"]
        self.mouth_y = self.eye_y + 0.24 + 0.17 * self.grown + 0.02 * self.sag
        self.nose_y = self.eye_y + 0.12 + 0.12 * self.grown + 0.03 * self.sag
        self.mouth_x = (0.12 + 0.07 * self.grown) * t["mouth_wide"]
        grey = ramp(t["seen_hair"], 30, 72) * (1 - t["dyed"])
        silver = colour(0.80, 0.80, 0.81)
        self.hair_colour = t["hair_colour"] + grey[:, None] * (silver - t["hair_colour"])

    def background(self) -> None:
        """Draw two colours along a random direction, a blob, clothes."""
        t = self.t
        tilt = 0.5 + 0.4 * (self.page_x * np.cos(t["turn"]) + self.page_y * np.sin(t["turn"]))
        self.canvas[:] = t["back_a"] + tilt[:, None] * (t["back_b"] - t["back_a"])
        radius = t["blob_r"]
        blob = self.ellipse(self.page_x - t["blob_x"], self.page_y - t["blob_y"], radius, radius)
        self.lay(blob * np.float32(0.7), t["back_c"])
        wide, high = 0.55 + 0.4 * self.grown, 0.30 + 0.14 * self.grown
        self.lay(self.ellipse(self.x, self.y - 1.18, wide, high), t["clothes"])

    def head(self) -> None:
        """Draw long hair behind, neck, ears, and the face with its jaw and shading."""
        self._long_hair()
        self._neck_and_ears()
        t = self.t
        # jowls: with age the lower face widens and hangs; the chin of a grown face is narrower than
        # its brow
        narrow = 0.10 + 0.10 * self.grown + t["jaw"] - 0.16 * self.sag
        self.face = self._egg(1 - narrow * np.clip(self.y / self.ry, 0, 1) ** 2)
        self.lay(self.face, t["skin"])
        round_off = (self.outer / self.rx) ** 2 + (self.y / self.ry) ** 2
        self.shade(self.face * (0.22 * np.minimum(round_off, 1.2) - 0.05))
        self._cheeks()

    def _long_hair(self) -> None:
        t = self.t
        long = t["hair_long"]
        high = self.ry * (0.95 + 0.3 * long)
        shape = self.ellipse(self.outer, self.y - 0.25 * long, self.rx * 1.22, high)
        self.lay(shape * (long > 0.35) * ramp(t["seen_shape"], 1, 8), self.hair_colour * 0.8)

    def _neck_and_ears(self) -> None:
        t = self.t
        neck_wide = 0.20 + 0.10 * self.grown * (0.6 + 0.4 * t["male"])
        neck = self.ellipse(self.x, self.y - 0.75, neck_wide, np.float32(0.42))
        self.lay(neck, t["skin"] * 0.78)
        ear_y = self.y - self.eye_y - 0.08
        wide, high = 0.07 + 0.02 * self.sag, 0.12 + 0.05 * self.sag
        self.lay(self.ellipse(self.outer - self.rx, ear_y, wide, high), t["skin"] * 0.85)

    def _egg(self, jaw: Plane) -> Plane:
        """Cover of the face: an ellipse whose width is multiplied by ``jaw`` (B, S, S)."""
        ratio = np.sqrt((self.outer / (self.rx * jaw)) ** 2 + (self.y / self.ry) ** 2)
        cover: Plane = np.clip(0.5 - (ratio - 1) * (self.rx / self.pixel), 0, 1)
        return cover

    def _cheeks(self) -> None:
        """A child's cheeks are rosy, an old face's hollow."""
        x, y = self.inner - 0.28, self.inner_y - self.nose_y
        cheeks = self.ellipse(x, y, np.float32(0.13), np.float32(0.10))
        rosy = self.t["skin"] * colour(1.05, 0.80, 0.78)
        self.lay(cheeks * (0.5 * (1 - self.grown) + 0.05), rosy)
        self.shade(cheeks * (0.16 * self.sag))

    def skin_texture(self) -> None:
        """Draw blotches that grow with ``seen_texture``; a child's skin is smooth."""
        t = self.t
        x, y = self.x, self.y
        self.rough = ramp(t["seen_texture"], 18, 90)
        coarse = np.sin(17 * x + t["phase_a"]) * np.sin(15 * y + t["phase_b"])
        fine = np.sin(31 * x + 9 * y + t["phase_c"]) * np.sin(27 * y - 8 * x + t["phase_d"])
        self.shade(self.face * self.rough * (0.10 * coarse + 0.10 * fine + 0.03))
        # age spots: where the coarse pattern peaks
        spots = 0.35 * ramp(coarse * fine, 0.45, 0.7)
        self.shade(self.face * ramp(t["seen_texture"], 50, 95) * spots)

    def eyes(self) -> None:
        """Draw whites, irises, lids, brows; bags below grow with ``seen_sag``."""
        t, r = self.t, self.eye_r
        x, y = self.inner - self.eye_x, self.inner_y - self.eye_y
        opening = r * (0.45 + 0.25 * t["eye_open"]) * (1 - 0.35 * self.sag)
        self.shade(self.ellipse(x, y, r * 1.5, r * 1.2) * (0.10 + 0.14 * self.sag))
        self.lay(self.ellipse(x, y, r, opening), colour(0.93, 0.92, 0.90))
        iris = np.minimum(opening, r * 0.55)
        self.lay(self.ellipse(x, y, r * 0.52, iris), t["iris"])
        self.lay(self.ellipse(x, y, r * 0.25, iris * 0.5), np.float32(0.04))
        lid = (-r, -opening * 0.8, r, -opening * (0.8 - 1.2 * self.sag))
        self.shade(self.stroke(x, y, lid, 0.022) * 0.55)
        bag = self.stroke(x, y - r * 0.95, (-r * 0.8, 0.01, r * 0.9, -0.01), 0.028)
        self.shade(bag * (0.42 * self.sag * t["etched"]))
        brow_y = r * 1.45 + 0.035
        brow = (-r * 0.9, -brow_y, r * 1.15, -brow_y + 0.01 + 0.03 * self.sag)
        strength = t["brow"] * (0.35 + 0.55 * self.grown)
        self.lay(self.stroke(x, y, brow, 0.030) * strength, self.hair_colour * 0.75)

    def nose(self) -> None:
        """Draw the nose, which lengthens for life."""
        width = (0.045 + 0.035 * self.grown + 0.012 * self.sag) * self.t["nose"]
        bridge = (width * 0.5, self.eye_y + 0.04, width, self.nose_y)
        line = self.stroke(self.inner, self.inner_y, bridge, 0.025)
        self.shade(line * (0.10 + 0.12 * self.grown))
        x, y = self.inner - width * 0.6, self.inner_y - self.nose_y
        self.shade(self.ellipse(x, y, width * 0.45, np.float32(0.022)) * np.float32(0.55))

    def mouth(self) -> None:
        """Draw the lips, which thin out and pale with ``seen_wrinkles``."""
        t = self.t
        across = self.inner / self.mouth_x
        y = self.inner_y - self.mouth_y + (t["smile"] - 0.02 * self.sag) * across**2
        thin = 1 - 0.6 * ramp(t["seen_wrinkles"], 25, 90)
        lips = t["skin"] * colour(0.92, 0.60, 0.60)
        cover = self.ellipse(self.inner, y, self.mouth_x, 0.055 * thin)
        self.lay(cover * (0.45 + 0.45 * thin), lips)
        open_ = np.maximum(t["mouth_open"], 0.12) * np.float32(0.03)
        gap = self.ellipse(self.inner, y, self.mouth_x * 0.92, open_)
        self.lay(gap * np.float32(0.8), lips * 0.35)

    def wrinkles(self) -> None:
        """Draw folds beside the mouth first, then brow, crow's feet, corners of the mouth."""
        t = self.t
        seen, x, y = t["seen_wrinkles"], self.inner, self.inner_y
        fold = (self.mouth_x * 0.55, self.nose_y - 0.01, self.mouth_x * 1.35, self.mouth_y + 0.02)
        depth = 0.46 * ramp(seen, 22, 75) * t["etched"]
        self.shade(self.face * self.stroke(x, y, fold, 0.026) * depth)
        brow = self.eye_y - 0.24 - y
        waves = 0.5 + 0.5 * np.cos(brow * 62 + 4 * x * x)
        lines = np.exp(-((brow / 0.13) ** 2)) * waves * np.exp(-((x / 0.34) ** 4))
        self.shade(self.face * lines * (0.34 * ramp(seen, 30, 85) * t["etched"]))
        corner = self.eye_x + self.eye_r * 1.15
        depth = ramp(seen, 35, 85) * t["etched"] * np.float32(0.40)
        for drop in (-0.06, 0.01, 0.08):
            foot = (corner, self.eye_y + 0.25 * drop, corner + 0.10, self.eye_y + drop)
            self.shade(self.face * self.stroke(x, y, foot, 0.016) * depth)
        ends = (self.mouth_x * 1.08, self.mouth_y + 0.03, self.mouth_x * 1.12, self.mouth_y + 0.16)
        depth = 0.40 * ramp(seen, 48, 95) * t["etched"]
        self.shade(self.face * self.stroke(x, y, ends, 0.022) * depth)

    def hair(self) -> None:
        """Draw hair above a hairline that recedes and thins with ``seen_hair``."""
        t = self.t
        seen = t["seen_hair"]
        bald = t["balding"] * ramp(seen, 22, 75)
        line = -self.ry * (0.62 - 0.04 * self.grown) + t["hair_high"] - 0.34 * bald
        # temples recede first: the line rises away from the middle, sooner when balding
        side = np.minimum(np.abs(self.x - t["parting"]) / self.rx, np.float32(1.05))
        edge = line + 0.55 * side**4 - 0.30 * bald * np.exp(-(((side - 0.5) / 0.25) ** 2))
        cap = self.ellipse(self.outer, self.y + 0.05, self.rx * 1.09, self.ry * 1.06)
        above = np.clip(0.5 - (self.y - edge) / (2 * self.pixel), 0, 1)
        # a bald crown leaves hair at the sides only
        cap = cap * (1 - ramp(bald, 0.35, 0.6) * ramp(1 - side, 0.15, 0.35))
        newborn = 0.25 + 0.75 * ramp(t["seen_shape"], 0, 4)
        aged = 1 - 0.35 * ramp(seen, 55, 100)
        dense = newborn * aged * (1 - 0.6 * bald * ramp(seen, 45, 80))
        strands = 1 - 0.18 * np.abs(np.sin(23 * self.x + 5 * self.y + t["phase_a"]))
        self.lay(cap * above * dense, self.hair_colour * strands[:, None])

    def beard(self) -> None:
        """Draw a beard for some grown men, around the mouth."""
        t = self.t
        y = self.inner_y - self.mouth_y
        lips = self.ellipse(self.inner, y, self.mouth_x, np.float32(0.06))
        chin = self.face * ramp(self.y - self.mouth_y, -0.12, 0.02) * (1 - lips)
        strength = t["beard"] * ramp(t["seen_shape"], 17, 26) * 0.75
        self.lay(chin * strength, self.hair_colour * 0.9)

    def spectacles(self) -> None:
        """Draw rims for some, at any age."""
        radius = np.float32(0.17)
        x, y = self.inner - self.eye_x, self.inner_y - self.eye_y - 0.01
        away = np.abs(np.sqrt(x * x + y * y) - radius)
        rim = np.clip(1 - away / np.maximum(np.float32(0.03), self.pixel), 0, 1)
        self.lay(rim * self.t["glasses"] * np.float32(0.75), np.float32(0.12))

    def develop(self) -> NDArray[np.uint8]:
        """Apply light from one side, exposure, colour cast or black and white, grain."""
        t = self.t
        canvas = self.canvas
        light = t["gain"] * (1 + t["light_x"] * self.page_x + t["light_y"] * self.page_y)
        canvas *= light[:, None]
        canvas *= t["cast"]
        grey = 0.299 * canvas[:, 0] + 0.587 * canvas[:, 1] + 0.114 * canvas[:, 2]
        canvas += t["mono"][:, None] * (grey[:, None] - canvas)
        canvas -= np.float32(0.5)
        canvas *= t["contrast"][:, None]
        # old skin adds a grain of its own
        grain = (t["grain"] + 0.03 * self.rough * self.face) * self.noise()
        canvas += (grain + np.float32(0.5))[:, None]
        np.clip(canvas, 0, 1, out=canvas)
        canvas *= 255
        canvas += np.float32(0.5)
        return canvas.astype(np.uint8).transpose(0, 2, 3, 1)
