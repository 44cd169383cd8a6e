"""Canvas and brushes for drawn faces, a whole batch at once.

The picture's frame is [-1, 1] x [-1, 1], x to the right, y down; a shape's edge is one pixel soft,
so that the same face can be drawn at any size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirsweep.data.face_traits import Traits

# float32 as well; the type of a product with a Python number is not known to be
Plane = NDArray[np.floating[Any]]
Number = Plane | np.floating[Any] | float


def ramp(value: Plane, low: float, high: float) -> Plane:
    """Rise smoothly from 0 below ``low`` to 1 above ``high``."""
    part = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    smooth: Plane = part * part * (3 - 2 * part)
    return smooth


def colour(red: float, green: float, blue: float) -> Plane:
    """Return a colour as (1, 3, 1, 1) float32."""
    return np.array((red, green, blue), dtype=np.float32).reshape(1, 3, 1, 1)


class Canvas:
    """Colours (B, 3, S, S) and coordinates (B, S, S) bound to the head, with brushes.

    Args:
        traits: of B faces, see ``face_traits.draw_traits``.
        size: S, pixels.
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

    def lay(self, cover: Plane, colour: Number) -> None:
        """Blend a (B, 3, 1, 1) colour over the canvas by ``cover`` (B, S, S) in [0, 1]."""
        self.canvas += cover[:, None] * (colour - self.canvas)

    def shade(self, amount: Plane) -> None:
        """Darken by ``amount`` (B, S, S), a part of the brightness; negative amounts lighten."""
        self.canvas *= (1 - amount)[:, None]

    def ellipse(self, x: Plane, y: Plane, rx: Number, ry: Number) -> Plane:
        """Return the cover of an ellipse around the origin.

        Args:
            x: (B, S, S) coordinates.
            y: (B, S, S) coordinates.
            rx: half-axis, a number or (B, 1, 1).
            ry: likewise.

        Returns:
            (B, S, S) in [0, 1].
        """
        # half-axes below half a pixel would vanish between the pixels: wider and fainter instead
        rx, ry = np.maximum(rx, np.float32(1e-3)), np.maximum(ry, np.float32(1e-3))
        wide, high = np.maximum(rx, self.pixel / 2), np.maximum(ry, self.pixel / 2)
        ratio = np.sqrt((x / wide) ** 2 + (y / high) ** 2)
        faint = (rx / wide) * (ry / high)
        sharpness = np.minimum(wide, high) / self.pixel
        cover: Plane = np.clip(0.5 - (ratio - 1) * sharpness, 0, 1) * faint
        return cover

    def stroke(self, x: Plane, y: Plane, ends: tuple[Number, ...], width: float) -> Plane:
        """Return the cover of a soft line.

        Args:
            x: (B, S, S) coordinates.
            y: (B, S, S) coordinates.
            ends: x1, y1, x2, y2, each a number or (B, 1, 1).
            width: of the line.

        Returns:
            (B, S, S) in [0, 1].
        """
        x1, y1, x2, y2 = (np.asarray(end, dtype=np.float32) for end in ends)
        dx, dy = x2 - x1, y2 - y1
        length = dx * dx + dy * dy + np.float32(1e-6)
        along = np.clip(((x - x1) * dx + (y - y1) * dy) / length, 0, 1)
        away = (x - x1 - along * dx) ** 2 + (y - y1 - along * dy) ** 2
        wide = max(np.float32(width), 0.6 * self.pixel)
        cover: Plane = np.exp(-away / (wide * wide)) * np.float32(width / wide)
        return cover

    def noise(self) -> Plane:
        """Return (B, S, S) of mean 0 and deviation 1, a hash of face seed and pixel number."""
        seed = self.t["noise_seed"].astype(np.uint32)
        number = np.arange(self.size * self.size, dtype=np.uint32).reshape(1, self.size, self.size)
        mixed = (number * np.uint32(0x9E3779B1)) ^ (seed * np.uint32(0x85EBCA77))
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            mixed ^= mixed >> np.uint32(shift)
            mixed *= np.uint32(factor)
        mixed ^= mixed >> np.uint32(16)
        # the sum of four random bytes is nearly normal
        four_bytes = mixed.view(np.uint8).reshape(*mixed.shape, 4)
        total = four_bytes.sum(axis=-1, dtype=np.uint16).astype(np.float32)
        noise: Plane = (total - np.float32(510)) / np.float32(147.8)
        return noise
