"""What Ray refuses of a trial's resources is refused when the sweep is read."""

from __future__ import annotations

import pytest

from dirsweep.config.resources import ResourcesSpec

AMOUNTS = [0, 1e-6, 0.00009, 0.0001, 0.3, 0.33333, 0.5, 1, 1.0, 1.0001, 1.5, 2, 2.0, 2.5, 8, -1]


@pytest.mark.parametrize("amount", AMOUNTS)
@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_what_ray_refuses_is_refused_before(kind: str, amount: float) -> None:
    from ray._common.ray_option_utils import _validate_resource_quantity

    refused_by_ray = _validate_resource_quantity(f"num_{kind}s", amount) is not None
    # ray 2.60 checks this in its compiled part: "GPU resource quantities >1 must be whole numbers"
    refused_by_ray |= kind == "gpu" and amount > 1 and not float(amount).is_integer()
    try:
        ResourcesSpec.model_validate({kind: amount})
        refused = False
    except ValueError:
        refused = True
    assert refused == (refused_by_ray or (kind == "cpu" and amount == 0))
