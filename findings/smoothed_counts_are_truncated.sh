#!/usr/bin/env bash
# Behaviour: scipy.ndimage.convolve1d returns the type of its input, so a list of whole counts smoothed by a
#   window of fractions comes back cut towards zero, not rounded. Label distribution smoothing by inverse
#   counts meets this, by inverse roots (floats) not. After the cut the last bit of a window matters:
#   scipy's triangular window and the same window written as 1 - d / 3 give different whole numbers.
# Versions: scipy 1.17.1, numpy 2.4.6.
# Output seen:
#   whole counts: [2, 3, 2, 2]
#   the same as floats: [2.5, 3.5, 2.5, 2.0]
#   bins in which two spellings of the triangular window differ: 15 of 300
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "scipy==1.17.1" "numpy==2.4.6"
cat > "$work/probe.py" <<'PY'
import numpy as np
from scipy.ndimage import convolve1d
from scipy.signal.windows import triang

counts, window = np.array([1, 3, 0, 2]), np.array([0.5, 1.0, 0.5])
print("whole counts:", convolve1d(counts, window, mode="constant").tolist())
print("the same as floats:", convolve1d(counts.astype(float), window, mode="constant").tolist())
many = np.arange(300) * 37 % 101
written = np.array([1 - abs(d) / 3 for d in range(-2, 3)])
one, other = (convolve1d(many, w, mode="constant") for w in (triang(5), written))
differ = int((one != other).sum())
print(f"bins in which two spellings of the triangular window differ: {differ} of {len(many)}")
PY
found=$("$work/venv/bin/python" "$work/probe.py")
echo "$found"
[ "$found" = "whole counts: [2, 3, 2, 2]
the same as floats: [2.5, 3.5, 2.5, 2.0]
bins in which two spellings of the triangular window differ: 15 of 300" ]
