"""How many trials share a GPU, by the memory that one of them takes."""

from __future__ import annotations

import math
from typing import Any

import ray

from dirsweep.config.trial import TrialSpec
from dirsweep.execute.base import Job

#: memory that a trial is given for each byte that the measured one took
MARGIN = 1.2
#: steps of the measurement; the optimiser's state is there from the first one on
NUM_STEPS = 4


def usual_share(job: Job) -> float:
    """Return the part of a GPU that each trial gets.

    Args:
        job: its resources say how much, or ``auto``: by the memory that one trial takes, measured
            on a GPU of the cluster.

    Returns:
        0 without a GPU.
    """
    if job.resources.gpu != "auto":
        return float(job.resources.gpu)
    if ray.cluster_resources().get("GPU", 0) < 1:
        return 0.0
    # its process ends with it, and frees the memory
    task = ray.remote(num_gpus=1, num_cpus=0, max_calls=1, max_retries=0)(measured_memory)
    try:
        measured = ray.get(task.remote(job.example().to_dict()))
    except Exception as error:  # the trial itself will say what is wrong with it
        job.say(
            f"gpu: auto could not measure a trial, so each gets a whole GPU ({_last_line(error)})"
        )
        return 1.0
    if measured is None:
        return 1.0
    used, total = measured
    share = fitting_share(used, total)
    job.say(
        f"gpu: auto: a trial takes {used:.0f} of {total:.0f} MiB, so {1 / share:.0f} share a GPU"
    )
    return share


def fitting_share(used_mib: float, total_mib: float) -> float:
    """Return the part of a GPU for one trial.

    Args:
        used_mib: what one trial took at most, the CUDA context included.
        total_mib: of the GPU.

    Returns:
        1/n for the largest n whose trials fit, each with ``MARGIN``; 1 where no two do.
    """
    if used_mib <= 0:
        return 1.0
    return 1.0 / max(1, math.floor(total_mib / (used_mib * MARGIN) + 1e-9))


def measured_memory(trial: dict[str, Any]) -> tuple[float, float] | None:
    """Measure the memory of a GPU that a trial takes: a few steps and a validation.

    Counts what the GPU's driver says is taken: tensors, the allocator's reserve, the CUDA context.
    To be run with a whole GPU in a process of its own.

    Args:
        trial: ``TrialSpec.to_dict()``.

    Returns:
        (used, total) in MiB; None without a GPU.
    """
    import torch

    if not torch.cuda.is_available():
        return None
    from dirsweep.training.assembly import build_training

    config = {**trial["config"], "epochs": 1, "validate_every": 1}
    training = build_training(TrialSpec(**{**trial, "config": config}))
    few = training.data.samples["train"][: config["batch_size"] * NUM_STEPS]
    training.using({"train": few}).fit()
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 2**20, total / 2**20


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
