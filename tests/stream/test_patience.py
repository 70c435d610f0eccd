"""An answer of Kafka that does not come is asked for again, for a while."""

import pytest
from aiokafka.errors import KafkaConnectionError

from cjstream.errors import BrokerUnreachable, StateMismatch
from cjstream.stream import patience


class Kafka:
    """Answers with what it was given, one by one; errors are raised."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)

    async def ask(self) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.0)


@pytest.mark.asyncio
async def test_it_asks_until_there_is_an_answer() -> None:
    kafka = Kafka(KafkaConnectionError(), TimeoutError(), BrokerUnreachable("kafka:9092", 5), "yes")
    assert await patience.answered(kafka.ask) == "yes"


@pytest.mark.asyncio
async def test_a_fault_that_waiting_does_not_mend_is_raised_at_once() -> None:
    kafka = Kafka(StateMismatch("another input", "accept it"), "yes")
    with pytest.raises(StateMismatch):
        await patience.answered(kafka.ask)


@pytest.mark.asyncio
async def test_after_a_while_the_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", -1.0)
    with pytest.raises(TimeoutError):
        await patience.answered(Kafka(TimeoutError(), "yes").ask)
