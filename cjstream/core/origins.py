"""With what value a customer's runs began: that of the touchpoint at the time of the entry, whatever came late."""

from collections.abc import Sequence

from cjstream.core.outputs import Output, StageTransition
from cjstream.core.paths import CORRECTION
from cjstream.core.touchpoint import Touchpoint

KEPT = 64  # touchpoints that as yet moved nobody; those that nothing can come before any more go first

Origin = tuple[int, str, str | None]  # sequence, id and value: of one moment, the first touchpoint counts


class Origins:
    """The values of one customer's touchpoints that moved it, by their time."""

    __slots__ = ("_moved", "_recent")

    def __init__(self) -> None:
        self._moved: dict[int, Origin] = {}
        self._recent: dict[int, Origin] = {}  # a correction may still tell that one of them began a run

    def note(self, touchpoint: Touchpoint, value: str | None, outputs: Sequence[Output], final_ms: int) -> None:
        """Take note of a touchpoint that was taken in, and what it led to; no other before `final_ms` can follow."""
        _add(self._recent, touchpoint.at_ms, (touchpoint.sequence, touchpoint.id, value))
        kinds = {output.kind for output in outputs if isinstance(output, StageTransition)}
        if CORRECTION in kinds:
            for at_ms, origin in self._recent.items():
                _add(self._moved, at_ms, origin)
        elif kinds or touchpoint.at_ms in self._moved:
            _add(self._moved, touchpoint.at_ms, self._recent[touchpoint.at_ms])
        if len(self._recent) > KEPT:
            self._recent = {at_ms: origin for at_ms, origin in self._recent.items() if at_ms >= final_ms}

    def value(self, entered_ms: int) -> str | None:
        """Return the value that a run began with which was entered at this time; None: it had none."""
        return self._moved[entered_ms][2] if entered_ms in self._moved else None


def _add(origins: dict[int, Origin], at_ms: int, origin: Origin) -> None:
    known = origins.get(at_ms)
    if known is None or origin[:2] < known[:2]:
        origins[at_ms] = origin
