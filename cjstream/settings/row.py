"""What is known of one setting."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cjstream.settings.secret import Secret

Value = str | int | float | Path | Secret
FILE_FIELD, FILE_ENV = "_file", "_FILE"  # behind a secret's names: the setting for the file that has it


class Setting(NamedTuple):
    """One row: the field of `Settings`, its environment name, default text, parser and one line of help.

    A row whose parser is `Secret` is followed by one of the same names and FILE_FIELD, FILE_ENV.
    """

    field: str
    env: str
    default: str
    parse: Callable[[str], Value]
    help: str

    @property
    def is_secret(self) -> bool:
        """Whether the value may not be shown."""
        return self.parse is Secret
