"""What each touchpoint of one customer did, by folding the log of them again: moves, rules, refusals in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cjstream.core.definition import MOVE, Rule
from cjstream.core.engine import (
    APPLIED,
    DUPLICATE,
    ERASED,
    IGNORED,
    LATE,
    REPLAYED,
    Journeys,
    Step,
    advance,
    expire,
)
from cjstream.core.fold import Fold
from cjstream.core.forgetting import erase, returning
from cjstream.core.measured import score_of
from cjstream.core.outputs import Output, Signal, StageTransition
from cjstream.core.state import CustomerState, Fence
from cjstream.core.times import format_time
from cjstream.core.touchpoint import Erasure, Rejection, Touchpoint

REFUSED = {
    "backward": "it would lead back, and this journey only moves forward",
    "not_listed": "it would lead back in a way that `moves` does not list",
    "not_entered": "nobody enters this journey but by its first stage",
    "no_reentry": "the customer has left, and nobody may enter twice",
    "cooldown": "too soon after the last time: the cooldown was not over",
    "instance_limit": "the customer has as many live instances as the limit allows",
    "no_instance_key": "the touchpoint does not say which instance it belongs to",
    "ignored": "a rule under `ignore` leaves this touchpoint out",
}
VERDICTS = {
    APPLIED: "",
    IGNORED: "no rule asks for it",
    DUPLICATE: "a repeat: this id was seen before",
    LATE: "too late: older than the lateness allows",
    ERASED: "from before the customer was erased",
    REPLAYED: "a repeat of this very record",
}
WAITING, REJECTED, DEADLINE, FORGOTTEN = "waiting", "rejected", "deadline", "forgotten"


class Line(msgspec.Struct, frozen=True):
    """What happened at one time: by a touchpoint, or by a deadline (then its fields are null).

    `verdict`: one of the engine's; or rejected (no touchpoint at all), waiting (the worker was not so far yet),
    forgotten (the customer was erased), deadline. `says` has it in words.
    """

    at: str | None
    touchpoint_id: str | None
    type: str | None
    channel: str | None
    verdict: str
    moves: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    says: list[str]


ABOUT = ("clock", "deviation", "rule", "threshold")  # what of a signal's detail says what it is about


class Retrace:
    """One customer, followed through the log. Feed what the log has for the customer, in order; then `finish`."""

    def __init__(self, customer_id: str, journeys: Journeys) -> None:
        self._customer_id, self._journeys = customer_id, journeys
        self._state = CustomerState()
        self.seen: set[str] = set()  # ids of the touchpoints

    def feed(self, item: Touchpoint | Rejection | Erasure, position: Fence) -> list[Line]:
        """Return what the record at `position` did, deadlines that passed before it first."""
        if isinstance(item, Touchpoint):
            return self._advance(item, position)
        if isinstance(item, Rejection):
            where = f" ({item.field})" if item.field else ""
            return [
                _line(None, None, REJECTED, says=[f"no touchpoint: {item.reason}{where}; it went to the dead letters"])
            ]
        return [self._forget(item, position)]

    def finish(self, settled_ms: Mapping[str, int]) -> list[Line]:
        """Return what deadlines did that passed by the clock: in each journey, those before the time given."""
        lines = list[Line]()
        for name, until_ms in settled_ms.items():
            definition = self._journeys.active[name]
            now_ms = until_ms + definition.lateness_ms
            step = expire(self._state, self._customer_id, now_ms, Journeys.of([definition]))
            self._state = step.state or self._state
            lines += _by_deadlines(step.outputs)
        return lines

    def _advance(self, touchpoint: Touchpoint, position: Fence) -> list[Line]:
        before = self._state
        step = advance(before, touchpoint, position, self._journeys)
        self.seen.add(touchpoint.id)
        self._state = step.state or before
        moves = [_move(each) for each in step.outputs if isinstance(each, StageTransition) and not _deadline(each)]
        refused = [self._refusal(before, touchpoint, *each) for each in step.refused]
        says = [_move_in_words(each) for each in moves] + [_refusal_in_words(each) for each in refused]
        says += [_signal_in_words(each) for each in step.outputs if isinstance(each, Signal) and not _deadline(each)]
        says += [f"{journey}: met the goal after the run was dropped, too late" for journey in step.late_conversions]
        line = _line(touchpoint, format_time(touchpoint.at_ms), step.verdict, moves, refused, says or _verdict(step))
        return [*_by_deadlines(step.outputs), line]

    def _refusal(self, before: CustomerState, touchpoint: Touchpoint, journey: str, reason: str) -> dict[str, Any]:
        rule = self._proposed(before, touchpoint, journey)
        stages = self._journeys.active[journey].stages
        return {
            "journey": journey,
            "rule": rule and rule.id,
            "to_stage": rule and stages[rule.to].id,
            "reason": reason,
            "because": REFUSED[reason],
        }

    def _proposed(self, before: CustomerState, touchpoint: Touchpoint, journey: str) -> Rule | None:
        """Return the rule whose move was refused, as far as can be told: the first one that asks for a move."""
        definition = self._journeys.active[journey]
        instances = before.journeys[journey].instances if journey in before.journeys else ()
        mine = [instance for instance in instances if instance.key == definition.key_of(touchpoint)]
        rules = [definition.table[place] for place in definition.matches(touchpoint)]
        moves = [rule for rule in rules if rule.kind == MOVE]
        if mine:
            fold = Fold(mine[0], definition)
            counts = list(fold.counts)
            if touchpoint.type in definition.counted:
                counts[definition.counted.index(touchpoint.type)] += 1
            score = score_of(self._state, definition, touchpoint)
            moves = [rule for rule in moves if rule.past is None or rule.past(fold.stage, counts, score)]
        return moves[0] if moves else None

    def _forget(self, erasure: Erasure, position: Fence) -> Line:
        erased = erase(self._state, None, erasure, position)
        if erased is not None:
            self._state = returning(erased.marker)
        at = format_time(erasure.at_ms)
        return _line(None, at, FORGOTTEN, says=["the customer was erased; what follows begins anew"])


def waiting(touchpoint: Touchpoint) -> Line:
    """Return the line of a touchpoint that the worker has not come to."""
    says = ["in the log, but not processed yet"]
    return _line(touchpoint, format_time(touchpoint.at_ms), WAITING, says=says)


def _line(
    touchpoint: Touchpoint | None,
    at: str | None,
    verdict: str,
    moves: list[dict[str, Any]] | None = None,
    refused: list[dict[str, Any]] | None = None,
    says: list[str] | None = None,
) -> Line:
    told = (verdict, moves or [], refused or [], says or [])
    if touchpoint is None:
        return Line(at, None, None, None, *told)
    return Line(at, touchpoint.id, touchpoint.type, touchpoint.fields.channel, *told)


def _by_deadlines(outputs: Sequence[Output]) -> Iterator[Line]:
    """Yield a line for each thing that a deadline did."""
    for output in outputs:
        if not isinstance(output, StageTransition | Signal) or not _deadline(output):
            continue
        if isinstance(output, StageTransition):
            move = _move(output)
            yield _line(None, output.occurred_at, DEADLINE, [move], says=[_move_in_words(move)])
        else:
            says = [f"{_signal_in_words(output)}: {_deadline(output)} was due"]
            yield _line(None, output.due, DEADLINE, says=says)


def _deadline(output: StageTransition | Signal) -> str | None:
    """Return the deadline that made something leave, None if a touchpoint did."""
    return output.cause.get("deadline") if output.cause is not None else None


def _move(told: StageTransition) -> dict[str, Any]:
    return {
        "journey": told.journey,
        "instance": told.instance,
        "round": told.round,
        "kind": told.kind,
        "from_stage": told.from_stage,
        "to_stage": told.to_stage,
        "inferred": told.inferred,
        "cause": told.cause.get("deadline") or told.cause.get("rule"),
        "path": None if told.path is None else [visit["stage"] for visit in told.path],
    }


def _move_in_words(move: dict[str, Any]) -> str:
    journey = _name(move["journey"], move["instance"])
    if move["path"] is not None:
        path = ", then ".join(stage or "outside" for stage in move["path"]) or "nothing"
        return f"{journey}: came out of order, and corrects the path to {path}"
    way = f"{move['from_stage'] or 'outside'} -> {move['to_stage'] or 'outside'}"
    by = "jumped over" if move["inferred"] else f"by {move['cause']}"
    return f"{journey}: {way} ({move['kind']}, {by})"


def _refusal_in_words(refusal: dict[str, Any]) -> str:
    asked = f"{refusal['rule']} asks for {refusal['to_stage']}; " if refusal["rule"] else ""
    return f"{refusal['journey']}: {asked}refused, as {refusal['because']}"


def _signal_in_words(signal: Signal) -> str:
    about = "".join(f" {signal.detail[key]}" for key in ABOUT if key in signal.detail) if signal.detail else ""
    return f"{_name(signal.journey, signal.instance)}: {signal.kind.replace('_', ' ')}{about}"


def _name(journey: str, instance: str) -> str:
    return f"{journey} {instance}" if instance else journey


def _verdict(step: Step) -> list[str]:
    if step.verdict == APPLIED:
        return ["taken note of; nothing changed"]
    if step.conflict:
        return ["a repeat of this id with another payload; the first one counts"]
    return [VERDICTS[step.verdict]]
