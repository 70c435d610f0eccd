"""One customer in one journey: which instance a touchpoint is about, under which definition, and what is told of it."""

from collections.abc import Mapping
from operator import is_

from msgspec.structs import replace

from cjstream.core import free, logged, moves, plain, versions
from cjstream.core.definition import MOVE, JourneyDefinition
from cjstream.core.fold import Event, Fold
from cjstream.core.logged import Advanced, Scores, Times
from cjstream.core.outcome import converted_at, entered_ms
from cjstream.core.stages import OUTSIDE
from cjstream.core.state import NOT_BEGUN, Instance, JourneyState, Visit
from cjstream.core.told import Told
from cjstream.core.touchpoint import Touchpoint

ByHash = Mapping[str, JourneyDefinition]


class JourneyStep:
    """One journey of a customer while a touchpoint, or time alone (None), passes through its instances."""

    def __init__(
        self,
        journey: JourneyState,
        active: JourneyDefinition,
        touchpoint: Touchpoint | None,
        times: Times,
        by_hash: ByHash,
        told: Told,
        scores: Scores | None = None,
        *,
        has_new_points: bool = False,
    ) -> None:
        self.sequence, self.instances = journey.sequence, list(journey.instances)
        self.active, self.touchpoint, self.by_hash, self.told = active, touchpoint, by_hash, told
        self.times, self.scores = times, scores
        is_past = touchpoint is not None and touchpoint.at_ms <= times.settled_before_ms
        self.rescore = scores if is_past and has_new_points else None  # of what is not older than the touchpoint

    def run(self) -> None:
        """Take the step: `instances` and `sequence` are then those after it."""
        touchpoint, active = self.touchpoint, self.active
        if touchpoint is None:
            for i, instance in enumerate(self.instances):
                self._advance(i, instance, self.by_hash[instance.definition], None)
            return
        self.instances = [each for each in self.instances if each.visits or self._is_of_same_key(each)]
        key, is_found = active.key_of(touchpoint), False
        for i, before in enumerate(self.instances):
            instance, definition = self._in_force(before)
            is_mine, has_key = definition.key_of(touchpoint) == instance.key, instance.key == key
            is_found |= has_key
            if (is_mine or has_key) and self._has_left(instance, definition):
                self._renew(i, instance, definition, is_mine, has_key)
            else:
                self._advance(i, instance, definition, touchpoint, is_mine)
        if not is_found:
            self._begin(key)
        if len(self.instances) > 1:
            self.instances.sort(key=_entered)

    def _is_of_same_key(self, instance: Instance) -> bool:
        return self.by_hash[instance.definition].instance_field == self.active.instance_field

    def _in_force(self, instance: Instance) -> tuple[Instance, JourneyDefinition]:
        """Return the instance and its definition: the active one, if a mapping says so or it has not entered yet."""
        old, active = self.by_hash[instance.definition], self.active
        if old is active or (instance.visits and old.hash not in active.replaces):
            return instance, old
        new = versions.moved(instance, old, active, self.times)
        before, after = moves.told(instance, old), moves.told(new, active)
        if [_name(visit, old) for visit in before] != [_name(visit, active) for visit in after]:
            change = moves.Change("correction", after[-1], before[-1], 0)
            self.sequence += 1
            self.told.tell(active, new, change, after, self.sequence, new.round, old)
        reached_ms = converted_at(new)
        if reached_ms is not None and converted_at(instance) is None:
            event = Event("converted", new.round, new.visits[-1].stage, reached_ms, None, None)
            self.told.take(active, new, Advanced(new, [event]), self.sequence)
        return new, active

    def _has_left(self, instance: Instance, definition: JourneyDefinition) -> bool:
        """Return whether the touchpoint finds the instance outside, and of an older definition."""
        touchpoint = self.touchpoint
        if definition is self.active or touchpoint is None or touchpoint.at_ms < self.times.settled_before_ms:
            return False  # what comes out of order is for the definition of that time
        fold = Fold(instance, definition)
        fold.settle(touchpoint.at_ms)
        if fold.stage != OUTSIDE:
            return False
        return (touchpoint.at_ms, touchpoint.sequence) >= (fold.visits[-1].at_ms, fold.visits[-1].sequence)

    def _renew(self, i: int, instance: Instance, old: JourneyDefinition, is_mine: bool, has_key: bool) -> None:
        """Let who is outside enter again, under the active definition only; the old one goes on judging what was."""
        touchpoint, active = self.touchpoint, self.active
        assert touchpoint is not None
        self._advance(i, instance, old, None)
        instance = self.instances[i]
        if has_key:
            fresh = versions.renewed(instance, old, active, self.times.settled_before_ms)
            trial = logged.advance(
                fresh, active, logged.entry_of(touchpoint, active, self.scores), self.times, self._room(i)
            )
            if trial.instance.round > fresh.round:
                self.told.is_matched = True
                self._keep(i, fresh, active, trial)
                return
            self.told.is_matched |= trial.refused is not None
            self.told.refuse(active, trial.refused)
        entry = logged.entry_of(touchpoint, old, self.scores) if is_mine else None
        if entry is not None:
            stays = tuple(place for place in entry.matches if old.table[place].kind != MOVE)
            self.told.is_matched |= bool(stays) or entry.counted >= 0
            advanced = logged.advance(instance, old, replace(entry, matches=stays), self.times, self._room(i))
            self._keep(i, instance, old, advanced)

    def _begin(self, key: str | None) -> None:
        """Make an instance for the touchpoint, if a rule asks for one and there is room."""
        touchpoint, active = self.touchpoint, self.active
        assert touchpoint is not None
        if self._is_late(active):
            return
        is_asked = bool(active.matches(touchpoint))
        is_touch = active.touches_matter and touchpoint.by_customer
        if not is_asked and not is_touch and touchpoint.type not in active.counted:
            return
        if key is None:
            self.told.is_matched |= is_asked
            self.told.refuse(active, "no_instance_key" if is_asked else None)
            return
        blank = logged.blank(active, key)
        advanced = self._look(blank, active, touchpoint, len(self.instances))
        if advanced.instance.visits and not self._make_room():
            self.told.refuse(active, "instance_limit")
        elif advanced.instance.visits or (advanced.instance != blank and self._has_room()):
            self.instances.append(blank)
            self._keep(len(self.instances) - 1, blank, active, advanced)
        else:
            self.told.refuse(active, advanced.refused)

    def _has_room(self) -> bool:
        return len(self.instances) < self.active.instance_limit

    def _make_room(self) -> bool:
        """Return whether one more instance may live; those that have ended, or never began, give way if need be."""
        surplus = len(self.instances) + 1 - self.active.instance_limit
        idle = [i for i, each in enumerate(self.instances) if not each.visits or each.visits[-1].stage == OUTSIDE]
        if surplus > len(idle):
            return False
        for i in reversed(idle[: max(surplus, 0)]):
            del self.instances[i]
        return True

    def _is_late(self, definition: JourneyDefinition) -> bool:
        touchpoint = self.touchpoint
        late = touchpoint is not None and touchpoint.at_ms < self.times.newest_before_ms - definition.lateness_ms
        self.told.is_late |= late
        return late

    def _advance(
        self,
        i: int,
        instance: Instance,
        definition: JourneyDefinition,
        touchpoint: Touchpoint | None,
        is_mine: bool = True,
    ) -> None:
        self._keep(i, instance, definition, self._look(instance, definition, touchpoint if is_mine else None, i))

    def _look(
        self, instance: Instance, definition: JourneyDefinition, touchpoint: Touchpoint | None, i: int
    ) -> Advanced:
        """Return what the touchpoint, or time alone, does to an instance that is, or would be, the one at `i`."""
        if touchpoint is not None and self._is_late(definition):
            touchpoint = None
        if definition.order_free and instance.past is None:
            matches = free.NONE if touchpoint is None else free.matches_of(touchpoint, definition)
            advanced = free.advance(instance, definition, touchpoint, matches, self.times)
            is_matched = matches != free.NONE
        else:
            entry = logged.entry_of(touchpoint, definition, self.scores) if touchpoint is not None else None
            room = logged.MAX_LOG if entry is None else self._room(i)
            advanced = logged.advance(instance, definition, entry, self.times, room, self.rescore)
            is_taken = entry is not None and not advanced.is_late
            is_matched = is_taken and entry is not None and (bool(entry.matches) or entry.counted >= 0)
        self.told.is_matched |= is_matched
        self.told.is_late |= advanced.is_late
        self.told.is_repeat |= advanced.is_repeat
        return advanced

    def _room(self, i: int) -> int:
        """Return how many touchpoints instance `i` may log: what the others leave, and a fair share at least."""
        others = [each.past for k, each in enumerate(self.instances) if k != i]
        left = logged.MAX_LOG - sum(len(past.log) for past in others if past is not None)
        return max(left, logged.MAX_LOG // self.active.instance_limit, 1)

    def _keep(self, i: int, old: Instance, definition: JourneyDefinition, advanced: Advanced) -> None:
        self.instances[i] = advanced.instance
        self.sequence = self.told.take(definition, old, advanced, self.sequence)


def _name(visit: Visit, definition: JourneyDefinition) -> tuple[str | None, bool]:
    return definition.stage_name(visit.stage), visit.inferred


def _entered(instance: Instance) -> tuple[int, str]:
    entered = entered_ms(instance)
    return -1 if entered is None else entered, instance.key


def advance(
    old: JourneyState | None,
    active: JourneyDefinition,
    touchpoint: Touchpoint | None,
    times: Times,
    by_hash: ByHash,
    told: Told,
    scores: Scores | None = None,
    *,
    has_new_points: bool = False,
) -> JourneyState | None:
    """Return the journey after a touchpoint (None: only time passes); the same object if nothing changed.

    `scores` is given if the journey asks for the engagement score; `has_new_points`: this touchpoint changed it.
    """
    journey = old or NOT_BEGUN
    if touchpoint is not None and active.order_free and plain.is_plain(journey, active):
        return plain.advance(old, journey, active, touchpoint, times, told)
    own_ms = times.settled_ms
    if journey.settled_ms >= 0:
        times = replace(
            times,
            settled_before_ms=max(times.settled_before_ms, journey.settled_ms),
            settled_ms=max(own_ms, journey.settled_ms),
        )
    step = JourneyStep(journey, active, touchpoint, times, by_hash, told, scores, has_new_points=has_new_points)
    step.run()
    settled_ms = journey.settled_ms if journey.settled_ms > own_ms else -1
    same = len(step.instances) == len(journey.instances) and all(map(is_, step.instances, journey.instances))
    if same and settled_ms == journey.settled_ms:
        return old
    return JourneyState(step.sequence, tuple(step.instances), settled_ms)
