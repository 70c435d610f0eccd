"""How `cjstream top` runs: it asks, shows, and listens to keys."""

import asyncio
import dataclasses
import os
import re
import signal
import sys
import termios
import tty
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any, NamedTuple

import rich_click as click
from rich.console import Console, RenderableType
from rich.live import Live

from cjstream.cli.top_data import Shown, shown
from cjstream.cli.top_fetch import ask_all
from cjstream.cli.top_health import problems
from cjstream.cli.top_history import History
from cjstream.cli.top_view import plain, screen
from cjstream.errors import CjstreamError, ConfigError
from cjstream.ingest.codec import dumps

REPAINT_SECONDS = 0.5  # how late a new size of the window is noticed
LEAVE = {"q", "Q", "\x04"}  # Ctrl-D; Ctrl-C is a signal
ESCAPED = re.compile(r"\x1b(?:[\[O][\d;]*.)?")  # what arrows and function keys send


class Look(NamedTuple):
    """Where to look, with which headers, how often, and at which journey: None for all."""

    urls: Sequence[str]
    headers: Mapping[str, str]
    interval_seconds: float
    journey: str | None


class NoWorkerAnswers(CjstreamError):
    """Not one address gave the metrics of a worker or a supervisor."""

    exit_code = 1

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        told = "; ".join(f"{address}: {fault}" for address, fault in faults)
        super().__init__(
            f"no worker answers at {told}. Start one (`cjstream worker`), or give the URL that its log names: "
            "`metrics and health at ...`"
        )


async def run(look: Look, *, once: bool, as_json: bool) -> None:
    """Show until the end that was asked for. Raises NoWorkerAnswers if none does at the first look."""
    async with aclosing(_looks(look)) as looks:
        if sys.stdout.isatty() and not Console().is_dumb_terminal and not once and not as_json:
            await _show_screen(looks)
            return
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # signs that the encoding lacks
        async for found in looks:
            if found.interval_seconds is None:
                continue
            _print_json(found) if as_json else _print(found)
            if once:
                return


async def _looks(look: Look) -> AsyncGenerator[Shown, None]:
    """Yield what there is to show, once an interval; the first has no rates."""
    history, before = History(), None
    while True:
        began, at = monotonic(), datetime.now(UTC)
        answers = await ask_all(look.urls, look.headers)
        processes = history.take(answers, monotonic())
        if before is None and not any(process.seen or process.worker for process in processes):
            raise NoWorkerAnswers([(process.address, process.why) for process in processes])
        stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found = shown(processes, stamp, None if before is None else began - before)
        yield _of_journey(found, look.journey)
        before = began
        await asyncio.sleep(max(0.0, began + look.interval_seconds - monotonic()))


def _of_journey(found: Shown, journey: str | None) -> Shown:
    names = [each.journey for each in found.journeys]
    if journey is None or not names:
        return found
    if journey not in names:
        raise ConfigError("--journey", journey, f"the workers have {', '.join(names)}")
    return dataclasses.replace(found, journeys=[each for each in found.journeys if each.journey == journey])


def _print(found: Shown) -> None:
    console = Console()
    with console.capture() as printed:
        console.print(plain(found, console.width), crop=False)
    click.echo("".join(f"{line.rstrip()}\n" for line in printed.get().splitlines()))


def _print_json(found: Shown) -> None:
    wrong = [problem._asdict() for problem in problems(found)]
    click.echo(dumps({"at": found.at, "problems": wrong, **dataclasses.asdict(found)}))


async def _show_screen(looks: AsyncGenerator[Shown, None]) -> None:
    """Repaint the terminal's other screen at each look, key and size, until a key or signal ends it."""
    console, keys = Console(), asyncio.Queue[str]()
    found = await anext(looks)
    with _keys(keys), Live(console=console, screen=True, auto_refresh=False) as live:
        chosen, looking = 0, asyncio.ensure_future(anext(looks))
        painted: object = None
        try:
            while True:
                if painted != (wanted := (found, chosen, console.size)):
                    live.update(_painted(found, chosen, console), refresh=True)
                    painted = wanted
                key = await _next_key(keys, looking)
                if key in LEAVE:
                    return
                if key.isdecimal():
                    chosen = int(key)
                if looking.done():
                    found, looking = looking.result(), asyncio.ensure_future(anext(looks))
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


async def _next_key(keys: asyncio.Queue[str], looking: asyncio.Future[Shown]) -> str:
    """Return the key that was pressed; an empty one when there is another reason to repaint."""
    pressed = asyncio.ensure_future(keys.get())
    waiting: set[asyncio.Future[Any]] = {pressed, looking}
    await asyncio.wait(waiting, timeout=REPAINT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if pressed.done():
        return pressed.result()
    pressed.cancel()
    return ""


def _painted(found: Shown, chosen: int, console: Console) -> RenderableType:
    names = [each.journey for each in found.journeys]
    keys = "q leaves"
    if len(names) > 1:
        keys += f" · 1 to {min(len(names), 9)} one journey · 0 all"
    if 0 < chosen <= len(names):
        found = dataclasses.replace(found, journeys=[found.journeys[chosen - 1]])
    return screen(found, console.width, console.height, keys)


@contextmanager
def _keys(keys: asyncio.Queue[str]) -> Iterator[None]:
    """Let what is pressed come one by one and unseen, as long as this lasts. SIGTERM is as q."""
    loop, before = asyncio.get_running_loop(), None
    loop.add_signal_handler(signal.SIGTERM, keys.put_nowait, "q")

    def read() -> None:
        pressed = os.read(sys.stdin.fileno(), 64).decode(errors="ignore")
        if not pressed:
            loop.remove_reader(sys.stdin)
        for key in ESCAPED.sub("", pressed):
            keys.put_nowait(key)

    if sys.stdin.isatty():
        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        loop.add_reader(sys.stdin, read)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        if before is not None:
            loop.remove_reader(sys.stdin)
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
