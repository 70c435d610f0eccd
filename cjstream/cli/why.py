"""`cjstream why`: what is behind each stage of one customer, from the state and from the log."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from time import time_ns
from typing import Any, NamedTuple

import rich_click as click

from cjstream import kafka, sentiment, settings
from cjstream.cli.why_view import print_story
from cjstream.core.definition import JourneyDefinition, compile_definition
from cjstream.core.engine import Journeys
from cjstream.core.explain import standings, unknown
from cjstream.core.retrace import Line, Retrace, waiting
from cjstream.core.state import DEFINITION_PREFIX, POSITION_KEY, CustomerState, Fence, decode_position, decode_state
from cjstream.core.times import format_time
from cjstream.core.touchpoint import Erasure, Rejection, Touchpoint
from cjstream.ingest.codec import decode, dumps, loads
from cjstream.kafka import topic_spans
from cjstream.settings import Settings


class Kept(NamedTuple):
    """What a partition of the changelog holds: the customer's state, and the definitions, in the order of first use.

    `applied`: the position in the input up to which the partition was applied; its epoch is the one in force.
    """

    state: CustomerState | None
    definitions: list[JourneyDefinition]
    applied: Fence = (0, -1)


class Log(NamedTuple):
    """A customer's records in the input, by offset; where and when (by its first record) their partition starts."""

    partition: int
    start: int
    starts_ms: int | None
    items: list[tuple[int, Touchpoint | Erasure | Rejection]]


@click.command()
@click.argument("customer")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: customer_id, standings, log.")
@click.pass_context
def command(ctx: click.Context, customer: str, as_json: bool) -> None:
    """Explain where one customer stands: touchpoints, rules, refused moves and times behind each stage.

    First what the state says: it is complete. Then what each touchpoint did, by going through the log
    again: as far back as the topic still reaches. Reads one partition of two topics from the
    beginning; all times are UTC. Exit 1 if unknown.
    """
    found = asyncio.run(_explain(settings.load(), customer))
    if found is None:
        click.echo(f"no customer {customer}", err=True)
        ctx.exit(1)
    if as_json:
        click.echo(dumps(found))
    else:
        print_story(found)


async def _explain(config: Settings, customer: str) -> dict[str, Any] | None:
    return await explain(config, customer, await read_kept(config, customer))


async def read_kept(config: Settings, customer: str) -> Kept:
    """Return what the changelog holds that is of use here; reads the customer's partition of it."""
    key, state, applied, found = customer.encode(), None, (0, -1), dict[bytes, JourneyDefinition]()
    partition = kafka.partition_of(key, await kafka.partition_count(config, config.state_changelog))
    async with aclosing(kafka.read_topic(config, config.state_changelog, partitions=[partition])) as records:
        async for record in records:
            if record.key == key:
                state = None if record.value is None else decode_state(record.value)
            elif record.value and record.key == POSITION_KEY:
                applied = decode_position(record.value).fence
            elif record.value and record.key and record.key.startswith(DEFINITION_PREFIX):
                found[record.key] = compile_definition(loads(record.value), config.state_changelog)
    return Kept(state, list(found.values()), applied)


async def explain(config: Settings, customer: str, kept: Kept) -> dict[str, Any] | None:
    """Return all that can be told, None if neither state nor log knows the customer. Reads a partition of the log."""
    by_hash = {definition.hash: definition for definition in kept.definitions}
    state, now_ms = kept.state or CustomerState(), time_ns() // 1_000_000
    log = await _retrace(config, customer, state, kept.applied, _journeys(config, state, kept.definitions))
    if kept.state is None and not log["lines"]:
        return None
    return {
        "customer_id": customer,
        "as_of": format_time(now_ms),
        "standings": standings(state, by_hash, now_ms),
        "unknown_definitions": unknown(state, by_hash),
        "log": log,
    }


def _in_force(state: CustomerState, definitions: Iterable[JourneyDefinition]) -> list[JourneyDefinition]:
    """Return the definition of each journey that the customer is in, else the one that came into use last."""
    pinned = {name: journey.instances[-1].definition for name, journey in state.journeys.items() if journey.instances}
    newest = {definition.journey: definition for definition in definitions}
    mine = {each.journey: each for each in definitions if pinned.get(each.journey) == each.hash}
    return list((newest | mine).values())


def _journeys(config: Settings, state: CustomerState, definitions: Sequence[JourneyDefinition]) -> Journeys:
    active = _in_force(state, definitions)
    asks = any(definition.asks_sentiment for definition in active)
    return Journeys.of(active, definitions, sentiment.load(config.sentiment_scorer) if asks else None)


async def _retrace(
    config: Settings, customer: str, state: CustomerState, applied: Fence, journeys: Journeys
) -> dict[str, Any]:
    """Return what the customer's touchpoints did, as the log has them."""
    log = await _read_log(config, customer)
    retrace, lines, later = Retrace(customer, journeys), list[Line](), list[Line]()
    epoch, done = applied[0], max(applied, state.fence)  # who was forgotten has no fence
    for offset, item in log.items:
        if isinstance(item, Touchpoint) and (epoch, offset) > done:
            later.append(waiting(item))
        else:
            lines += retrace.feed(item, (epoch, offset))
    settled_ms = {name: state.journeys[name].settled_ms for name in journeys.active if name in state.journeys}
    lines += retrace.finish({name: ms for name, ms in settled_ms.items() if ms >= 0})
    missing = _touchpoints_of(state) - retrace.seen
    return {
        "topic": config.touchpoints,
        "partition": log.partition,
        "starts_at_offset": log.start,
        "starts_at": None if log.starts_ms is None or log.starts_ms < 0 else format_time(log.starts_ms),
        "is_complete": log.start == 0 and not missing,
        "missing": sorted(missing),
        "lines": lines + later,
    }


async def _read_log(config: Settings, customer: str) -> Log:
    key, topic, skew_ms = customer.encode(), config.touchpoints, int(config.max_skew_seconds * 1000)
    spans = await topic_spans(config, topic)
    partition = kafka.partition_of(key, len(spans))
    items, starts_ms = list[tuple[int, Touchpoint | Erasure | Rejection]](), None
    async with aclosing(kafka.read_topic(config, topic, partitions=[partition])) as records:
        async for record in records:
            starts_ms = record.timestamp if starts_ms is None else starts_ms
            if record.key == key:
                items.append((record.offset, decode(key, record.value, record.timestamp, skew_ms)))
    return Log(partition, spans[partition].start, starts_ms, items)


def _touchpoints_of(state: CustomerState) -> set[str]:
    """Return the ids of the touchpoints that the state names; a log that lacks one does not reach back to it."""
    instances = [instance for journey in state.journeys.values() for instance in journey.instances]
    ids = {visit.touchpoint_id for instance in instances for visit in instance.visits}
    return (ids | {instance.goal.touchpoint_id for instance in instances if instance.goal is not None}) - {""}
