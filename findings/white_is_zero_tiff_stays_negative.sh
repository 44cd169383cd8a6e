#!/usr/bin/env bash
# Behaviour: Pillow inverts an 8-bit grey TIFF whose tag PhotometricInterpretation says that 0 is
#   white, but not a 16-bit one (usual for X-ray and microscopy): the picture comes out as a
#   negative. SampleFormat 2 (signed) is read as unsigned: -1 becomes 255. 12-bit samples keep their
#   range, 0 to 4095, in a mode that is called I;16.
# Versions: Pillow 13.0.0, numpy 2.4.6.
# Output seen: see the end of this file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pillow==13.0.0" "numpy==2.4.6"
cat > "$work/probe.py" <<'PY'
import io
import struct

import numpy as np
from PIL import Image


def tiff(bits, photometric, sample_format, samples):
    """Write a TIFF of 2 x 1 grey pixels: one strip, then one directory."""
    tags = [
        (256, 3, 2), (257, 3, 1), (258, 3, bits), (259, 3, 1), (262, 3, photometric),
        (273, 4, 8), (277, 3, 1), (278, 3, 1), (279, 4, len(samples)), (339, 3, sample_format),
    ]
    strip = samples + bytes(len(samples) % 2)
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(strip))
    return head + strip + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)


for name, data in {
    "8 bits, 0 is white": tiff(8, 0, 1, bytes([0, 255])),
    "16 bits, 0 is white": tiff(16, 0, 1, struct.pack("<HH", 0, 65535)),
    "8 bits, signed -1 and 1": tiff(8, 1, 2, struct.pack("<bb", -1, 1)),
    "12 bits, 4095 twice": tiff(12, 1, 1, bytes([255, 255, 255])),
}.items():
    image = Image.open(io.BytesIO(data))
    image.load()
    print(f"{name}: {image.mode}", *np.asarray(image).ravel().tolist())
PY
found=$("$work/venv/bin/python" -W ignore "$work/probe.py")
echo "$found"
[ "$found" = "8 bits, 0 is white: L 255 0
16 bits, 0 is white: I;16 0 65535
8 bits, signed -1 and 1: L 255 1
12 bits, 4095 twice: I;16 4095 4095" ]
