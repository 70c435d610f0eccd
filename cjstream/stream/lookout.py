"""Asks Kafka now and then for what no fetch tells: where the input ends, which topics there are, who has partitions."""

from typing import TYPE_CHECKING, Any

from faust.types import TP
from mode import Service

from cjstream.errors import CjstreamError, StateMismatch
from cjstream.kafka import require_topics, unowned_partitions
from cjstream.logs import tell
from cjstream.stream.fatal import give_up
from cjstream.stream.patience import UNANSWERED

if TYPE_CHECKING:
    from cjstream.stream.app import JourneyApp

LOOK_SECONDS = 10.0
LOOKS_FOR_TOPICS = 2  # topics are looked at every so many looks: a connection of its own each time


class Lookout(Service):  # type: ignore[misc]
    """One task. A fault of the topics that is there at two looks in a row ends the process (4)."""

    def __init__(self, app: "JourneyApp", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._app = app
        self.is_answered = False  # at the last look
        self.failures = 0
        self.ends: dict[TP, int] = {}  # of owned input, at the last look
        self.unowned: list[int] = []  # input partitions that no member of the group has, if this one has none
        self._fault: str | None = None
        self._refusal: str | None = None  # told last

    @Service.task
    async def _look_again_and_again(self) -> None:
        looks = 0
        while not self.should_stop:
            await self.sleep(LOOK_SECONDS)
            await self.look(with_topics=looks % LOOKS_FOR_TOPICS == 0 or self._fault is not None)
            looks += 1

    async def look(self, *, with_topics: bool) -> None:
        """Look once, and note what is found, or that Kafka did not answer."""
        owned, app = self._owned(), self._app
        try:
            if with_topics or not owned:  # first: of a topic that is gone there is no end
                await self._look_at_topics()
            self.ends = await app.consumer.stable_ends(owned) if owned else {}
            of_changelog, of_current = map(self._ends_of, (app.settings.state_changelog, app.settings.stage_current))
            app.partitions.mend(of_changelog, of_current, lambda: app.consumer.flow_active and not self.should_stop)
            self.unowned = [] if owned or self._app.rebalancing else await unowned_partitions(self._app.settings)
        except UNANSWERED as error:
            self._note_answer(False)
            self.failures += 1
            tell("broker_asked_in_vain", why=error)
        except CjstreamError as error:  # of this connection: a right or a password that is being changed, say
            if str(error) != self._refusal:
                self._refusal = str(error)
                tell("look_refused", why=error)
        else:
            self._note_answer(True)
            self._refusal = None

    def _note_answer(self, is_answered: bool) -> None:
        if not is_answered and (self.is_answered or not self.failures):
            tell("broker_away", brokers=self._app.settings.kafka_bootstrap_servers)
        elif is_answered and self.failures:
            tell("broker_back")
            self.failures = 0
        self.is_answered = is_answered

    def _owned(self) -> set[TP]:
        app = self._app
        facts = {TP(app.settings.facts, number) for number in app.facts.owned()}
        of_customers = app.settings.touchpoints, app.settings.state_changelog, app.settings.stage_current
        return facts | {TP(topic, each.number) for each in app.partitions.opened() for topic in of_customers}

    def _ends_of(self, topic: str) -> dict[int, int]:
        return {tp.partition: end for tp, end in self.ends.items() if tp.topic == topic}

    async def _look_at_topics(self) -> None:
        """A broker that has just started may not know of all topics yet, so one look is not enough."""
        try:
            await require_same_topics(self._app)
            await self._app.partitions.check_again()
            self._fault = None
        except StateMismatch as error:
            if self._fault is not None:
                give_up(error.exit_code, str(error))
            self._fault = str(error)


async def require_same_topics(app: "JourneyApp") -> None:
    """Raise StateMismatch if a topic of the app is gone, or has another partition count than at the start."""
    count = await require_topics(app.settings)
    if count != app.partition_count:
        raise count_changed(app.settings.touchpoints, app.partition_count, count)


def count_changed(topic: str, before: int, now: int) -> StateMismatch:
    """Return the error of a partition count that changed while the worker ran."""
    return StateMismatch(
        f"topic {topic} had {before} partitions when this worker started and has {now} now, "
        "so customers would come to partitions where their state is not",
        "take a new CJSTREAM_APP_ID with topics of the new count, and send the input again",
    )
