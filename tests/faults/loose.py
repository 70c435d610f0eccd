"""Workers whose errors quote a customer: `python -m tests.faults.loose NAME`. None of it may come to the logs."""

import sys
from typing import Any, NoReturn

from cjstream import settings
from cjstream.core import engine
from cjstream.stream.publisher import Publisher


def fail(*quoted: Any) -> NoReturn:
    """Raise what a bug might: an error with the values at hand in its text."""
    try:
        raise KeyError(*quoted)
    except KeyError as error:
        raise ValueError(f"no such thing: {quoted!r}") from error


def engine_fails() -> None:
    """A touchpoint makes the engine fail."""
    engine.advance = fail  # type: ignore[assignment]


def deadline_fails() -> None:
    """So does a deadline."""
    engine.expire = fail  # type: ignore[assignment]


def publishing_fails() -> None:
    """A group of records makes the publisher fail."""

    async def publish(_: Publisher, group: Any) -> None:
        fail(group)

    Publisher._publish = publish  # type: ignore[assignment, method-assign]


def agent_fails() -> None:
    """A user's agent fails with each transition."""
    from cjstream.stream.app import app, transitions  # noqa: PLC0415 - it is made of the environment

    async def loud(stream: Any) -> None:
        async for value in stream:
            fail(value)

    app.agent(transitions, name="loud")(loud)


LOOSE = {each.__name__: each for each in (engine_fails, deadline_fails, publishing_fails, agent_fails)}

if __name__ == "__main__":
    LOOSE[sys.argv[1]]()
    from cjstream.stream import run

    sys.exit(run.main(settings.load(metrics_port="0")))
