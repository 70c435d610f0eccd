"""Writes one partition's changelog, and the store behind it. Sees when somebody else writes there too, and mends it."""

from time import monotonic

from cjstream.core.state import POSITION_KEY, fence_of
from cjstream.errors import StateMismatch
from cjstream.ingest.codec import WireRecord
from cjstream.kafka import records_between
from cjstream.logs import tell
from cjstream.metrics import Metrics
from cjstream.settings import Settings
from cjstream.stream.fatal import RESTART, give_up
from cjstream.stream.mend import is_behind, to_mend
from cjstream.stream.outbox import Outbox
from cjstream.stream.rows import Rows

Encoded = dict[bytes, bytes | None]


class Changelog:
    """One partition of it. Its only writer knows the next offset; another one shows that there is a second writer."""

    def __init__(self, partition: int, rows: Rows, outbox: Outbox, settings: Settings, metrics: Metrics) -> None:
        self._partition, self._rows, self._outbox = partition, rows, outbox
        self._settings, self._metrics = settings, metrics

    async def write(self, changes: Encoded) -> int:
        """Append changes, the position among them, and return the offset of the last record that is ours.

        Values that another writer's records hide go along. The store is written when ours are the newest of all keys:
        a restart before that finds the same to mend. Raises KafkaError, OSError or BrokerUnreachable. Ends the process
        if it is we who were cut off (75), or if this is another log (4).
        """
        if hidden := self._rows.hidden():
            changes = {key: value for key, value in hidden.items() if key not in changes} | changes
        started, expected = monotonic(), self._rows.store.changelog_offset + len(changes)
        last = await self._append(changes)
        self._metrics.observe("cjstream_publish_seconds", monotonic() - started, ("changelog",))
        if last != expected:
            changes, last = await self._mend(changes, last)
        self._rows.commit(changes, last)
        return last

    async def _append(self, changes: Encoded) -> int:
        rows = [WireRecord("changelog", key, value) for key, value in changes.items()]
        return await self._outbox.send(self._settings.state_changelog, self._partition, rows)

    async def _mend(self, changes: Encoded, last: int) -> tuple[Encoded, int]:
        """Write what is hidden until nothing is; return all that is ours by then, in order, and the last offset."""
        first, count = self._rows.store.changelog_offset + 1, len(changes)
        if last - first + 1 < count:
            await self._refuse(changes, first, last)
        while last - first + 1 != count:
            again = await self._hidden(changes, first, last, count)
            if not again:
                break
            changes = {key: value for key, value in changes.items() if key not in again} | again
            first, count, last = last + 1, len(again), await self._append(again)
        return changes, last

    async def _hidden(self, changes: Encoded, first: int, last: int, ours: int) -> Encoded:
        """Return what must be written again after what lies between two offsets; `ours`: how many of them are ours.

        Between them there may also be nothing to read: markers of transactions, or what was compacted away.
        """
        records = await records_between(
            self._settings, self._settings.state_changelog, self._partition, first, last + 1
        )
        if len(records) == ours:
            return {}

        def own(key: bytes) -> bytes | None:
            return changes[key] if key in changes else self._rows.store.get(key)

        if is_behind(records, own, fence_of(changes[POSITION_KEY] or b"")):
            give_up(RESTART, f"partition {self._partition}: another worker goes on with it; this one was cut off")
        again = to_mend(records, own)
        tell(
            "foreign_records", topic=self._settings.state_changelog, partition=self._partition,
            records=len(records) - ours, first_offset=first, last_offset=last, hidden_values=len(again),
        )  # fmt: skip
        self._metrics.inc("cjstream_foreign_records_total", (), len(records) - ours)
        return again

    async def _refuse(self, changes: Encoded, first: int, last: int) -> None:
        """End the process (4) in a log that is not the one that we know.

        If ours is all that it holds, it is another log, and what went there is taken back. Else it lost its newest
        records: only the position is taken back, as the customers may have been durable long ago. Either way the next
        start must not take what is there for the whole state.
        """
        is_anew = last + 1 == len(changes)
        await self._append(dict.fromkeys(changes if is_anew else [POSITION_KEY]))
        why = "the topic was made anew, and its state is gone" if is_anew else "it lost its newest records"
        error = StateMismatch(
            f"partition {self._partition} of {self._settings.state_changelog} ends at offset {last} after a write from "
            f"{first} on: {why}",
            "restore the topic, or run `cjstream topics accept` to build the state anew from the input",
        )
        give_up(error.exit_code, str(error))
