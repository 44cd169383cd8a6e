"""The decoder of pictures: expected values for every mode of Pillow, or a line with the file."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from dirsweep.data.pictures import decode_picture, to_rgb
from dirsweep.errors import DataError

GREY = (128, 128, 128)
#: mode -> a pixel as Pillow has it, and RGB or what the refusal says
MODES: dict[str, list[tuple[Any, tuple[int, int, int] | str]]] = {
    "1": [(1, (255, 255, 255)), (0, (0, 0, 0))],
    "L": [(128, GREY)],
    "LA": [((128, 255), GREY), ((128, 254), "has transparent pixels")],
    "La": [((128, 255), GREY), ((60, 128), "has transparent pixels")],
    "I;16": [(0x8080, GREY), (65535, (255, 255, 255)), (257, (1, 1, 1)), (0, (0, 0, 0))],
    "I;16L": [(0x8080, GREY)],
    "I;16B": [(0x8080, GREY)],
    "I;16N": [(0x8080, GREY)],
    "I": [(128, "pixels are 32-bit whole numbers, which do not say what is white")],
    "F": [(0.5, "pixels are 32-bit floating-point numbers, which do not say what is white")],
    "P": [(7, (7, 8, 9))],
    "PA": [((7, 255), (7, 8, 9)), ((7, 0), "has transparent pixels")],
    "RGB": [((10, 20, 30), (10, 20, 30))],
    "RGBX": [((10, 20, 30, 0), (10, 20, 30))],
    "RGBA": [((10, 20, 30, 255), (10, 20, 30)), ((10, 20, 30, 0), "has transparent pixels")],
    "RGBa": [((10, 20, 30, 255), (10, 20, 30)), ((1, 2, 3, 9), "has transparent pixels")],
    # red: no cyan, all magenta and yellow; half of it with black
    "CMYK": [((0, 255, 255, 0), (255, 0, 0)), ((0, 255, 255, 128), (127, 0, 0))],
    "YCbCr": [((128, 128, 128), GREY), ((76, 85, 255), (254, 0, 0))],
    "HSV": [((0, 255, 255), (255, 0, 0))],
    # L* 53.7, a* 0, b* 0 is the grey of 128; L* 53.3, a* 80, b* 67 is red
    "LAB": [((137, 128, 128), GREY), ((136, 208, 195), (250, 3, 11))],
}


def picture(mode: str, pixel: Any) -> Image.Image:
    image = Image.new(mode, (4, 4), pixel)
    if mode in ("P", "PA"):
        image.putpalette([min(255, step + place) for step in range(256) for place in range(3)])
        image.paste(pixel, (0, 0, 4, 4))
    return image


def line_of(action: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_table_has_every_mode() -> None:
    assert set(MODES) == set(Image.MODES)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_the_right_values_or_is_refused(mode: str) -> None:
    for pixel, expected in MODES[mode]:
        image = picture(mode, pixel)
        if isinstance(expected, str):
            line = line_of(lambda image=image: to_rgb(image, Path("a/b.tif")))
            assert line.startswith(f"a/b.tif: {expected}")
        else:
            assert to_rgb(image, Path("b.tif")).getpixel((1, 1)) == expected, pixel


@pytest.mark.parametrize(
    ("name", "mode", "pixel", "expected"),
    [
        ("a.png", "1", 1, (255, 255, 255)),
        ("a.png", "L", 128, GREY),
        ("a.png", "LA", (128, 255), GREY),
        ("a.png", "I;16", 0x8080, GREY),
        ("a.png", "P", 7, (7, 8, 9)),
        ("a.png", "RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("a.pgm", "I;16", 0x8080, GREY),
        ("a.tif", "1", 1, (255, 255, 255)),
        ("a.tif", "I;16", 0x8080, GREY),
        ("a.tif", "I;16B", 0x8080, GREY),
        ("a.tif", "P", 7, (7, 8, 9)),
        ("a.tif", "CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("a.tif", "LAB", (137, 128, 128), GREY),
        ("a.tif", "YCbCr", (128, 128, 128), GREY),
        ("a.jpg", "L", 128, GREY),
        ("a.jpg", "CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("a.gif", "P", 7, (7, 8, 9)),
        ("a.bmp", "1", 1, (255, 255, 255)),
        ("a.webp", "RGB", (128, 128, 128), GREY),
    ],
)
def test_files(
    tmp_path: Path, name: str, mode: str, pixel: Any, expected: tuple[int, int, int]
) -> None:
    picture(mode, pixel).resize((16, 16), Image.Resampling.NEAREST).save(tmp_path / name)
    pixels = decode_picture(tmp_path / name, 4)
    assert (pixels.shape, pixels.dtype) == ((4, 4, 3), np.uint8)
    assert np.abs(pixels.astype(int) - expected).max() <= (1 if name == "a.jpg" else 0)


def tiff(file: Path, values: NDArray[Any], **tags: int) -> Path:
    numbers = {"bits": 258, "photometric": 262, "sample_format": 339}
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[numbers[tag]] = value
    Image.fromarray(values).save(file, tiffinfo=directory)
    return file


def test_tiffs_of_other_samples(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    white_is_zero = np.full((4, 4), 65535, dtype=np.uint16)
    assert decode_picture(tiff(file, white_is_zero, photometric=0), 4).max() == 0
    for values, says in (
        (np.full((4, 4), 0.5, dtype=np.float32), "pixels are 32-bit floating-point numbers"),
        (np.full((4, 4), 70000, dtype=np.int32), "pixels are signed numbers"),
    ):
        line = line_of(lambda values=values: decode_picture(tiff(file, values), 4))
        assert line.startswith(f"{file}: {says}, which do")


def raw_tiff(bits: int, photometric: int, sample_format: int, data: bytes) -> bytes:
    """An uncompressed TIFF of one row of two grey samples, which Pillow does not write itself."""
    longs = {273: 8, 279: len(data)}  # where the samples are, and how many bytes
    shorts = {
        256: 2,
        257: 1,
        258: bits,
        259: 1,
        262: photometric,
        277: 1,
        278: 1,
        339: sample_format,
    }
    padded = data + bytes(len(data) % 2)
    entries = b""
    for tag in sorted({**longs, **shorts}):
        if tag in longs:
            entries += struct.pack("<HHII", tag, 4, 1, longs[tag])
        else:
            entries += struct.pack("<HHIHH", tag, 3, 1, shorts[tag], 0)
    count = struct.pack("<H", len(longs) + len(shorts))
    return b"II*\0" + struct.pack("<I", 8 + len(padded)) + padded + count + entries + bytes(4)


@pytest.mark.parametrize(
    ("bits", "photometric", "sample_format", "data", "expected"),
    [
        (8, 1, 1, bytes([0, 200]), [0, 200]),
        (8, 0, 1, bytes([0, 200]), [255, 55]),
        (12, 1, 1, bytes([0xFF, 0xF8, 0x00]), [255, 128]),  # 4095, 2048
        (16, 1, 1, struct.pack("<HH", 65535, 0x8080), [255, 128]),
        (16, 0, 1, struct.pack("<HH", 65535, 0x8080), [0, 127]),
        (8, 1, 2, bytes([255, 1]), "pixels are signed numbers"),
        (16, 1, 2, struct.pack("<hh", -1, 1), "pixels are signed numbers"),
        (32, 1, 1, struct.pack("<II", 1, 2), "pixels are 32-bit whole numbers"),
        (32, 1, 3, struct.pack("<ff", 0.5, 1.0), "pixels are 32-bit floating-point numbers"),
    ],
)
def test_grey_samples_of_tiffs(
    tmp_path: Path,
    bits: int,
    photometric: int,
    sample_format: int,
    data: bytes,
    expected: list[int] | str,
) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(raw_tiff(bits, photometric, sample_format, data))
    with Image.open(file) as image:
        image.load()
        if isinstance(expected, str):
            assert line_of(lambda: to_rgb(image, file)).startswith(f"{file}: {expected}")
        else:
            assert np.asarray(to_rgb(image, file))[0, :, 0].tolist() == expected


def test_transparency_by_palette_and_by_colour(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    for image, transparent in (
        (picture("P", 7), 7),
        (picture("L", 128), 128),
        (picture("RGB", (1, 2, 3)), (1, 2, 3)),
        (picture("I;16", 500), 500),
    ):
        image.save(file, transparency=transparent)
        assert "has transparent pixels" in line_of(lambda: decode_picture(file, 4))
    picture("P", 7).save(file, transparency=8)  # a colour that no pixel has
    assert decode_picture(file, 4)[0, 0].tolist() == [7, 8, 9]


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """What EXIF's orientation says, by hand."""
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: pixels[::-1].transpose(1, 0, 2),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: pixels[:, ::-1].transpose(1, 0, 2),
    }
    return turned[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_pictures_are_turned_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    corners = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], dtype=np.uint8)
    stored = corners.repeat(16, axis=0).repeat(16, axis=1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"webp": {"lossless": True}, "jpg": {"quality": 100}}.get(suffix, {})
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(stored).save(file, exif=exif, **options)
    found = decode_picture(file, 32)[4::24, 4::24].astype(int)
    assert np.abs(found - upright(corners, orientation)).max() <= 2


