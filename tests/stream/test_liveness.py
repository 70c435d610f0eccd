"""What has to move, told from a worker's own numbers: each way to stand still is seen, and a healthy worker is not."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from cjstream.errors import BrokerUnreachable, ConfigError, StateMismatch
from cjstream.stream import liveness, lookout
from cjstream.stream.lookout import Lookout
from cjstream.stream.transport import Standing

INPUT, FACTS, CHANGELOG = TP("touchpoints", 0), TP("facts", 1), TP("state-changelog", 0)
CURRENT = TP("stage.current", 0)
PUBLISH_SECONDS = 120.0
DONE = Standing(committed=10, acked=10, read=10, position=10)


class App:
    """As much of an app as liveness looks at: healthy, with all input done."""

    def __init__(self) -> None:
        self.standings = {INPUT: DONE, FACTS: DONE}
        self.settings: Any = SimpleNamespace(
            touchpoints="touchpoints",
            facts="facts",
            state_changelog="state-changelog",
            stage_current="stage.current",
            publish_timeout_seconds=PUBLISH_SECONDS,
            kafka_bootstrap_servers="kafka:9092",
        )
        self.membership = SimpleNamespace(is_fresh=lambda: True, has_joined=True, last_beat=5.0)
        self.lookout: Any = SimpleNamespace(is_answered=True, failures=0, ends={INPUT: 10}, unowned=[])
        self.opened = [SimpleNamespace(number=0, applied_to=10)]
        self.mended: list[tuple[dict[int, int], dict[int, int]]] = []
        self.partitions = SimpleNamespace(
            opened=lambda: iter(self.opened),
            restored_records=3,
            mend=lambda ends, current_ends, _may_go: self.mended.append((ends, current_ends)),
            check_again=self._check_again,
        )
        self.input_fault: StateMismatch | None = None
        self.facts: Any = SimpleNamespace(owned=lambda: [1])
        self.tables: Any = SimpleNamespace(_recovery=None)
        self.rebalancing, self.consumer_generation_id, self.partition_count = False, 4, 8
        self.should_stop = False
        self.consumer: Any = SimpleNamespace(standing=lambda tp: self.standings[tp])

    async def _check_again(self) -> None:
        if self.input_fault is not None:
            raise self.input_fault

    def told(self) -> list[tuple[str, object, float]]:
        return [tuple(each) for each in liveness.waits(self)]  # type: ignore[misc,arg-type]


@pytest.fixture
def app() -> App:
    return App()


def test_a_worker_with_nothing_to_do_waits_for_nothing(app: App) -> None:
    assert app.told() == []


def test_input_that_the_agent_does_not_take(app: App) -> None:
    app.standings[INPUT] = Standing(10, 10, 30, 30)
    assert app.told() == [
        ("touchpoints partition 0: input was read and its agent does not take it", (10, 10), 60),
        ("touchpoints partition 0: input was read and is not acked", 10, PUBLISH_SECONDS + 10),
    ]


def test_a_write_that_is_under_way_has_the_time_of_its_own_deadline(app: App) -> None:
    app.standings[INPUT], app.opened[0].applied_to = Standing(10, 10, 30, 30), 30
    assert app.told() == [("touchpoints partition 0: input was read and is not acked", 10, PUBLISH_SECONDS + 10)]


def test_input_that_is_acked_and_never_committed(app: App) -> None:
    app.standings[INPUT] = Standing(5, 10, 10, 10)
    assert app.told() == [("touchpoints partition 0: input was acked and is not committed", 5, 60)]


def test_input_that_no_fetch_brings_is_seen_in_the_log_itself(app: App) -> None:
    app.lookout.ends[INPUT] = 11
    assert app.told() == [("touchpoints partition 0: there is input, and it is not fetched", 10, 60)]
    app.standings[INPUT], app.opened[0].applied_to = Standing(8, 8, 10, 10), 10
    assert [what for what, *_ in app.told()] == ["touchpoints partition 0: input was read and is not acked"], (
        "it may be paused until that is done"
    )


def test_facts_are_watched_too(app: App) -> None:
    app.standings[FACTS] = Standing(0, 4, 10, 10)
    assert [what for what, *_ in app.told()] == [
        "facts partition 1: input was read and its agent does not take it",
        "facts partition 1: input was read and is not acked",
        "facts partition 1: input was acked and is not committed",
    ]


def test_at_the_stop_what_was_read_and_is_dropped_is_not_waited_for(app: App) -> None:
    app.standings[INPUT], app.should_stop = Standing(10, 10, 30, 30), True
    assert app.told() == []


def test_while_kafka_is_away_nothing_has_to_move(app: App) -> None:
    app.standings[INPUT] = Standing(0, 5, 10, 10)
    app.membership.is_fresh, app.lookout.is_answered = (lambda: False), False
    assert app.told() == []


def test_heartbeats_that_fail_though_kafka_answers_are_waited_for(app: App) -> None:
    app.membership.is_fresh = lambda: False
    [(what, at, seconds)] = app.told()
    assert (what, seconds) == ("Kafka answers but no heartbeat of this worker succeeds", liveness.REBALANCE_SECONDS)
    app.lookout.failures += 1
    assert app.told()[0][1] != at, "Kafka was away in between"


def test_a_first_join_and_a_rebalance_have_a_limit(app: App) -> None:
    expected = [("a rebalance does not end", 3, liveness.REBALANCE_SECONDS)]
    app.membership.has_joined = False
    assert app.told() == expected
    app.membership.has_joined, app.rebalancing = True, True
    assert app.told() == expected


def test_a_restore_has_to_bring_records_or_to_pass_over_what_is_none(app: App) -> None:
    app.rebalancing, app.standings[CHANGELOG] = True, Standing(0, 0, 0, 77)
    recovery = SimpleNamespace(in_recovery=True, need_recovery=lambda: True, active_tps={CHANGELOG})
    app.tables = SimpleNamespace(_recovery=recovery)
    assert app.told() == [("the restore does not end", (3, [77]), liveness.RESTORE_SECONDS)]


def test_a_spare_waits_for_nothing_but_partitions_that_nobody_has_are_waited_for(app: App) -> None:
    app.opened, app.facts = [], SimpleNamespace(owned=list)
    assert app.told() == []
    app.lookout.unowned = [2, 5]
    assert app.told() == [("this worker has no partition though nobody has 2, 5", 4, 60)]


# -- the lookout


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Code and text of each end of the process."""
    found: list[tuple[int, str]] = []
    monkeypatch.setattr(lookout, "give_up", lambda code, text: found.append((code, text)))
    return found


