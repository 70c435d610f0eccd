"""The stage table: Faust assigns, restores and lists it; its rows are ours. Agents read current stages from it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

from faust.tables.manager import TableManager
from faust.tables.table import Table
from faust.types import TP
from mode import Service

from cjstream.core.outputs import StageCurrent
from cjstream.core.report import current, scored
from cjstream.discretion import said
from cjstream.stream.fatal import exit_code, give_up
from cjstream.stream.partitions import Partitions

PASS_SECONDS = 1.0


class StageTables(TableManager):  # type: ignore[misc]
    """Faust's tables, without its second of waiting for tables defined after the start: all are defined at import."""

    async def on_start(self) -> None:
        """Register the tables and begin with their recovery."""
        await self._update_channels()
        await self.recovery.start()

    @Service.task
    async def _pass_again_and_again(self) -> None:
        while not self.should_stop:
            await self.sleep(PASS_SECONDS)
            self.pass_over_ends()

    def pass_over_ends(self) -> None:
        """Take as restored what is no record at a changelog's end: transaction markers, and what was compacted away.

        Faust waits, without an end, for a record at the last offset.
        """
        recovery = self.recovery
        for tp in recovery.active_tps if recovery.in_recovery else ():
            last, offset = recovery.active_highwaters.get(tp), recovery.active_offsets.get(tp)
            if last is None or offset is None or offset >= last:
                continue
            if self.app.consumer.has_applied(tp, last + 1, offset + 1):
                recovery.active_offsets[tp] = last


class StageTable(Table):  # type: ignore[misc]
    """Reads as a mapping of customer id to StageCurrent, of the partitions this worker owns.

    A value is as new as the last touchpoint applied, also if its changelog record is still on the way. Only touchpoints
    change stages: writing raises TypeError.
    """

    partitions_held: Partitions

    # -- what Faust asks of a table

    def persisted_offset(self, tp: TP) -> int | None:
        """Return the last changelog offset applied or acked, so that what is held is not read again."""
        return self.partitions_held.changelog_offset(tp.partition)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Apply restored changelog records. Faust would log an error and go on with half a table; we end (70)."""
        try:
            for event in batch:
                self.partitions_held.restore(event.message.partition, event.value)
        except Exception as error:
            give_up(exit_code(error), f"the state changelog could not be restored: {said(error)}", error)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Drop the partitions that the new assignment lacks; keep the others as they are."""
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        topic = self.changelog_topic.get_topic_name()
        await self.partitions_held.keep({tp.partition for tp in assigned if tp.topic == topic})
        try:
            await self.partitions_held.reopen()
        except Exception as error:
            give_up(exit_code(error), f"the local store cannot be taken up: {said(error)}", error)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Open the partitions for input, after what restored states still have to send. Errors end the process."""
        try:
            await super().on_recovery_completed(active_tps, standby_tps)
            self.app.require_same_counts()
            await self.partitions_held.open({tp.partition for tp in active_tps})
        except Exception as error:
            if not self.app.should_stop:  # else it was the stop that came in between: nothing is opened any more
                give_up(exit_code(error), f"the restored state cannot be used: {said(error)}", error)

    # -- what agents may do with it

    def __getitem__(self, customer_id: Any) -> StageCurrent:
        found = self._find(customer_id)
        if found is None:
            raise KeyError(customer_id)
        return found

    def get(self, customer_id: Any, default: Any = None) -> Any:
        """Return where a customer stands, or `default` if none of our partitions knows the customer."""
        found = self._find(customer_id)
        return default if found is None else found

    def __contains__(self, customer_id: Any) -> bool:
        return self._find(customer_id) is not None

    def __iter__(self) -> Iterator[str]:
        for partition in self.partitions_held.opened():
            yield from (key.decode() for key, _ in partition.rows.customers())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    keys, items, values = Mapping.keys, Mapping.items, Mapping.values

    def _find(self, customer_id: str) -> StageCurrent | None:
        for partition in self.partitions_held.opened():
            state = partition.rows.state(customer_id.encode())
            if state is not None:
                active = partition.journeys.active
                return scored(current(state, customer_id, partition.journeys.by_hash, active), state, active)
        return None

    def _read_only(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the stage table is read only: send a touchpoint to change a customer's stage")

    __setitem__ = __delitem__ = update = clear = pop = popitem = setdefault = _read_only
