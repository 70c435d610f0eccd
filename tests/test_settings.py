"""Settings: read once from the environment, frozen, and a bad value names key and value."""

import dataclasses
import os
from pathlib import Path

import pytest

from cjstream.errors import ConfigError
from cjstream.settings import SETTINGS, Settings, environment, export, load


def test_the_table_is_the_object_row_by_row() -> None:
    assert [row.field for row in SETTINGS] == [field.name for field in dataclasses.fields(Settings)]


def test_every_name_is_ours_unique_and_explained_in_a_sentence() -> None:
    assert len({row.env for row in SETTINGS}) == len(SETTINGS)
    for row in SETTINGS:
        assert row.env.startswith("CJSTREAM_")
        assert row.env.removeprefix("CJSTREAM_").replace("__", "_").lower() == row.field
        assert row.help.endswith(".")
        assert "\n" not in row.help


def test_without_an_environment_all_defaults_hold() -> None:
    settings = load({})
    assert settings.kafka_bootstrap_servers == "127.0.0.1:9092"
    assert (settings.app_id, settings.store, settings.data_dir) == ("cjstream", "memory", Path("cjstream-data"))
    assert (settings.kafka_session_timeout_seconds, settings.metrics_port) == (10, 9464)


def test_an_empty_variable_counts_as_unset() -> None:
    assert load({row.env: "" for row in SETTINGS}) == load({})


def test_the_environment_is_read_and_an_override_wins() -> None:
    environ = {"CJSTREAM_APP_ID": "shop", "CJSTREAM_METRICS_PORT": "0"}
    assert load(environ).app_id == "shop"
    settings = load(environ, app_id="store")
    assert (settings.app_id, settings.metrics_port) == ("store", 0)


def test_the_processes_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CJSTREAM_APP_ID", "from-process")
    assert load().app_id == "from-process"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load({}).app_id = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("env", "value"),
    [
        ("CJSTREAM_KAFKA__BOOTSTRAP_SERVERS", "localhost"),
        ("CJSTREAM_KAFKA__BOOTSTRAP_SERVERS", "a:9092, b:9092"),
        ("CJSTREAM_KAFKA__REPLICATION_FACTOR", "ten"),
        ("CJSTREAM_KAFKA__REPLICATION_FACTOR", "-2"),
        ("CJSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS", "5"),
        ("CJSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS", "nan"),
        ("CJSTREAM_KAFKA__SESSION_TIMEOUT_SECONDS", "inf"),
        ("CJSTREAM_APP_ID", "my shop"),
        ("CJSTREAM_APP_ID", "x" * 201),
        ("CJSTREAM_TOPICS__PREFIX", "shop/"),
        ("CJSTREAM_TOPICS__TOUCHPOINTS", "touch points"),
        ("CJSTREAM_STORE", "Memory"),
        ("CJSTREAM_MAX_SKEW_SECONDS", "-1"),
        ("CJSTREAM_MAX_PENDING_RECORDS", "0"),
        ("CJSTREAM_MAX_PENDING_RECORDS", "1.5"),
        ("CJSTREAM_MAX_PENDING_BYTES", "1000"),
        ("CJSTREAM_MAX_FETCH_BYTES", "4MB"),
        ("CJSTREAM_ON_INTERNAL_ERROR", "ignore"),
        ("CJSTREAM_METRICS_PORT", "65536"),
    ],
)
def test_a_bad_value_names_key_and_value(env: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({env: value})
    assert (caught.value.key, caught.value.value) == (env, value)
    assert str(caught.value).startswith(f"{env}={value!r}: use ")


def test_several_brokers_are_taken() -> None:
    assert load({}, kafka_bootstrap_servers="a:9092,b:9093").kafka_bootstrap_servers == "a:9092,b:9093"


def test_topic_names_follow_the_prefix_unless_set() -> None:
    settings = load({}, topics_prefix="shop.", topics_signals="alerts", app_id="app")
    assert (settings.touchpoints, settings.transitions, settings.stage_current, settings.signals) == (
        "shop.touchpoints", "shop.transitions", "shop.stage.current", "alerts",
    )  # fmt: skip
    assert settings.dead_letter == "shop.dead-letter"
    assert settings.state_changelog == "app-state-changelog"


def test_journey_files_are_separated_by_colons() -> None:
    assert load({}).journey_files == ()
    assert load({}, journeys="a.yaml:/b/c.yaml:").journey_files == ("a.yaml", "/b/c.yaml")


def test_a_child_reads_back_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CJSTREAM_APP_ID", "of-the-parent")
    settings = load({}, app_id="child", topics_prefix="p.", max_skew_seconds="1.5", journeys="a.yaml")
    environ = environment(settings)
    assert load(environ) == settings
    assert environ["PATH"] == os.environ["PATH"]
    assert os.environ["CJSTREAM_APP_ID"] == "of-the-parent"


def test_settings_can_be_written_into_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in SETTINGS:
        monkeypatch.setenv(row.env, "")
    settings = load({}, app_id="exported", metrics_port="0")
    export(settings)
    assert load() == settings


def test_a_misspelt_name_is_refused_with_the_one_meant() -> None:
    with pytest.raises(ConfigError, match="did you mean CJSTREAM_KAFKA__BOOTSTRAP_SERVERS"):
        load({"CJSTREAM_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"})


def test_a_name_like_none_of_ours_is_refused_without_a_guess() -> None:
    with pytest.raises(ConfigError, match=r"is no setting$"):
        load({"CJSTREAM_BOGUS": "1"})


@pytest.mark.parametrize("name", ["transitions", "dead-letter", "cjstream-state-changelog"])
def test_two_topics_of_one_name_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="two topics"):
        load({"CJSTREAM_TOPICS__TOUCHPOINTS": name})
