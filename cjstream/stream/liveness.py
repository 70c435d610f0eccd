"""What has to move in a worker that works, each with the longest that it may stand still.

While Kafka does not answer nothing can move: then the deadlines of the publisher and of the group rule.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from faust.types import TP

from cjstream.stream.watchdog import STALL_SECONDS, Wait

if TYPE_CHECKING:
    from cjstream.stream.app import JourneyApp

# Joining takes up to the group's rebalance timeout of 60 s, and each of Faust's calls before a restore up to 90 s.
REBALANCE_SECONDS = 240.0
RESTORE_SECONDS = 60.0  # without a changelog record, or a step of the fetch position over what is none
PUBLISH_MARGIN_SECONDS = 10.0  # the publisher's own deadline, which says more, comes first


def waits(app: "JourneyApp") -> Iterator[Wait]:
    """Yield what waits now; nothing once the app stops, which has a limit of its own. Call it on the app's loop."""
    if app.should_stop:
        return
    if not app.membership.is_fresh():
        if app.lookout.is_answered:  # else Kafka is away
            at = app.membership.last_beat, app.lookout.failures
            yield Wait("Kafka answers but no heartbeat of this worker succeeds", at, REBALANCE_SECONDS)
    elif app.rebalancing or not app.membership.has_joined:
        yield _rebalance(app)
    else:
        yield from _group(app)
        for tp in _inputs(app):
            yield from _partition(app, tp)


def _rebalance(app: "JourneyApp") -> Wait:
    recovery = app.tables._recovery
    if recovery is None or not recovery.in_recovery or not recovery.need_recovery():
        return Wait("a rebalance does not end", app.partitions.restored_records, REBALANCE_SECONDS)
    passed = [app.consumer.standing(tp).position for tp in recovery.active_tps]
    return Wait("the restore does not end", (app.partitions.restored_records, passed), RESTORE_SECONDS)


def _group(app: "JourneyApp") -> Iterator[Wait]:
    """A worker without a partition is a spare, unless there are partitions that no member of the group has."""
    if app.lookout.unowned:
        numbers = ", ".join(map(str, app.lookout.unowned))
        yield Wait(f"this worker has no partition though nobody has {numbers}", app.consumer_generation_id)


def _inputs(app: "JourneyApp") -> list[TP]:
    facts = [TP(app.settings.facts, number) for number in app.facts.owned()]
    return [TP(app.settings.touchpoints, each.number) for each in app.partitions.opened()] + facts


def _partition(app: "JourneyApp", tp: TP) -> Iterator[Wait]:
    """Input is fetched, read by the agent, made durable, acked, committed: each step may wait only for so long."""
    at, name = app.consumer.standing(tp), f"{tp.topic} partition {tp.partition}"
    opened = {each.number: each for each in app.partitions.opened()} if tp.topic == app.settings.touchpoints else {}
    applied_to = opened[tp.partition].applied_to if tp.partition in opened else at.acked
    if at.read > max(applied_to, at.acked):
        yield Wait(f"{name}: input was read and its agent does not take it", (applied_to, at.acked))
    if at.read > at.acked:
        patience = max(STALL_SECONDS, app.settings.publish_timeout_seconds + PUBLISH_MARGIN_SECONDS)
        yield Wait(f"{name}: input was read and is not acked", at.acked, patience)
    elif app.lookout.ends.get(tp, 0) > at.position:
        yield Wait(f"{name}: there is input, and it is not fetched", at.position)
    if at.acked > at.committed:
        yield Wait(f"{name}: input was acked and is not committed", at.committed)
