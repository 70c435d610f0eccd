"""Who may read what."""

import hmac
import ipaddress
from typing import NamedTuple

from cjstream.errors import ConfigError
from cjstream.settings import Secret, Settings, read_secret

TOKEN = "CJSTREAM_METRICS_TOKEN_FILE"  # noqa: S105  a setting's name
BEARER = "bearer"


def read_token(settings: Settings) -> Secret | None:
    """Return the token that /metrics asks for, None for none. Raises ConfigError if its file is of no use."""
    path = settings.metrics_token_file
    if not path:
        return None
    token = read_secret(TOKEN, path)
    if not all("!" <= letter <= "~" for letter in token.reveal()):
        raise ConfigError(TOKEN, path, "use one line of ASCII letters, digits and signs, without a space")
    return token


def headers_of(token: Secret | None) -> dict[str, str]:
    """Return the headers that a client sends with a request for /metrics."""
    return {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}


class Access(NamedTuple):
    """Where the server listens, and the token that /metrics asks for, None for none."""

    host: str
    token: Secret | None

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can connect."""
        return ipaddress.ip_address(self.host).is_loopback

    def may_read(self, authorization: str) -> bool:
        """Return whether this Authorization header lets its sender read /metrics."""
        if self.token is None:
            return True
        scheme, _, sent = authorization.partition(" ")
        is_right = hmac.compare_digest(sent.strip().encode(), self.token.reveal().encode())
        return is_right and scheme.lower() == BEARER

    def is_misled(self, host: str) -> bool:
        """Return whether a Host header tells of a client that was led here by a name of somebody else.

        That is how a page from elsewhere, in a browser on this machine, reads what only this machine may: its name
        changes from its own address to loopback. It has no token, so where one is asked for any name will do.
        """
        if not self.is_local or self.token is not None:
            return False
        name, colon, port = host.strip().rpartition(":")
        if not (colon and port.isdecimal()):
            name = host.strip()
        return name.lower() not in {"", "localhost"} and not _is_address(name.removeprefix("[").removesuffix("]"))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
