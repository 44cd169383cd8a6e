"""One searched study: when its sampler is asked, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from dirsweep.config.expand import make_point
from dirsweep.config.trial import Point, canonical_json
from dirsweep.errors import SpecError
from dirsweep.policy.optuna_study import KnownParameters, SampledStudy, known_parameters
from dirsweep.policy.sweep_view import SweepView
from dirsweep.run.events import SamplerState, Warmed

#: number of proposals for one point that are refused, after which a run ends
MAX_REFUSED = 50
#: number of proposals that repeat points of the study, after which a point is drawn at random
MAX_REPEATED = 3
#: number of such proposals after which the space is taken to hold no further point
EXHAUSTED = 20


class Search:
    """A study whose points a sampler proposes.

    With ``reproducible``, point k is asked for once points 0 to k - window have ended, and the
    sampler is told of these and of no others: what it proposes does not depend on timing.

    Args:
        view: the sweep.
        study: its key in the sweep file.

    Raises:
        SpecError: Optuna refuses the sampler's arguments.
    """

    def __init__(self, view: SweepView, study: str) -> None:
        self.view, self.name = view, study
        self.judge = view.judges[study]
        directions = [objective.direction for objective in self.judge.goals.objectives]
        self.sampled = SampledStudy(
            f"{view.spec.name}/{study}",
            view.spec.studies[study],
            directions,
            constrained=bool(self.judge.goals.constraints),
        )
        #: reproducible: number of points, in their order, that the sampler knows
        self.num_told = 0
        #: number of points of the log that the space does not hold any more
        self.num_unknown = 0
        #: index of a point -> its configuration as text
        self._configs: dict[int, str] = {}

    def warm_up(self, warmed: Warmed, base: Mapping[str, Any]) -> None:
        """Tell the sampler of the points of another run.

        Args:
            warmed: what that run knows.
            base: the overrides of the study's base in its space.
        """
        metrics = [point.metrics for point in warmed.points if point.overrides == base]
        of_base = metrics[0] if metrics else {}
        for point in warmed.points:
            verdict = self.judge.complete(point.metrics, of_base)
            self.sampled.add(point.overrides, verdict)

    # ---- asking

    def may_ask(self) -> bool:
        """Return whether it is time to ask for a point."""
        if self.view.num_open_points(self.name) == 0:
            return False
        if not self.view.spec.reproducible:
            return True
        return self._tell_in_order(self._next_index - self.view.spec.window)

    def ask(self) -> Point:
        """Return a new point, proposed by the sampler.

        A proposal that is no valid configuration (parts that exclude each other) is withdrawn, and
        the sampler is asked again. So is one that repeats a point of the study: the sampler would
        learn nothing from it, and a Gaussian process cannot be fitted to many equal points. After
        ``MAX_REPEATED`` of these the point is drawn at random; after ``EXHAUSTED`` the space is
        taken to hold no further point, and the repeated one is returned.

        Raises:
            SpecError: ``MAX_REFUSED`` proposals for one point are no valid configurations.
        """
        index, known = self._next_index, self._known_configs()
        num_refused = num_repeated = 0
        while True:
            overrides = self.sampled.ask(
                index, num_refused + num_repeated, at_random=num_repeated >= MAX_REPEATED
            )
            try:
                point = make_point(self.view.spec, self.name, index, overrides)
            except SpecError:
                num_refused += 1
                if num_refused == MAX_REFUSED:
                    raise
            else:
                if num_repeated == EXHAUSTED or _config_text(point) not in known:
                    return point
                num_repeated += 1
            self.sampled.withdraw(index)

    def _known_configs(self) -> set[str]:
        """Return the configurations of all points so far."""
        for index, point in self.view.points[self.name].items():
            if index not in self._configs:
                self._configs[index] = _config_text(point)
        return set(self._configs.values())

    def sampler_state(self, point: Point) -> SamplerState | None:
        """Return what the log keeps of a new point; None where the space does not hold it."""
        if point.index not in self.sampled.open:
            self.sampled.ask_for(point.index, point.overrides)
        known = point.index in self.sampled.open
        return self.sampled.state_of(point.index) if known else None

    @property
    def _next_index(self) -> int:
        return self.view.state.next_index(self.name)

    # ---- telling

    def restore(self, point: Point, saved: SamplerState) -> None:
        """Bring back a point of the log: with its verdict, or still open."""
        spec, index = self.view.spec, point.index
        known = self._known(point.overrides, saved, point.config.to_dict())
        if known is None:
            self.num_unknown += 1
            return
        was_told = not spec.reproducible or index < self._next_index - spec.window
        verdict = self.view.verdict(self.name, index) if was_told else None
        self.sampled.restore(index, known, verdict, saved.system_attrs if self._unchanged else {})

    def _known(
        self, overrides: Mapping[str, Any], saved: SamplerState, config: Mapping[str, Any] | None
    ) -> KnownParameters | None:
        return known_parameters(self.sampled.space, saved, overrides, config)

    @cached_property
    def _unchanged(self) -> bool:
        """Whether the space proposed every point of the log as it is now.

        Optuna's own attributes refer to each other, so they hold for all points or for none.
        """
        logged = [p for p in self.view.state.points_of(self.name) if p.sampler is not None]
        found = (self._known(p.overrides, p.sampler, p.config) for p in logged if p.sampler)
        return all(known is not None and known.unchanged for known in found)

    def tell(self) -> None:
        """Tell the sampler of every open point that has a verdict."""
        if self.view.spec.reproducible and self.view.num_open_points(self.name):
            return
        for index in sorted(self.sampled.open):
            if index in self.view.points[self.name]:
                self._tell_of(index)

    def _tell_of(self, index: int) -> bool:
        verdict = self.view.verdict(self.name, index)
        if verdict is not None:
            self.sampled.tell(index, verdict)
        return verdict is not None

    def _tell_in_order(self, last: int) -> bool:
        """Tell of the points up to ``last``; return whether all of them have ended."""
        while self.num_told <= last:
            wanted = self.num_told in self.view.points[self.name]
            if wanted and not self._tell_of(self.num_told):
                return False
            self.num_told += 1
        return True


def _config_text(point: Point) -> str:
    return canonical_json(point.config.to_dict())
