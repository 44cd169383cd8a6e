"""Check for inert keys: varied keys that change nothing in a training.

Each key is changed between values that its study uses; both trainings start from the same seed and
see the same few batches. A key that leaves every loss and every parameter equal to the last bit is
inert. A key of choices is moved to each of them, so that two choices that train alike are found.
Trainings are shortened to a few epochs of a few steps, in which everything that waits for an epoch
(milestones, feature smoothing, a second stage) still happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

from dirsweep.config.error_text import format_value
from dirsweep.config.short_training import counts_epochs, shorten_distinct
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import canonical_json
from dirsweep.config.varied_keys import VariedKey, configurations, varied_keys
from dirsweep.data.base import Benchmark
from dirsweep.diagnose.training_traces import (
    NUM_EPOCHS,
    ShortTrainer,
    Trace,
    loss_change,
    parameter_change,
)
from dirsweep.training.preparation import prepare

DEFAULT_STEPS = 8
#: relative change that counts as none; equal trainings on one CPU are equal to the last bit
TOLERANCE = 1e-12

#: keys of a trial whose effect a few steps cannot show, and why
NOT_OBSERVABLE = {
    "patience": "stops trainings early, changes no step",
    "stopping": "stops trainings early, changes no step",
    "max_checks": "stops trainings early, changes no step",
    "last_batch": "acts on the last batch of whole epochs only",
    "validate_every": "decides which epochs can be the best, changes no step",
    "validate_every.steps": "decides which steps can be the best, changes none",
}

Verdict = Literal["active", "INERT", "not checked"]
#: the verdict that says most is kept
_RANK: dict[Verdict, int] = {"not checked": 0, "INERT": 1, "active": 2}


@dataclass(frozen=True)
class Finding:
    """Result of the check of one key.

    Attributes:
        varied: the key, its values and its studies.
        values: the values that were tried.
        verdict: whether the key changes anything.
        note: why, or how.
        loss: largest relative change of an epoch's mean loss; None where nothing could be compared.
        parameters: relative change of all parameters together, by Euclidean length; likewise.
        alike: pairs of choices of an active key that train alike with every setting of the others.
    """

    varied: VariedKey
    values: tuple[Any, ...]
    verdict: Verdict
    note: str = ""
    loss: float | None = None
    parameters: float | None = None
    alike: tuple[tuple[Any, Any], ...] = ()


#: takes the number of keys done, their total, and the key that is next
CheckProgress = Callable[[int, int, str], None]


def check_sweep(
    spec: SweepSpec,
    *,
    steps: int = DEFAULT_STEPS,
    cache: str | None = None,
    progress: CheckProgress = lambda done, total, key: None,
) -> list[Finding]:
    """Check every key that a sweep varies.

    Args:
        spec: the sweep.
        steps: of each training.
        cache: folder for what is derived from the data; None for the default.
        progress: called before each key, and at the end.

    Returns:
        One finding per key.

    Raises:
        DirSweepError: the data is missing or broken.
    """
    checker = InertKeyChecker(spec, prepare(spec, cache), steps=steps, cache=cache)
    keys, findings = varied_keys(spec), []
    for number, varied in enumerate(keys):
        progress(number, len(keys), varied.key)
        findings.append(checker.find(varied))
    progress(len(keys), len(keys), "")
    return findings


class InertKeyChecker:
    """Compares short trainings with different values of a key.

    Args:
        spec: the checked sweep.
        benchmark: prepared.
        steps: of each training, at least one per epoch.
        cache: folder for what is derived from the data; None for the default.
    """

    def __init__(
        self, spec: SweepSpec, benchmark: Benchmark, *, steps: int, cache: str | None = None
    ) -> None:
        self._spec = spec
        self.trainer = ShortTrainer(spec, benchmark, steps=steps, cache=cache)

    def find(self, varied: VariedKey) -> Finding:
        """Change a key, with each of its backgrounds, until every value changes something."""
        if varied.key in NOT_OBSERVABLE:
            return Finding(varied, _values(varied), "not checked", NOT_OBSERVABLE[varied.key])
        result = Finding(
            varied, _values(varied), "not checked", "no two of its values can be trained"
        )
        for background in varied.backgrounds:
            found = self._find_with(varied, background)
            if found.verdict == "active" and not found.alike:
                return found
            if found.verdict == result.verdict == "active":
                alike = tuple(pair for pair in result.alike if pair in found.alike)
                result = replace(found, alike=alike)
                if not alike:
                    return result
            elif _RANK[found.verdict] >= _RANK[result.verdict]:
                result = found
        return result

    def _find_with(self, varied: VariedKey, background: Mapping[str, Any]) -> Finding:
        """Change a key while the other keys are those of ``background``."""
        configs = configurations(self._spec, varied, background)
        if len(configs) < 2:
            note = "its values need different settings of other keys"
            return Finding(varied, _values(varied), "not checked", note)
        plains = shorten_distinct(configs, varied.key, NUM_EPOCHS)
        (first, start), *others = plains
        others = [
            (value, plain)
            for value, plain in others
            if canonical_json(plain) != canonical_json(start)
        ]
        if not others:
            note = f"its values are equal once epochs are shortened to {NUM_EPOCHS}"
            return Finding(varied, tuple(value for value, _ in plains), "not checked", note)
        shortened = counts_epochs(varied.key, configs[0][1])
        num_train = self.trainer.num_train([plain["batch_size"] for _, plain in plains])
        comparison = _Comparison(varied, first, self.trainer.train(start, num_train), shortened)
        each = _is_categorical([value for value, _ in configs])
        # values that are equal once shortened are no choices of their own
        distinct = {canonical_json(plain): (value, plain) for value, plain in others}
        for value, plain in distinct.values():
            found = comparison.with_value(value, self.trainer.train(plain, num_train))
            if found is not None and not each:
                return found
        return comparison.result()


class _Comparison:
    """Comparison of one value's training with those of the other values.

    Args:
        varied: the key.
        first: the value that others are compared with.
        reference: the training with it.
        shortened: whether the key counts epochs, which are shortened.
    """

    def __init__(self, varied: VariedKey, first: Any, reference: Trace, shortened: bool) -> None:
        self._varied, self._first, self._reference = varied, first, reference
        self._note = f"epochs shortened to {NUM_EPOCHS}" if shortened else ""
        self._tried = [first]
        self._loss = self._parameters = 0.0
        self._num_compared = 0
        self._traces = [(first, reference)]
        self._active: Finding | None = None

    def with_value(self, value: Any, trace: Trace) -> Finding | None:
        """Compare with another value; return a finding if that changes something."""
        self._traces.append((value, trace))
        found = self._compared(value, trace)
        self._active = self._active or found
        return found

    def result(self) -> Finding:
        """Return the finding after all values."""
        if self._active is None:
            return self._without_effect()
        if self._active.loss is None:
            return replace(self._active, values=tuple(self._tried), alike=self._alike())
        return replace(self._finding("active", self._active.note), alike=self._alike())

    def _alike(self) -> tuple[tuple[Any, Any], ...]:
        trained = [(value, trace) for value, trace in self._traces if not trace.error]
        return tuple(
            (one[0], other[0])
            for one, other in combinations(trained, 2)
            if _train_alike(one[1], other[1])
        )

    def _compared(self, value: Any, trace: Trace) -> Finding | None:
        self._tried.append(value)
        if bool(self._reference.error) != bool(trace.error):
            failed = self._first if self._reference.error else value
            error = self._reference.error or trace.error
            return self._finding("active", f"{format_value(failed)}: {error}", compared=False)
        if trace.error:
            return None
        self._num_compared += 1
        self._loss = max(self._loss, loss_change(self._reference, trace))
        self._parameters = max(self._parameters, parameter_change(self._reference, trace))
        if self._parameters > TOLERANCE:
            return self._finding("active", self._note)
        if self._loss > TOLERANCE:
            return self._finding("active", "changes the loss, but no parameter in these steps")
        return None

    def _without_effect(self) -> Finding:
        if not self._num_compared:
            return self._finding("not checked", self._reference.error, compared=False)
        return self._finding("INERT", "changes nothing")

    def _finding(self, verdict: Verdict, note: str, *, compared: bool = True) -> Finding:
        tried = tuple(self._tried)
        if not compared:
            return Finding(self._varied, tried, verdict, note)
        return Finding(self._varied, tried, verdict, note, self._loss, self._parameters)


def _train_alike(one: Trace, other: Trace) -> bool:
    return loss_change(one, other) <= TOLERANCE and parameter_change(one, other) <= TOLERANCE


def _is_categorical(values: list[Any]) -> bool:
    """Return whether values are choices, not all numbers."""
    return any(isinstance(value, bool) or not isinstance(value, int | float) for value in values)


def _values(varied: VariedKey) -> tuple[Any, ...]:
    return tuple(setting.get(varied.key, "base") for setting in varied.settings)
