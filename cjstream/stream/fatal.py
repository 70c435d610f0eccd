"""The one way a worker gives up: at once, before anything more is sent or committed."""

import logging
import os
from typing import NoReturn

from aiokafka.errors import KafkaError

from cjstream.logs import tell

BUG, RESTART = 70, 75  # exit codes, after BSD's sysexits: EX_SOFTWARE, EX_TEMPFAIL


def exit_code(error: BaseException) -> int:
    """Return the code to end with because of an error: its own, or whether a restart may help."""
    # StoreError and what the system says of disk and network are OSErrors.
    return int(getattr(error, "exit_code", RESTART if isinstance(error, KafkaError | OSError) else BUG))


def give_up(code: int, message: str, error: BaseException | None = None) -> NoReturn:
    """Say why and end the process with `code`, running no clean-up.

    Clean-up would flush, commit and leave the group: what was not acked must stay uncommitted, and Faust's services
    swallow exceptions, so raising would not stop them.
    """
    tell("gave_up", traced=error if code == BUG else None, why=message, exit_code=code)
    logging.shutdown()
    os._exit(code)
