"""`cjstream forget`."""

import asyncio
import sys
from time import monotonic, time_ns
from typing import Any

import rich_click as click
from rich.console import Console

from cjstream import settings
from cjstream.cli.forget_data import Held, Holdings, Sent, holdings, is_applied, send_null
from cjstream.cli.tables import MISSING, duration, note, seconds_of, table
from cjstream.core.state import hashed_id
from cjstream.core.times import format_time
from cjstream.core.touchpoint import is_id
from cjstream.errors import ConfigError
from cjstream.ingest.codec import dumps
from cjstream.settings import Settings

CLEAR_LINE = "\r\x1b[K"
LOOK_SECONDS = 1.0  # between two looks at what the worker has done


@click.command()
@click.argument("customer")
@click.option("--dry-run", is_flag=True, help="Only say what there is of the customer; send nothing.")
@click.option("--wait", "wait_seconds", type=click.FloatRange(0), default=60, show_default=True,
              help="Seconds to wait until a worker has done it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object, without personal data: keep it as proof.")
@click.pass_context
def command(ctx: click.Context, customer: str, dry_run: bool, wait_seconds: float, as_json: bool) -> None:
    """Forget one customer: send the null record, wait until it is applied, say what is left where.

    The state, the dedup ids, deadlines and the current stage go at once; the records of the topics go when
    Kafka deletes or compacts them. May be repeated. Reads the customer's partition of five topics, and all
    dead letters.

    Exit 1 if no worker has applied it in time (it will be when one runs), or with --dry-run if there is
    nothing of this customer.
    """
    config = settings.load()
    if not is_id(customer):
        raise ConfigError("CUSTOMER", customer, "is no id: use 1 to 128 visible characters")
    found, is_done = asyncio.run(_run(config, customer, None if dry_run else wait_seconds))
    if as_json:
        _echo_proof(dumps(found))
    else:
        _print(found)
    if not is_done:
        click.echo(_why(found), err=True)
        ctx.exit(1)


def _echo_proof(proof: bytes) -> None:
    """Print the proof; on stderr if stdout takes it no more, as what it tells of is done and may not be repeated."""
    try:
        click.echo(proof)
    except OSError:
        click.echo(proof, err=True)
        raise


async def _run(config: Settings, customer: str, wait_seconds: float | None) -> tuple[dict[str, Any], bool]:
    """Return what to tell, and whether the answer is yes. None: a dry run."""
    held, now_ms = await holdings(config, customer), time_ns() // 1_000_000
    found: dict[str, Any] = {
        "event": "forget" if wait_seconds is not None else "dry_run",
        "app_id": config.app_id,
        "customer": hashed_id(customer, config.erasure_secret),
        "at": format_time(now_ms),
        "had_state": held.has_state,
        "had_marker": held.has_marker,
        "sent": None,
        "applied_after_seconds": None,
        "left": _left(held, now_ms),
    }
    if wait_seconds is None:
        return found, held.is_known
    sent = await send_null(config, customer)
    found["sent"] = {"topic": config.touchpoints, "partition": sent.partition, "offset": sent.offset}
    nulls = (config.touchpoints, config.stage_current, config.state_changelog)
    found["left"] = _left(held.with_null(nulls, now_ms), now_ms)
    found["applied_after_seconds"] = after = await _wait(config, sent, wait_seconds)
    return found, after is not None


def _left(held: Holdings, now_ms: int) -> list[dict[str, Any]]:
    return [_left_in(each, now_ms) for each in held.topics if each.records]


def _left_in(held: Held, now_ms: int) -> dict[str, Any]:
    gone_ms = held.gone_by_ms(now_ms)
    return {
        "topic": held.topic,
        "records": held.records,
        "gone_by": None if gone_ms is None else format_time(gone_ms),
        "by_setting": "max.compaction.lag.ms + delete.retention.ms" if held.keeping.is_compacted else "retention.ms",
    }


async def _wait(config: Settings, sent: Sent, seconds: float) -> float | None:
    """Return after how many seconds a worker had applied the null, None: not in time."""
    began = monotonic()
    try:
        while not await is_applied(config, sent):
            passed = monotonic() - began
            if passed >= seconds:
                return None
            if sys.stderr.isatty():
                click.echo(f"\rwaiting for a worker: {passed:.0f} of {seconds:g} s", err=True, nl=False)
            await asyncio.sleep(min(LOOK_SECONDS, seconds - passed))
    finally:
        if sys.stderr.isatty():
            click.echo(CLEAR_LINE, err=True, nl=False)
    return round(monotonic() - began, 3)


def _why(found: dict[str, Any]) -> str:
    if found["sent"] is None:
        return "there is nothing of this customer"
    return "no worker has applied it yet; it is in the input, and will be when one runs: see `cjstream status`"


def _print(found: dict[str, Any]) -> None:
    console = Console()
    state, sent = "a state" if found["had_state"] else "no state", found["sent"]
    marker = ", and a marker of an earlier erasure" if found["had_marker"] else ""
    note(console, f"customer {found['customer']} (the hash in logs and audit): {state} was kept{marker}")
    if sent is not None:
        note(console, f"null record sent: {sent['topic']} partition {sent['partition']} offset {sent['offset']}")
    if found["applied_after_seconds"] is not None:
        note(console, f"applied after {duration(found['applied_after_seconds'])}")
    if found["left"]:
        rows = table("topic", "records", "gone by", "by its setting", justify="left")
        for left in found["left"]:
            rows.add_row(
                left["topic"],
                str(left["records"]),
                seconds_of(left["gone_by"]) or f"{MISSING} never",
                left["by_setting"],
            )
        console.print(rows)
