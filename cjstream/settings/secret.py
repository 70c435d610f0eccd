"""Texts that nobody may see by accident, and the files they come from."""

import stat
from functools import lru_cache
from pathlib import Path

from cjstream.errors import ConfigError
from cjstream.logs import tell

HIDDEN = "***"
MAX_BYTES = 65_536  # of a file: what is longer is another file


class Secret:
    """A text that neither str() nor repr() nor a traceback shows; false when empty. Only `reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one place that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return HIDDEN if self._text else "''"


def read_secret(key: str, path: str) -> Secret:
    """Return the secret in a file, less one line break at its end.

    Raises ConfigError, with `key` and the path but nothing of the content, if there is none to be had. One that every
    user of the machine may read is taken with a warning: Kubernetes and Docker mount secrets that way, into containers
    that have no other users.
    """
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would wait for its writer, and give what it has only once
            raise ConfigError(key, path, "it is no file: put the secret into one")
        if found.st_size > MAX_BYTES:
            raise ConfigError(key, path, f"the file is no secret: it has more than {MAX_BYTES} bytes")
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise ConfigError(key, path, f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(key, path, "the file has something else than UTF-8 text") from None
    secret = Secret(text.removesuffix("\n").removesuffix("\r"))
    if not secret:
        raise ConfigError(key, path, "the file is empty")
    if found.st_mode & stat.S_IROTH:
        _warn_of_readers(key, path)
    return secret


@lru_cache  # once in a process, however often the settings are loaded
def _warn_of_readers(key: str, path: str) -> None:
    tell("secret_readable", setting=key, path=path)
