"""Each deadline fires once, whatever happens to the workers; and never before the input that waits is applied."""

import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from secrets import randbelow

import pytest

from tests.faults.harness import WORKER, Worker, send, wait_done, wait_until
from tests.faults.stalls import Signals, more_than_once, noise, now_ms, stall_app, touchpoint

PARTITIONS, CUSTOMERS, SPREAD_MS = 4, 600, 10_000
END_SECONDS = 10.0
MUTANT = (sys.executable, "-m", "tests.faults.mutants")

pytestmark = pytest.mark.timeout(90)


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_a_kill_and_a_second_worker_leave_one_signal_for_each(
    servers: str, tmp_path: Path, note: Callable[[str], None], store: str
) -> None:
    seed = randbelow(10**6)
    dice = random.Random(seed)
    settings = replace(stall_app(servers, "once", tmp_path, PARTITIONS, seconds=1), store=store)
    elsewhere = replace(settings, data_dir=tmp_path / "other")
    signals = Signals(settings)
    names = sorted(f"c{number}" for number in range(CUSTOMERS))
    with Worker(settings, tmp_path / "a.log") as killed:
        killed.wait_ready()
        begin_ms = now_ms()
        looks = [touchpoint(name, begin_ms + dice.randrange(SPREAD_MS)) for name in names]
        send(settings, looks, PARTITIONS)
        wait_until(lambda: len(signals.customers()) > 0, 10, "the first deadlines have fired")
        time.sleep(dice.random())
        killed.kill()
    at_kill = len(signals.customers())
    with ExitStack() as stack:
        stays = stack.enter_context(Worker(settings, tmp_path / "a.log"))
        wait_until(lambda: len(signals.customers()) > at_kill, 40, "it goes on after the restart")
        joins = stack.enter_context(Worker(elsewhere, tmp_path / "b.log"))
        joins.wait_ready()
        at_join = len(signals.customers())
        wait_until(lambda: len(signals.customers()) >= CUSTOMERS, 20, "all deadlines have fired")
        time.sleep(1.2)  # one more tick
        shares = [worker.metric("cjstream_assigned_partitions") for worker in (stays, joins)]
        codes = [worker.end()[0] for worker in (joins, stays)]
    note(
        f"seed {seed}: {at_kill} of {CUSTOMERS} signals at the kill, {at_join} when a second worker had joined, "
        f"{signals.repeats()} repeats"
    )
    assert signals.customers() == names, more_than_once(signals.customers())
    assert at_kill < CUSTOMERS
    assert shares == [PARTITIONS / 2] * 2
    assert codes == [0, 0]


def test_sigterm_amid_the_work_of_the_clock_ends_with_0_and_the_rest_fires_later(servers: str, tmp_path: Path) -> None:
    settings = stall_app(servers, "amid", tmp_path, 1, seconds=1)
    signals = Signals(settings)
    names = sorted(f"c{number}" for number in range(8_000))
    at_ms = now_ms() - 2_000
    send(settings, (touchpoint(name, at_ms) for name in names), 1)
    with Worker(settings, tmp_path / "worker.log") as worker:
        worker.wait_ready()
        wait_until(lambda: worker.metric("cjstream_signals_total") > 0, 20, "the clock is at work")
        code, seconds = worker.end()
    assert (code, seconds < END_SECONDS) == (0, True), worker.said()
    assert 0 < len(signals.told()) < len(names), "the work was done or had not begun"
    with Worker(settings, tmp_path / "worker.log") as worker:
        wait_until(lambda: len(signals.records()) >= len(names), 20, "the rest fires")
        assert worker.end()[0] == 0
    assert signals.customers() == names
    assert signals.repeats() == 0


def test_restored_deadlines_fire_when_the_input_that_waits_is_applied_and_two_mutants_are_seen(
    servers: str, tmp_path: Path
) -> None:
    commands = {"worker": WORKER, "eager": (*MUTANT, "fires_at_once"), "forgets": (*MUTANT, "deadlines_not_restored")}
    paths = {name: tmp_path / name for name in commands}
    for path in paths.values():
        path.mkdir()
    apps = {name: stall_app(servers, name, path, 1, seconds=6) for name, path in paths.items()}
    signals = {name: Signals(settings) for name, settings in apps.items()}
    with ThreadPoolExecutor() as pool, ExitStack() as stack:
        workers = [stack.enter_context(Worker(apps[name], paths[name] / "log")) for name in apps]
        for worker in workers:
            worker.wait_ready()
        at_ms = now_ms() + 1_000
        for settings in apps.values():
            send(settings, [touchpoint("anna", at_ms), touchpoint("bert", at_ms)], 1)
        for settings, worker in zip(apps.values(), workers, strict=True):
            wait_done(settings, worker)
        assert [code for code, _ in pool.map(Worker.end, workers)] == [0, 0, 0]
    assert now_ms() < at_ms + 6_000, "too slow to show anything"
    for settings in apps.values():
        send(settings, [*islice(noise(), 20_000), touchpoint("anna", at_ms + 2_000, "purchase")], 1)
    wait_until(lambda: now_ms() > at_ms + 6_500, 15, "the deadline has passed")
    with ExitStack() as stack:
        for name, command in commands.items():
            stack.enter_context(Worker(apps[name], paths[name] / "log", command))
        wait_until(lambda: "bert" in signals["worker"].customers(), 20, "who bought nothing stalls")
        wait_until(lambda: len(signals["eager"].customers()) == 2, 20, "the eager mutant is wrong")
        time.sleep(2.2)  # two more ticks
    assert signals["worker"].customers() == ["bert"]
    assert signals["eager"].customers() == ["anna", "bert"]
    assert signals["forgets"].customers() == []
