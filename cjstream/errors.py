"""The errors a person can act on. Bad input is no error: it is a value with a reason (core/touchpoint.py)."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple


class CjstreamError(Exception):
    """Base of all: `exit_code` ends the process, `retry` says whether a restart may help. The text says what to do."""

    exit_code: ClassVar[int] = 70
    retry: ClassVar[bool] = False


class ConfigError(CjstreamError):
    """A setting or an option has a bad value; nothing was started."""

    exit_code = 2

    def __init__(self, key: str, value: object, why: str) -> None:
        super().__init__(f"{key}={value!r}: {why}")
        self.key, self.value, self.why = key, value, why


class BrokerUnreachable(CjstreamError):
    """No Kafka broker answered within `seconds`."""

    exit_code = 3
    retry = True

    def __init__(self, servers: str, seconds: float) -> None:
        super().__init__(
            f"no Kafka broker answers at {servers} within {seconds:g} s; "
            "start one (`cjstream broker`) or set CJSTREAM_KAFKA__BOOTSTRAP_SERVERS"
        )
        self.servers, self.seconds = servers, seconds


class BrokerUnfit(CjstreamError):
    """A broker answers, but something about it keeps us off, and waiting will not change that."""

    exit_code = 3


class NotAuthorised(CjstreamError):
    """Kafka's access control refuses our user; the text names who lacks what, and how it is granted."""

    exit_code = 4


class StateMismatch(CjstreamError):
    """Topics, state and input do not fit together; a person must decide. `todo` is the command or step to take."""

    exit_code = 4

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(f"{what}; {todo}")
        self.what, self.todo = what, todo


class Problem(NamedTuple):
    """One fault of a journey definition: where (`stages[1].id`), the line in the file if known, and what is wrong."""

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        return f"{line}{self.path or 'definition'}: {self.message}"


class DefinitionError(CjstreamError):
    """A journey definition is wrong; `problems` has every fault found, `source` the file or name."""

    exit_code = 2

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"{source}: " + "; ".join(map(str, problems)))
        self.source, self.problems = source, tuple(problems)
