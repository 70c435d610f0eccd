"""What can be set: one table, the frozen object made of it, and the only reader of the environment.

A new setting is a row in `table` (or `kafka_rows`) and a field in `values`, at the same place.
"""

from cjstream.settings.row import Setting
from cjstream.settings.secret import Secret, read_secret
from cjstream.settings.source import environment, export, load, load_local
from cjstream.settings.table import SETTINGS
from cjstream.settings.values import Settings

__all__ = ["SETTINGS", "Secret", "Setting", "Settings", "environment", "export", "load", "load_local", "read_secret"]
