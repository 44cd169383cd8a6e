"""Rules by which validations end a stage of a training early."""

from __future__ import annotations

from collections.abc import Sequence


def is_worst_of_recent(costs: Sequence[float], patience: int) -> bool:
    """Return whether the newest of P + 2 or more validations is the worst of the last P + 1.

    So a slow decline of the validation error never ends a stage, and a stage may go on for long
    after its best: it is not "no improvement in P validations". An equal cost counts as worst.

    Source: the release of Yang et al., ICML 2021, for STS-B-DIR.

    Args:
        costs: of every validation of the stage so far, less is better; infinite where undefined.
        patience: P.
    """
    if len(costs) < patience + 2:
        return False
    return costs[-1] >= max(costs[-(patience + 1) :])