def test_several_frames_are_refused_but_a_cameras_mpo(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), (80 * number, 0, 0)) for number in range(3)]
    for name in ("a.gif", "a.png", "a.webp", "a.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert line_of(lambda name=name: decode_picture(tmp_path / name, 4)) == (
            f"{tmp_path / name}: has 3 frames; save the one that is meant as a file of its own"
        )
    frames[1].save(tmp_path / "a.mpo", save_all=True, append_images=frames[2:])
    assert abs(int(decode_picture(tmp_path / "a.mpo", 4)[0, 0, 0]) - 80) <= 1


@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.97])
@pytest.mark.parametrize("name", ["png", "jpg", "gif", "bmp", "tif", "webp", "ppm", "jp2"])
def test_truncated_files_are_refused(tmp_path: Path, name: str, part: float) -> None:
    file = tmp_path / f"a.{name}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)
    content = file.read_bytes()
    file.write_bytes(content[: int(part * len(content))])
    line = line_of(lambda: decode_picture(file, 8))
    assert line.startswith(f"{file}: cannot be decoded as an image (")


def test_what_is_no_picture_is_one_line(tmp_path: Path) -> None:
    text = tmp_path / "a.jpg"
    text.write_text("no picture")
    for file, says in (
        (text, "cannot be decoded as an image (cannot identify image file"),
        (tmp_path, "cannot be decoded as an image (Is a directory); replace the file"),
        (tmp_path / "absent.png", "cannot be decoded as an image (No such file or directory)"),
        (tmp_path / ("x" * 300), "cannot be decoded as an image (File name too long)"),
    ):
        assert line_of(lambda file=file: decode_picture(file, 8)).startswith(f"{file}: {says}")
    if os.geteuid():  # the superuser may read everything
        text.chmod(0)
        assert "(Permission denied)" in line_of(lambda: decode_picture(text, 8))
