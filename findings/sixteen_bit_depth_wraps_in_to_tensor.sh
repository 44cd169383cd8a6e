#!/usr/bin/env bash
# Behaviour: torchvision reads a 16-bit grey PNG (depth in millimetres, as in NYU Depth v2) in four
#   ways. transforms.functional.to_tensor returns int16, so a value of 32768 or more is negative,
#   without a warning; pil_to_tensor, v2.functional.to_image and io.decode_image return uint16.
#   Pillow's convert("L") and convert("RGB") do not scale: all values above 255 become 255.
# Versions: torch 2.14.1, torchvision 0.29.1, Pillow 13.0.0, numpy 2.4.6.
# Output seen: see the end of this file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    "torch==2.14.1" "torchvision==0.29.1" "pillow==13.0.0" "numpy==2.4.6"
cat > "$work/probe.py" <<'PY'
import sys

import numpy as np
from PIL import Image
from torchvision.io import decode_image
from torchvision.transforms import functional
from torchvision.transforms import v2

path = f"{sys.argv[1]}/depth.png"
Image.fromarray(np.array([[255, 256, 32767, 32768, 65535]], dtype=np.uint16)).save(path)
image = Image.open(path)
print(image.mode)
for name, values in {
    "to_tensor": functional.to_tensor(image),
    "pil_to_tensor": functional.pil_to_tensor(image),
    "v2 to_image": v2.functional.to_image(image),
    "decode_image": decode_image(path),
}.items():
    print(f"{name}: {values.dtype}".replace("torch.", ""), *values.flatten().tolist())
print("convert L:", *np.array(image.convert("L")).ravel().tolist())
print("convert RGB:", *np.array(image.convert("RGB"))[..., 0].ravel().tolist())
PY
found=$("$work/venv/bin/python" -W ignore "$work/probe.py" "$work")
echo "$found"
[ "$found" = "I;16
to_tensor: int16 255 256 32767 -32768 -1
pil_to_tensor: uint16 255 256 32767 32768 65535
v2 to_image: uint16 255 256 32767 32768 65535
decode_image: uint16 255 256 32767 32768 65535
convert L: 255 255 255 255 255
convert RGB: 255 255 255 255 255" ]
