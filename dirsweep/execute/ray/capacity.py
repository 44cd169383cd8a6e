"""How many trials the nodes of a cluster hold."""

from __future__ import annotations

import time
from collections.abc import Mapping

import ray

from dirsweep.errors import DirSweepError

#: seconds between two counts of a cluster's places
COUNT_EVERY_S = 5.0

#: resource (``CPU``, ``GPU``) -> amount
Amounts = Mapping[str, float]


class Capacity:
    """Number of trials that fit on the cluster, counted again every few seconds.

    Args:
        amounts: of one trial.
    """

    def __init__(self, amounts: Amounts) -> None:
        self.amounts = amounts
        self._count, self._until = 0, 0.0

    def count(self) -> int:
        """Return how many trials fit on the nodes that are alive."""
        if time.monotonic() > self._until:
            self._count = sum(num_fitting(node, self.amounts) for node in alive_nodes())
            self._until = time.monotonic() + COUNT_EVERY_S
        return self._count


def alive_nodes() -> list[Amounts]:
    """Return what each node of the cluster has."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def num_fitting(node: Amounts, amounts: Amounts) -> int:
    """Return how many trials fit on a node."""
    # Ray counts in ten-thousandths
    return int(min(node.get(kind, 0) / amount + 1e-6 for kind, amount in amounts.items()))


def refuse_too_large(amounts: Amounts) -> None:
    """Refuse a trial that fits on no node: it would wait for ever.

    Raises:
        DirSweepError: no node is large enough; says what the largest has.
    """
    nodes = alive_nodes()
    if any(num_fitting(node, amounts) for node in nodes):
        return
    most = {kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in ("CPU", "GPU")}
    raise DirSweepError(
        f"resources: a trial needs {amounts['CPU']:g} CPUs and {amounts.get('GPU', 0):g} GPUs, but "
        f"the largest node has {most['CPU']:g} and {most['GPU']:g}; lower it with --set "
        "resources.cpu=... or --set resources.gpu=..."
    )
