#!/usr/bin/env bash
# Behaviour: similarity scores 0.0, 0.1, ..., 5.0 in float32 (as in STS-B) and 50 bins of 0.1: which
#   bin a score on an edge falls into depends on the function and on who made the edges.
#   torch.linspace differs from numpy.linspace cast to float32 in 5 of 51 edges, so torch.bucketize
#   misplaces 4 scores that numpy.digitize places right. numpy.histogram is right with bins=50 and
#   range, but not with the same edges in float64. torch.histc and torch.histogram disagree.
# Versions: torch 2.14.1, numpy 2.4.6.
# Output seen: see the end of this file.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "torch==2.14.1" "numpy==2.4.6"
cat > "$work/probe.py" <<'PY'
import numpy as np
import torch

edges = np.linspace(0, 5, 51)
edges32 = edges.astype(np.float32)
torch_edges = torch.linspace(0, 5, 51)
scores = np.array([tenth / 10 for tenth in range(51)], dtype=np.float32)
tensor = torch.from_numpy(scores)
right = np.arange(51)
counts = np.bincount(np.minimum(right, 49))


def wrong(bins):
    return int((np.asarray(bins) - 1 != right).sum())


def uneven(histogram):
    return int((np.asarray(histogram) != counts).sum())


print("edges that differ:", int((edges32 != torch_edges.numpy()).sum()))
print("scores in a wrong bin")
print("  digitize, numpy edges in float32:", wrong(np.digitize(scores, edges32)))
print("  digitize, numpy edges in float64:", wrong(np.digitize(scores, edges)))
print("  bucketize, torch edges:", wrong(torch.bucketize(tensor, torch_edges, right=True)))
print("bins with a wrong count")
print("  numpy.histogram, range:", uneven(np.histogram(scores, bins=50, range=(0, 5))[0]))
print("  numpy.histogram, edges in float64:", uneven(np.histogram(scores, bins=edges)[0]))
print("  torch.histc:", uneven(torch.histc(tensor, 50, 0, 5)))
print("  torch.histogram:", uneven(torch.histogram(tensor, 50, range=(0.0, 5.0)).hist))
PY
found=$("$work/venv/bin/python" -W ignore "$work/probe.py")
echo "$found"
[ "$found" = "edges that differ: 5
scores in a wrong bin
  digitize, numpy edges in float32: 0
  digitize, numpy edges in float64: 18
  bucketize, torch edges: 4
bins with a wrong count
  numpy.histogram, range: 0
  numpy.histogram, edges in float64: 28
  torch.histc: 6
  torch.histogram: 8" ]
