"""What a batch had that operators should know of: told once for all of it, with a count and one example."""

from cjstream.logs import tell


class Oddities:
    """Those of one partition of a topic, since they were last told."""

    def __init__(self, topic: str, partition: int) -> None:
        self._topic, self._partition = topic, partition
        self._rejected: dict[str, tuple[int, int]] = {}  # reason -> how many, and the offset of the first
        self._conflicts: tuple[int, int] | None = None
        self._forgotten: dict[str, int] = {}

    def rejected(self, reason: str, offset: int) -> None:
        """Note a record that is refused."""
        count, first = self._rejected.get(reason, (0, offset))
        self._rejected[reason] = count + 1, first

    def conflict(self, offset: int) -> None:
        """Note a record with the id of another one, and another content."""
        count, first = self._conflicts or (0, offset)
        self._conflicts = count + 1, first

    def forgotten(self, why: str) -> None:
        """Note a customer who is forgotten."""
        self._forgotten[why] = self._forgotten.get(why, 0) + 1

    def say(self) -> None:
        """Tell what was noted, and begin anew."""
        if not (self._rejected or self._conflicts or self._forgotten):
            return
        topic, number = self._topic, self._partition
        for reason, (count, first) in self._rejected.items():
            tell("records_rejected", topic=topic, partition=number, records=count, reason=reason, offset=first)
        if self._conflicts is not None:
            count, first = self._conflicts
            tell("duplicate_conflicts", topic=topic, partition=number, records=count, offset=first)
        for why, count in self._forgotten.items():
            tell("customers_forgotten", customers=count, why=why)
        self._rejected, self._conflicts, self._forgotten = {}, None, {}
