"""How `cjstream top` looks: as a screen of a given size, or as plain text of any length."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.text import Text

from cjstream.cli.tables import MISSING
from cjstream.cli.top_data import DOWN, READY, Shown, Worker
from cjstream.cli.top_health import Verdict, name_of, problems, verdict
from cjstream.cli.top_journeys_view import journeys
from cjstream.cli.top_words import (
    AMBER,
    GREEN,
    GREY,
    RED,
    Block,
    count,
    cut,
    line,
    more,
    parts,
    rate,
    rows,
    seconds,
    size,
)

VERDICTS: Mapping[Verdict, tuple[str, str]] = {"ok": ("● ok", GREEN), "look": ("▲ look", AMBER), "act": ("✖ act", RED)}
STATES = {READY: ("●", GREEN), DOWN: ("✖", RED)}
NOT_READY = ("▲", AMBER)
HEALTHY = "nothing to do"
FOOT_LINES = 1
TOLD_SHARE = 8  # one line in so many is for what is wrong
JOURNEY_LINES = 9  # of the screen, which workers leave to journeys: one of five stages
WORKER_LINES = 3  # besides the rows: a blank line, the heading, and `and n more`


def screen(shown: Shown, width: int, height: int, foot: str) -> RenderableType:
    """Return `height` lines of `width` columns; what has no room is told as `and n more`."""
    told = _told_in(_told(shown), width, max(2, height // TOLD_SHARE))
    head = [_title(shown), *told, *cut(_figures(shown), width)]
    room = height - len(head) - FOOT_LINES
    workers = _workers(shown, most=max(1, room - JOURNEY_LINES - WORKER_LINES))
    below = journeys(shown.journeys, width, room - workers.lines)
    blank = [Text()] * max(0, room - workers.lines - below.lines)
    return Group(*head, *workers.shown, *below.shown, *blank, Text(foot, GREY, no_wrap=True, overflow="ellipsis"))


def plain(shown: Shown, width: int) -> RenderableType:
    """Return all of it, whatever its length. Lines that are no table may be longer than the width."""
    workers, below = _workers(shown, len(shown.workers)), journeys(shown.journeys, width)
    head = [_title(shown), *_told(shown), *_figures(shown)]
    for each in head:
        each.no_wrap, each.overflow = True, "ignore"
    return Group(*head, *workers.shown, *below.shown)


def _title(shown: Shown) -> Text:
    is_first = shown.interval_seconds is None
    over = "rates come with the next look" if is_first else f"rates over {seconds(shown.interval_seconds)}"
    return Text.assemble(("cjstream top", "bold"), f"  {_clock(shown.at)}", (f"  {over}", GREY), no_wrap=True)


def _figures(shown: Shown) -> list[Text]:
    pipe = shown.pipeline
    change = pipe.lag_records_change_per_second
    signed = "" if change is None else f" ({change:+,.0f}/s)"
    owned = f"partitions {count(pipe.assigned_partitions)} of {count(pipe.input_partitions)} owned"
    p50, p99 = (seconds(pipe.end_to_end_seconds[name]) for name in ("p50", "p99"))
    waits = f"commit age {seconds(pipe.commit_age_seconds)} · longest wait {seconds(pipe.stalled_seconds)}"
    dead = None if pipe.dead_letters is None else sum(pipe.dead_letters.values())
    owned += f" · {count(pipe.restoring_partitions)} restoring"
    lines = (
        ("workers", f"{pipe.workers_ready} of {pipe.workers} ready · {owned}"),
        ("lag", f"{count(pipe.lag_records)} records{signed} · {seconds(pipe.lag_seconds)}"),
        ("end to end", f"p50 {p50} · p99 {p99} · {waits}"),
        ("touchpoints/s", parts(pipe.touchpoints_per_second)),
        ("dead letters/s", f"{parts(pipe.dead_letters_per_second)} · {count(dead)} since the start"),
    )
    return [line(name, text) for name, text in lines]


def _clock(at: str, seconds_before: float = 0) -> str:
    """Return a time of day in UTC, as logs have it."""
    return f"{datetime.fromisoformat(at) - timedelta(seconds=seconds_before):%H:%M:%SZ}"


def _told(shown: Shown) -> list[Text]:
    """Return the verdict and what it is made of, a line for each problem."""
    found = problems(shown)
    mark, colour = VERDICTS[verdict(found)]
    texts = [problem.text for problem in found] or [HEALTHY]
    lines = [Text.assemble((f"{mark:<8}", f"bold {colour}"), texts[0])]
    return lines + [Text(" " * 8 + text) for text in texts[1:]]


def _told_in(lines: list[Text], width: int, most: int) -> list[Text]:
    """Return as many of these lines as there is room for, each cut where the width ends."""
    shown = lines if len(lines) <= most else [*lines[: most - 1], more(len(lines) - most + 1, "problems")]
    return cut(shown, width)


def _workers(shown: Shown, most: int) -> Block:
    table = rows("worker", "partitions", "lag", "age", "touch/s", "CPU", "memory")
    table.add_column("state", no_wrap=True, overflow="ellipsis", ratio=1)
    table.expand = True
    table.columns[0].max_width = 28
    hidden = len(shown.workers) - most
    ranked = sorted(shown.workers, key=lambda worker: worker.state == READY) if hidden > 1 else shown.workers
    most = most if hidden > 1 else len(ranked)  # one more row takes no more room than to say that there is one
    for worker in ranked[:most]:
        mark, colour = STATES.get(worker.state, NOT_READY)
        table.add_row(Text(name_of(worker, shown)), *_cells(worker), Text(f"{mark} {_state(worker, shown.at)}", colour))
    foot = [more(hidden, "workers")] if hidden > 1 else []
    return Block([Text(), table, *foot], 2 + most + len(foot))


def _cells(worker: Worker) -> list[str]:
    return [
        count(worker.assigned_partitions),
        count(worker.lag_records),
        seconds(worker.lag_seconds),
        rate(worker.touchpoints_per_second),
        MISSING if worker.cpu_cores is None else f"{worker.cpu_cores:.0%}",
        size(worker.resident_bytes),
    ]


def _state(worker: Worker, at: str) -> str:
    since = "" if worker.down_seconds is None else f" since {_clock(at, worker.down_seconds)}"
    why = f": {worker.why}" if worker.why else ""
    restarts = f", restarted {count(worker.restarts)}x" if worker.restarts else ""
    return f"{worker.state}{since}{why}{restarts}"
