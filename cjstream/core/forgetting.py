"""How a customer is forgotten: at once when asked to, by the clock after a long silence. What stays is a marker.

The marker holds no id. It makes a customer who returns go on in sequence, and drops what comes late of the time before.
"""

from typing import TYPE_CHECKING, NamedTuple

from cjstream.core import dues
from cjstream.core.outputs import Forgotten, Output
from cjstream.core.state import CustomerState, Fence, JourneyState, Marker, Position, hash_of_secret
from cjstream.core.touchpoint import Erasure
from cjstream.errors import StateMismatch

if TYPE_CHECKING:
    from cjstream.core.engine import Journeys


class Erased(NamedTuple):
    """What an erasure did: the marker to keep, and the null record to send. The state is to be deleted."""

    marker: Marker
    outputs: tuple[Output, ...]


def erase(state: CustomerState | None, marker: Marker | None, erasure: Erasure, position: Fence) -> Erased | None:
    """Return what forgets a customer, given the state, or the marker of an earlier erasure; None for a replay.

    Sequences live on in the marker: a customer who returns goes on counting.
    """
    known = state.fence if state is not None else marker.fence if marker is not None else (0, -1)
    if position <= known:
        return None
    sequences = dict(marker.sequences) if marker is not None else {}
    erased_at_ms = max(erasure.at_ms, marker.erased_at_ms if marker is not None else erasure.at_ms)
    if state is not None:
        sequences |= _sequences(state)
        erased_at_ms = max(erased_at_ms, state.erased_at_ms if state.erased_at_ms is not None else erased_at_ms)
    return Erased(Marker(position, erased_at_ms, sequences, erasure.at_ms), (Forgotten(erasure.customer_id),))


def returning(marker: Marker) -> CustomerState:
    """Return the blank state of a customer who was forgotten: it keeps the fence, the sequences and `erased_at`."""
    journeys = {name: JourneyState(sequence) for name, sequence in marker.sequences.items()}
    return CustomerState(marker.fence, journeys=journeys, erased_at_ms=marker.erased_at_ms)


def blank(state: CustomerState) -> CustomerState:
    """Return what stays of a customer at the end of a silence, until nobody has to be told any more."""
    return returning(_marker(state, -1))


def lay_down(state: CustomerState, now_ms: int, journeys: "Journeys") -> Marker | None:
    """Return the marker that the clock puts in place of a state at `now_ms`, or None: the state stays.

    That is when the silence is over and no journey was entered, so that no record of the customer tells of one. The
    null record of those who had entered one goes first: see `expire` of the engine.
    """
    due_ms = dues.silent_ms(state, journeys)
    if due_ms is None or now_ms <= due_ms or has_entered(state):
        return None
    return _marker(state, now_ms)


def has_entered(state: CustomerState) -> bool:
    """Return whether the customer has entered a journey since it was last forgotten, if it ever was."""
    return any(journey.instances for journey in state.journeys.values())


def is_over(marker: Marker, log_start: Fence, before_ms: int) -> bool:
    """Return whether a marker has done its work: made before `before_ms`, and the input begins after its fence.

    `log_start`: the position of the first record that the input still holds. So no replay needs the marker.
    """
    return max(marker.erased_at_ms, marker.made_ms) < before_ms and marker.fence < log_start


def require_secret(position: Position, secret: bytes) -> None:
    """Raise StateMismatch if the state of a partition was made with another secret: its markers would not be found.

    A position that does not say passes.
    """
    if position.secret_hash not in (b"", hash_of_secret(secret)):
        raise StateMismatch(
            "the state was made with another CJSTREAM_ERASURE_KEY, under which forgotten customers are known",
            "set the one that the workers had; if they had none, set none",
        )


def _marker(state: CustomerState, now_ms: int) -> Marker:
    known_ms = -1 if state.erased_at_ms is None else state.erased_at_ms
    return Marker(state.fence, max(state.newest_ms, state.heard_ms, known_ms), _sequences(state), now_ms)


def _sequences(state: CustomerState) -> dict[str, int]:
    return {name: journey.sequence for name, journey in state.journeys.items()}
