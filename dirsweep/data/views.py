"""Augmented views of images: random crop and flip, or the stronger recipe of MoCo v2."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor

from dirsweep.data.base import Views
from dirsweep.errors import ShapeError

#: what a pixel of red, green, blue adds to its grey value (ITU-R BT.601)
GREY = (0.299, 0.587, 0.114)
#: RGB -> luma and two chroma axes; a turn of the chroma plane is a change of hue
_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


class ImageViews(Views):
    """Views of uint8 (B, H, W, 3) batches as contiguous float32 (B, 3, H, W) in [-1, 1].

    Pixels become (pixel / 255 - 0.5) / 0.5. Source of the standard view: Yang et al., ICML 2021
    (random crop with padding 16 at 224 pixels, flip, mean and deviation 0.5). Source of the strong
    one: MoCo v2, Chen et al. 2020, arXiv 2003.04297, Section 3.

    Args:
        image_size: H = W in pixels; the padding of the crop is 16 at 224 pixels and scales with it.
    """

    def __init__(self, image_size: int) -> None:
        self.image_size = image_size
        self.padding = round(16 * image_size / 224)

    def evaluate(self, batch: Any) -> Tensor:
        """Normalise a batch, uint8 (B, H, W, 3) -> (B, 3, H, W).

        Raises:
            ShapeError: the batch has another shape or type.
        """
        return _normalise(np.ascontiguousarray(_checked(batch).transpose(0, 3, 1, 2)))

    def train(self, batch: Any, generator: torch.Generator, strength: str = "standard") -> Tensor:
        """Make one augmented view of each image.

        Args:
            batch: uint8 (B, H, W, 3).
            generator: on the CPU; all of a batch's draws are made in one call.
            strength: ``standard``: crop out of the zero-padded image, flip. ``strong``: resized
                crop (area 0.2 to 1, aspect 3/4 to 4/3, kept inside the image), flip, colour jitter,
                greyscale, blur.

        Returns:
            (B, 3, H, W) in [-1, 1].

        Raises:
            ShapeError: the batch has another shape or type.
            ValueError: an unknown strength.
        """
        images = _checked(batch)
        if strength == "standard":
            draws = torch.rand(3, len(images), generator=generator).numpy()
            return _normalise(self._crop_and_flip(images, draws))
        if strength == "strong":
            return self._strong(images, torch.rand(13, len(images), generator=generator))
        raise ValueError(f"strength {strength!r}: expected 'standard' or 'strong'")

    def _crop_and_flip(
        self, images: NDArray[np.uint8], draws: NDArray[np.float32]
    ) -> NDArray[np.uint8]:
        """(B, H, W, 3) images and (3, B) draws in [0, 1) -> uint8 (B, 3, H, W), cheap to move."""
        num, height, width, _ = images.shape
        pad = self.padding
        padded = np.zeros((num, height + 2 * pad, width + 2 * pad, 3), dtype=np.uint8)
        padded[:, pad : pad + height, pad : pad + width] = images
        # float32 rounding may turn a draw just below 1 into 2 * pad + 1
        top, left = np.minimum((draws[:2] * (2 * pad + 1)).astype(np.int64), 2 * pad)
        # (B, 2p+1, 2p+1, 3, H, W), a view
        windows = sliding_window_view(padded, (height, width), axis=(1, 2))
        crops = np.ascontiguousarray(windows[np.arange(num), top, left])  # (B, 3, H, W)
        flipped = np.flatnonzero(draws[2] < 0.5)
        crops[flipped] = crops[flipped][..., ::-1]
        return crops

    def _strong(self, images: NDArray[np.uint8], draws: Tensor) -> Tensor:
        """(B, H, W, 3) images and (13, B) draws in [0, 1) -> normalised (B, 3, H, W)."""
        crops = _resized_crop(
            torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255), draws[:5]
        )
        coloured = _jitter(crops, draws[5:11])
        # deviations of 0.1 to 2 pixels at 224 pixels; at least 0.5 at the upper end, less would
        # blur nothing
        sigma = 0.1 + draws[11] * (max(2 * self.image_size / 224, 0.5) - 0.1)
        return _blur(coloured, sigma, torch.nonzero(draws[12] < 0.5)[:, 0]).sub_(0.5).div_(0.5)


def _checked(batch: Any) -> NDArray[np.uint8]:
    images: NDArray[np.uint8] = np.asarray(batch)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ShapeError(f"expected uint8 images (B, H, W, 3), got {images.dtype} {images.shape}")
    # a memory-mapped batch is copied: torch wants memory it could write to
    return images if images.flags.writeable else images.copy()


def _normalise(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).to(torch.float32).div_(255).sub_(0.5).div_(0.5)


def _resized_crop(images: Tensor, draws: Tensor) -> Tensor:
    """Cut a rectangle out of each image and resize it bilinearly.

    Args:
        images: (B, 3, H, W).
        draws: (5, B) in [0, 1).
    """
    area = 0.2 + 0.8 * draws[0]
    aspect = torch.exp((2 * draws[1] - 1) * torch.log(torch.tensor(4 / 3)))
    width = torch.sqrt(area * aspect).clamp(max=1.0)  # as parts of the image's sides
    height = torch.sqrt(area / aspect).clamp(max=1.0)
    mirror = torch.where(draws[4] < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(width)
    across = torch.stack([width * mirror, zero, (2 * draws[2] - 1) * (1 - width)], dim=1)
    down = torch.stack([zero, height, (2 * draws[3] - 1) * (1 - height)], dim=1)
    grid = F.affine_grid(
        torch.stack([across, down], dim=1), list(images.shape), align_corners=False
    )
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _jitter(images: Tensor, draws: Tensor) -> Tensor:
    """Change the colours of images at random.

    With probability 0.8 brightness, contrast, saturation (factors 0.6 to 1.4) and hue (+-0.1
    turns), with probability 0.2 greyscale. The steps are linear in the colours, in this order, so
    that all of them are one 3x3 matrix and one offset per image; values are clipped to [0, 1] at
    the end only, and hue turns the chroma plane of YIQ instead of the HSV circle.

    Args:
        images: (B, 3, H, W) in [0, 1].
        draws: (6, B) in [0, 1).
    """
    to_grey = torch.tensor(GREY).expand(3, 3)  # every row gives the grey value
    jittered = draws[5] < 0.8
    factors = torch.where(jittered, 0.6 + 0.8 * draws[:3], 1.0)
    brightness, contrast, saturation = (factor[:, None, None] for factor in factors)
    turn = torch.where(jittered, (2 * draws[3] - 1) * 0.1 * 2 * torch.pi, 0.0)
    yiq = torch.tensor(_YIQ)
    saturated = saturation * torch.eye(3) + (1 - saturation) * to_grey
    colour = torch.linalg.inv(yiq) @ _chroma_turn(turn) @ yiq @ saturated
    colour = torch.where((draws[4] < 0.2)[:, None, None], to_grey @ colour, colour)  # (B, 3, 3)
    # contrast keeps the mean grey value of the brightened image
    mean_grey = brightness * (images.mean(dim=(2, 3)) @ torch.tensor(GREY))[:, None, None]
    offset = colour @ ((1 - contrast) * mean_grey).expand(-1, 3, 1)
    pixels = torch.baddbmm(offset, colour * (brightness * contrast), images.flatten(2))
    return pixels.clamp_(0, 1).view_as(images)


def _chroma_turn(turn: Tensor) -> Tensor:
    """(B,) radians -> (B, 3, 3) rotations of the two chroma axes."""
    cos, sin = torch.cos(turn), torch.sin(turn)
    zero, one = torch.zeros_like(turn), torch.ones_like(turn)
    return torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).view(-1, 3, 3)


def _blur(images: Tensor, sigma: Tensor, chosen: Tensor) -> Tensor:
    """Blur some images by a Gaussian.

    Args:
        images: (B, 3, H, W).
        sigma: (B,) pixels.
        chosen: (C,) positions of the images to blur.
    """
    reach = int(torch.ceil(2 * sigma.max())) if len(sigma) else 0
    taps = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-0.5 * (taps / sigma[chosen, None]) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)  # (C, 2 reach + 1)
    soft = images[chosen]
    for dim in (2, 3):  # a Gaussian is separable: down, then across
        size = images.shape[dim]
        border = (0, 0, reach, reach) if dim == 2 else (reach, reach, 0, 0)
        padded = F.pad(soft, border, mode="replicate")
        soft = torch.zeros_like(soft)
        for tap in range(2 * reach + 1):
            soft.addcmul_(padded.narrow(dim, tap, size), kernel[:, tap, None, None, None])
    return images.index_copy(0, chosen, soft)
