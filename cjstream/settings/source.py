"""From the environment to settings and back. The only reader of the environment."""

import os
from collections.abc import Mapping
from difflib import get_close_matches

from cjstream.errors import ConfigError
from cjstream.settings.kafka_rows import SECURITY
from cjstream.settings.row import FILE_ENV, FILE_FIELD, Setting, Value
from cjstream.settings.secret import Secret, read_secret
from cjstream.settings.security import refuse_misfits
from cjstream.settings.table import SETTINGS
from cjstream.settings.values import Settings

LIKENESS = 0.8  # from which on one name is taken for another misspelt


def load(environ: Mapping[str, str] | None = None, **overrides: str) -> Settings:
    """Return the settings of `environ` (default: the process's). `overrides` are texts by field name, and win.

    Secrets are read from their files. Raises ConfigError naming key and value, but no secret. An unset or empty
    variable takes the default.
    """
    source = os.environ if environ is None else environ
    _refuse_unknown(source)
    values = {row.field: _read(row, source, overrides) for row in SETTINGS}
    for row in SETTINGS:
        if row.is_secret and (path := str(values[row.field + FILE_FIELD])):
            values[row.field] = _from_file(row, values[row.field], path)
    found = Settings(**values)  # type: ignore[arg-type]
    _refuse_equal_topics(found)
    refuse_misfits(found)
    return found


def load_local(**overrides: str) -> Settings:
    """Return `load(**overrides)` for a broker of our own on this machine: without the security set for another one."""
    hidden = {row.env for row in SECURITY}
    return load({name: value for name, value in os.environ.items() if name not in hidden}, **overrides)


def _refuse_unknown(source: Mapping[str, str]) -> None:
    """A misspelt setting would silently be the default: of the broker, say."""
    known = [row.env for row in SETTINGS]
    for name, value in source.items():
        if name.startswith("CJSTREAM_") and name not in known and not name.startswith("CJSTREAM_TEST_"):
            near = get_close_matches(name, known, 1, LIKENESS)
            why = f"is no setting; did you mean {near[0]}?" if near else "is no setting"
            raise ConfigError(name, Secret(value), why)  # it may well be one


def _refuse_equal_topics(settings: Settings) -> None:
    names = [settings.touchpoints, settings.transitions, settings.stage_current, settings.signals]
    names += [settings.dead_letter, settings.state_changelog, settings.facts]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError("CJSTREAM_TOPICS__*", name, "two topics have this name; each needs its own")


def _read(row: Setting, source: Mapping[str, str], overrides: Mapping[str, str]) -> Value:
    text = overrides.get(row.field) or source.get(row.env) or row.default
    try:
        return row.parse(text)
    except ValueError as error:
        raise ConfigError(row.env, text, str(error)) from None


def _from_file(row: Setting, given: Value, path: str) -> Secret:
    if given:
        raise ConfigError(row.env, given, f"{row.env}{FILE_ENV} is set too; keep one of them")
    return read_secret(row.env + FILE_ENV, path)


def environment(settings: Settings) -> dict[str, str]:
    """Return the process's environment with `settings` written into it, for a child process that reads them back.

    A secret from a file stays in its file: the child is told where it is.
    """
    return {**os.environ, **{row.env: _written(row, settings) for row in SETTINGS}}


def _written(row: Setting, settings: Settings) -> str:
    value = getattr(settings, row.field)
    if not isinstance(value, Secret):
        return str(value)
    return "" if getattr(settings, row.field + FILE_FIELD) else value.reveal()


def export(settings: Settings) -> None:
    """Write `settings` into this process's own environment, for parts that are configured by it."""
    os.environ.update(environment(settings))