def looking(app: App, monkeypatch: pytest.MonkeyPatch, *answers: int | Exception) -> Lookout:
    """A lookout of an app whose topics are asked for: each answer is a partition count, or an error."""
    given = iter(answers)

    async def require_topics(_: Any) -> int:
        answer = next(given)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def stable_ends(tps: set[TP]) -> dict[TP, int]:
        return dict.fromkeys(tps, 99)

    async def unowned(_: Any) -> list[int]:
        return [3]

    monkeypatch.setattr(lookout, "require_topics", require_topics)
    monkeypatch.setattr(lookout, "unowned_partitions", unowned)
    app.consumer.stable_ends = stable_ends
    return Lookout(app)  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_a_look_notes_where_the_input_ends(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = looking(app, monkeypatch)
    await ours.look(with_topics=False)
    assert (ours.ends, ours.unowned, ours.is_answered) == ({INPUT: 99, FACTS: 99, CHANGELOG: 99, CURRENT: 99}, [], True)
    assert app.mended == [({0: 99}, {0: 99})], "what lies behind our own records is to be mended"


@pytest.mark.asyncio
async def test_an_input_made_anew_under_the_worker_ends_it_at_the_second_look(
    app: App, monkeypatch: pytest.MonkeyPatch, ends: list[tuple[int, str]]
) -> None:
    ours = looking(app, monkeypatch, 8, 8)
    app.input_fault = StateMismatch("another input", "run `cjstream topics accept`")
    await ours.look(with_topics=True)
    assert ends == []
    await ours.look(with_topics=True)
    assert ends == [(4, "another input; run `cjstream topics accept`")]


@pytest.mark.asyncio
async def test_who_has_no_partition_asks_who_has_them(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.opened, app.facts = [], SimpleNamespace(owned=list)
    ours = looking(app, monkeypatch, 8, 8)
    await ours.look(with_topics=False)
    assert (ours.ends, ours.unowned) == ({}, [3])
    app.rebalancing = True
    await ours.look(with_topics=False)
    assert ours.unowned == []


@pytest.mark.parametrize("fault", [16, StateMismatch("no topic transitions", "run `cjstream topics create`")])
@pytest.mark.asyncio
async def test_a_fault_of_the_topics_seen_twice_ends_the_process(
    app: App, monkeypatch: pytest.MonkeyPatch, ends: list[tuple[int, str]], fault: int | StateMismatch
) -> None:
    ours = looking(app, monkeypatch, 8, fault, 8, fault, fault)
    for _ in range(4):
        await ours.look(with_topics=True)
        assert ends == []
    await ours.look(with_topics=True)
    [(code, text)] = ends
    assert code == 4
    assert text.startswith(("no topic transitions; run ", "topic touchpoints had 8 partitions when")), text
    assert text.endswith(("`cjstream topics create`", "of the new count, and send the input again")), text


@pytest.mark.parametrize(
    "error", [BrokerUnreachable("kafka:9092", 5), KafkaConnectionError(), OSError(), TimeoutError()]
)
@pytest.mark.asyncio
async def test_no_answer_is_counted_and_no_fault(
    app: App, monkeypatch: pytest.MonkeyPatch, ends: list[tuple[int, str]], error: Exception
) -> None:
    ours = looking(app, monkeypatch, error, error)
    for _ in range(2):
        await ours.look(with_topics=True)
    assert (ours.is_answered, ours.failures, ends) == (False, 2, [])


@pytest.mark.asyncio
async def test_a_look_that_is_refused_ends_nobody_and_is_told_once(
    app: App, monkeypatch: pytest.MonkeyPatch, ends: list[tuple[int, str]], caplog: pytest.LogCaptureFixture
) -> None:
    refusal = ConfigError("CJSTREAM_KAFKA__SASL_PASSWORD_FILE", "***", "is refused")
    ours = looking(app, monkeypatch, refusal, refusal, 8, refusal)
    for _ in range(4):
        await ours.look(with_topics=True)
    assert ends == []
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"], "again after an answer"
