"""What is said in logs: `tell` says one of EVENTS. `logs.setup` lets all logs of a process come out in one form.

No other module writes a log line. See docs/reference/logs.md.
"""

from cjstream.logs.events import EVENTS, Event
from cjstream.logs.telling import tell

__all__ = ["EVENTS", "Event", "tell"]
