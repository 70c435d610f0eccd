"""`python -m cjstream.ops [readyz]`: ask the worker of this machine or container whether it is alive, or ready.

For containers, whose images lack curl. Exit code 0 yes, 1 no; the answer is printed.
"""

import http.client
import sys

from cjstream import settings
from cjstream.errors import ConfigError

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  nothing is bound: what listens there is asked here
ANSWER_SECONDS = 3.0


def main(page: str = "livez") -> int:
    """Print the answer and return the exit code. Blocks for ANSWER_SECONDS at most."""
    try:
        config = settings.load()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    host = ANYWHERE.get(config.metrics_host, config.metrics_host)
    connection = http.client.HTTPConnection(host, config.metrics_port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"/{page}")
        answer = connection.getresponse()
        sys.stdout.write(answer.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        sys.stdout.write(f"no answer at {host}:{config.metrics_port}: {error}\n")
        return 1
    finally:
        connection.close()
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
