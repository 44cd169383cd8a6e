"""The decoder of all image benchmarks: a picture file -> 8-bit RGB with the right values.

Pillow's ``convert("RGB")`` clips 16-bit grey to white and floats to black, shows colours that
transparency hides, ignores the camera's orientation and takes the first of many frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from dirsweep.errors import DataError

#: raised whenever a change alters what some file is decoded to
VERSION = 2

_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 0x0112, 258, 262, 339
_WITH_ALPHA = frozenset({"LA", "PA", "RGBA"})
#: modes whose colours are multiplied by alpha, and those without
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
#: 16-bit grey as these formats give it in Pillow's mode I
_SIXTEEN_BITS_IN_I = frozenset({"PNG", "PPM"})


def decode_picture(file: Path, size: int) -> NDArray[np.uint8]:
    """Read a picture, turned upright and resized bilinearly.

    Grey of 16 bits is scaled so that its highest value is white. CMYK is converted without colour
    profile.

    Args:
        file: in any format that Pillow reads.
        size: height and width of the result, pixels.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        DataError: one line with the file: it cannot be read or decoded, or its values do not say
            what is white, what a transparent pixel shows, or which of its frames is meant.
    """
    try:
        with Image.open(file) as image:
            image.load()
            upright = to_rgb(image, file)
            return np.asarray(upright.resize((size, size), Image.Resampling.BILINEAR))
    except DataError:
        raise
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        EOFError,
        MemoryError,
        OverflowError,
        ImageCms.PyCMSError,
        Image.DecompressionBombError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        raise DataError(
            f"{file}: cannot be decoded as an image ({reason}); replace the file"
        ) from error


def to_rgb(image: Image.Image, file: Path) -> Image.Image:
    """Return a loaded picture as RGB, turned upright."""
    num_frames = getattr(image, "n_frames", 1)
    # a camera's MPO has further pictures behind the photograph
    if num_frames > 1 and image.format != "MPO":
        raise DataError(
            f"{file}: has {num_frames} frames; save the one that is meant as a file of its own"
        )
    rgb = _converted(image, file)
    # Pillow turns a TIFF while it loads it
    orientation = image.getexif().get(_ORIENTATION, 1)
    if orientation == 1:
        return rgb
    rgb.getexif()[_ORIENTATION] = orientation
    return ImageOps.exif_transpose(rgb)


def _converted(image: Image.Image, file: Path) -> Image.Image:
    mode = image.mode
    _check_samples(image, file)
    if mode.startswith("I;16") or (mode == "I" and image.format in _SIXTEEN_BITS_IN_I):
        return _from_16_bits(image, file)
    if mode in ("I", "F"):
        kind = "whole numbers" if mode == "I" else "floating-point numbers"
        raise DataError(
            f"{file}: pixels are 32-bit {kind}, which do not say what is white; save it with 8 or "
            "16 bits"
        )
    if mode == "LAB":
        to_rgb = ImageCms.buildTransform(
            ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
        )
        converted = ImageCms.applyTransform(image, to_rgb)
        assert converted is not None  # not in place
        return converted
    if mode in _PREMULTIPLIED:
        image = image.convert(_PREMULTIPLIED[mode])
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        _check_opaque(image, file)
    return image.convert("RGB")


def _check_samples(image: Image.Image, file: Path) -> None:
    """Refuse TIFF samples that Pillow reads as if they were unsigned."""
    formats = _tiff_tag(image, _SAMPLE_FORMAT, (1,))
    if 2 in formats:
        raise DataError(
            f"{file}: pixels are signed numbers, which do not say what is white; save them unsigned"
        )


def _check_opaque(image: Image.Image, file: Path) -> None:
    """Refuse transparent pixels: what they show depends on a background that no file names."""
    alpha = image.convert("RGBA").getchannel("A")
    if alpha.getextrema()[0] != 255:
        raise DataError(
            f"{file}: has transparent pixels, whose colour depends on a background; flatten it "
            "(magick IN -background white -alpha remove OUT)"
        )


def _from_16_bits(image: Image.Image, file: Path) -> Image.Image:
    """Scale grey of 16 bits (12 in some TIFFs) to 8."""
    bits = max(_tiff_tag(image, _BITS, (16,)))
    highest = 2**bits - 1
    grey = np.asarray(image).astype(np.int64)  # (H, W)
    if image.info.get("transparency") in np.unique(grey):
        raise DataError(
            f"{file}: has transparent pixels, whose colour depends on a background; flatten it"
        )
    grey = (grey.clip(0, highest) * 255 + highest // 2) // highest
    if 0 in _tiff_tag(image, _PHOTOMETRIC, (1,)):  # Pillow inverts such files of 8 bits only
        grey = 255 - grey
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def _tiff_tag(image: Image.Image, tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
    tags: Any = getattr(image, "tag_v2", {})
    value = tags.get(tag, default)
    return value if isinstance(value, tuple) else (value,)
