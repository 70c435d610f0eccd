"""Writes one partition of the topic of current stages. Sees when somebody else writes there too, and mends it.

The topic is compacted as the changelog is: what another writer wrote last of a customer would stay, for ever of one who
is erased.
"""

from collections.abc import Callable, Sequence

from cjstream.core.engine import Journeys, standing
from cjstream.core.state import decode_state, is_reserved
from cjstream.ingest.codec import WireRecord, encode
from cjstream.kafka import records_between
from cjstream.logs import tell
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.outbox import Outbox
from cjstream.stream.rows import Rows

Tell = Callable[[bytes], bytes | None]  # the value that a customer's durable state asks for; None: a null
Told = dict[bytes, bytes | None]


class CurrentStages:
    """One partition of it. Its only writer knows the next offset, `end`; another one shows that there is a second one.

    `end` is asked for before the first write (None: the first write tells). What a worker that was cut off wrote
    before that needs no mend, if it had the partition right before us: it had not made those results durable, so the
    same input makes us write them again, behind its own. Who is cut off itself writes nothing more: see Outbox.
    """

    def __init__(
        self, partition: int, end: int | None, tell: Tell, outbox: Outbox, settings: Settings, metrics: Metrics
    ) -> None:
        self.end = end
        self._partition, self._tell, self._outbox = partition, tell, outbox
        self._settings, self._metrics = settings, metrics

    async def write(self, records: Sequence[WireRecord]) -> None:
        """Append records, and return when they, or newer ones of ours, are the newest of all their keys.

        Raises KafkaError, OSError, BrokerUnreachable or CjstreamError.
        """
        first = self.end
        await self._append(records)
        if first is not None and self.end != first + len(records):
            await self._mend({record.key or b"": record.value for record in records}, first, len(records))

    async def look(self, end: int) -> None:
        """Mend what others wrote, given where the log ended when nothing of ours was under way, or before that."""
        if self.is_behind(end):
            first, self.end = self.end or 0, end
            await self._mend({}, first, 0)

    def is_behind(self, end: int) -> bool:
        """Return whether a log that ends there has records that we do not know."""
        return self.end is not None and end > self.end

    async def _append(self, records: Sequence[WireRecord]) -> None:
        last = await self._outbox.send(self._settings.stage_current, self._partition, records)
        self.end = last + 1

    async def _mend(self, told: Told, first: int, ours: int) -> None:
        """Write what is hidden until nothing is. `ours`: how many records since `first` are, `told` the last of them.

        A log that has fewer was made anew: nothing of it hides ours.
        """
        assert self.end is not None, "something was written"
        while self.end - first > ours:
            again = await self._hidden(told, first, ours)
            if not again:
                break
            told, first, ours = told | again, self.end, len(again)
            await self._append([WireRecord("stage_current", key, value) for key, value in again.items()])

    async def _hidden(self, told: Told, first: int, ours: int) -> Told:
        """Return what must be written again after what lies between; that may also be nothing that can be read."""
        assert self.end is not None, "something was written"
        topic = self._settings.stage_current
        records = await records_between(self._settings, topic, self._partition, first, self.end)
        newest = {record.key: record.value for record in records}
        own = {key: told[key] if key in told else self._tell(key) for key in newest}
        again = {key: value for key, value in own.items() if value != newest[key]}
        if len(records) > ours:
            tell(
                "foreign_records", topic=topic, partition=self._partition, records=len(records) - ours,
                first_offset=first, last_offset=self.end - 1, hidden_values=len(again),
            )  # fmt: skip
            self._metrics.inc("cjstream_foreign_records_total", (), len(records) - ours)
        return again


def teller(rows: Rows, journeys: Journeys, app_id: str) -> Tell:
    """Return what tells where customers stand by their durable states."""

    def value_of(key: bytes) -> bytes | None:
        data = None if is_reserved(key) else rows.store.get(key)
        if data is None:
            return None
        return encode(standing(decode_state(data), key.decode(), journeys), app_id).value

    return value_of
