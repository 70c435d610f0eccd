"""docker-compose.yml, without an engine: it parses, and what it repeats is so where it comes from."""

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from compose_spec import PyCompose

from cjstream import definitions, local, settings
from cjstream.ops import __main__ as probe
from tests import containers
from tests.deployed import PORT, ROOT, ROWS, START_SECONDS, STOP_SECONDS, command, examples, ours, seconds, yaml

FILE = ROOT / "docker-compose.yml"
WHOLE = yaml(FILE)
SERVICES: dict[str, dict[str, Any]] = WHOLE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "cjstream:local"}
PROFILES = {"monitoring": {"alertmanager", "prometheus", "grafana"}, "demo": {"generate"}}


def test_it_is_what_the_specification_allows() -> None:
    PyCompose.from_json(json.dumps(WHOLE)).validate()
    misspelt = WHOLE | {"services": {"worker": {"imge": "cjstream:local"}}}
    with pytest.raises(ValueError, match="imge"):
        PyCompose.from_json(json.dumps(misspelt))
    assert "version" not in WHOLE  # engines warn of it


def test_profiles_start_what_they_say_and_nothing_waits_for_what_is_not_started() -> None:
    asked = {name: set(service.get("profiles", ())) for name, service in SERVICES.items()}
    assert {profile: {name for name, of in asked.items() if profile in of} for profile in PROFILES} == PROFILES
    assert {name for name, of in asked.items() if not of} == {"kafka", "topics", "worker"}
    for name, service in SERVICES.items():
        for other, dependency in service.get("depends_on", {}).items():
            assert asked[other] <= asked[name], f"{name} needs {other}, which its profile does not start"
            healthy = dependency["condition"] == "service_healthy"
            assert "healthcheck" in SERVICES[other] or not healthy, f"{other} has no health to wait for"
            ends = SERVICES[other]["restart"] == "no"
            assert ends == (dependency["condition"] == "service_completed_successfully")


def test_all_ports_are_published_on_loopback_alone_and_no_two_are_the_same() -> None:
    published = [str(port) for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    numbers = [re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in published]
    assert all(numbers)
    assert len({match[1] for match in numbers if match}) == len(published)


def test_the_journeys_that_run_unless_others_are_named_come_with_cjstream_and_fill_every_board() -> None:
    asked = re.fullmatch(r"\$\{CJSTREAM_JOURNEYS:-([a-z_:]+)\}", SERVICES["worker"]["environment"]["CJSTREAM_JOURNEYS"])
    assert asked
    journeys = [definitions.shipped(name) for name in asked[1].split(":")]
    assert any("channel" in journey.count_by for journey in journeys)
    for measure in ("metrics", "sentiment", "feedback", "score", "expected"):
        assert any(getattr(journey.measures, measure) for journey in journeys), measure


def test_images_have_tags_that_stay() -> None:
    for service in SERVICES.values():
        assert re.fullmatch(r"[\w./-]+:(v?\d+\.\d+\.\d+|local)", service["image"])
    assert SERVICES["kafka"]["image"].partition(":")[2] == local.KAFKA.rpartition(":")[2]  # what the tests run


def test_what_is_mounted_exists_and_is_read_only_or_a_volume() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            if source.startswith("."):
                assert mode == ["ro"]
                assert (ROOT / source).is_dir(), f"{source} is not there: an engine would make it, empty"
            else:
                assert source in WHOLE["volumes"], volume
            assert target.startswith("/")
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())}
    assert set(WHOLE["volumes"]) <= used


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_has_no_rights_a_bound_on_memory_and_no_secret(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert not service.get("privileged")
    assert "user" not in service  # each image has one that is not root
    secret = re.compile(r"PASSWORD|TOKEN|SECRET|ERASURE_KEY")
    assert [key for key, value in service.get("environment", {}).items() if secret.search(key) and value] == []


def test_settings_are_known_and_none_repeats_a_default() -> None:
    for service in OURS.values():
        given = ours(service["environment"])
        assert given
        values = {name: re.sub(r"\$\{(\w+):-\}", "", value) for name, value in given.items()}
        settings.load(containers.environment() | values)  # it refuses what it does not know
        assert [name for name, value in values.items() if value == ROWS[name].default and "$" not in given[name]] == []


def test_what_the_page_puts_into_an_override_goes_with_the_file() -> None:
    overrides = examples("run-with-compose.md")
    assert len(overrides) == 3
    for override in overrides:
        for name, service in override["services"].items():
            merged = SERVICES[name] | service
            PyCompose.from_json(json.dumps(WHOLE | override | {"services": SERVICES | {name: merged}})).validate()
            settings.load(ours(service.get("environment", {})))
            if name == "worker":
                command(merged.get("command", ["worker"]))


def test_commands_exist_with_their_options() -> None:
    for service in OURS.values():
        command(service.get("command", ["worker"]))
    with pytest.raises(click.UsageError):
        command(["worker", "--proceses", "2"])
    with pytest.raises(click.UsageError):
        command(["genrate"])


def test_one_build_makes_the_image_that_all_use() -> None:
    assert [name for name, service in OURS.items() if "build" in service] == ["worker"]
    assert SERVICES["worker"]["build"] == "."
    assert {OURS[name]["pull_policy"] for name in OURS if name != "worker"} == {"never"}
    assert all(service["read_only"] and service["init"] for service in OURS.values())


def test_the_worker_has_its_volume_a_name_that_stays_and_time_to_stop() -> None:
    worker = SERVICES["worker"]
    [data] = [volume.partition(":")[2] for volume in worker["volumes"]]
    assert data == containers.environment()["CJSTREAM_DATA_DIR"]
    assert worker["hostname"] == "worker"
    assert seconds(worker["stop_grace_period"]) > STOP_SECONDS
    assert worker["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert [each.rest for each in containers.final("EXPOSE")] == [str(PORT)]
    assert worker["restart"] == "unless-stopped"  # 75 and 3 need a start; 2 and 4 say their sentence once a minute


def test_health_is_asked_as_the_image_does_but_of_the_page_that_tells_of_input() -> None:
    asked = SERVICES["worker"]["healthcheck"]
    [image] = containers.final("HEALTHCHECK")
    assert asked == {"test": ["CMD", *image.words, "readyz"]}
    assert image.words == ["python", "-m", probe.__package__]
    start = re.search(r"--start-period=(\w+)", image.rest)
    assert start
    assert seconds(start[1]) >= START_SECONDS


def test_kafka_says_of_itself_what_others_call_it() -> None:
    kafka = SERVICES["kafka"]["environment"]
    listeners = dict(re.findall(r"(\w+)://:(\d+)", kafka["KAFKA_LISTENERS"]))
    told = dict(re.findall(r"(\w+)://([\w.]+:\d+)", kafka["KAFKA_ADVERTISED_LISTENERS"]))
    assert told == {
        "NETWORK": f"{SERVICES['kafka']['hostname']}:{listeners['NETWORK']}",
        "HOST": ROWS["CJSTREAM_KAFKA__BOOTSTRAP_SERVERS"].default,
    }
    assert SERVICES["kafka"]["ports"] == [f"127.0.0.1:{listeners['HOST']}:{listeners['HOST']}"]
    assert {ours(each["environment"])["CJSTREAM_KAFKA__BOOTSTRAP_SERVERS"] for each in OURS.values()} == {
        told["NETWORK"]
    }
    assert SERVICES["kafka"]["healthcheck"]["test"][-1] == told["NETWORK"]
    assert kafka["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"1@kafka:{listeners['CONTROLLER']}"
    [volume] = SERVICES["kafka"]["volumes"]
    assert volume == f"kafka:{kafka['KAFKA_LOG_DIRS']}"
    assert re.fullmatch(r"[\w-]{22}", kafka["CLUSTER_ID"])


def test_prometheus_and_grafana_find_each_other() -> None:
    config = yaml(ROOT / "monitoring" / "prometheus" / "prometheus.yml")
    [job] = [job for job in config["scrape_configs"] if job["job_name"] == "cjstream"]
    targets = [target for group in job["static_configs"] for target in group["targets"]]
    assert targets == [f"worker:{PORT}"]
    alerting = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert alerting == ["alertmanager:9093"]
    provisioning = ROOT / "monitoring" / "grafana" / "provisioning"
    [sources] = [yaml(path) for path in (provisioning / "datasources").glob("*.yaml")]
    assert [source["url"] for source in sources["datasources"]] == ["http://prometheus:9090"]
    [boards] = [yaml(path) for path in (provisioning / "dashboards").glob("*.yaml")]
    paths = {provider["options"]["path"] for provider in boards["providers"]}
    assert paths <= {volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]}


def test_grafana_lets_everybody_look_and_nobody_change_anything() -> None:
    environment = SERVICES["grafana"]["environment"]
    for name in ("AUTH_ANONYMOUS_ENABLED", "AUTH_DISABLE_LOGIN_FORM", "SECURITY_DISABLE_INITIAL_ADMIN_CREATION"):
        assert environment[f"GF_{name}"] == "true"
    assert "GF_AUTH_ANONYMOUS_ORG_ROLE" not in environment  # Viewer, unless set
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / "monitoring" / "grafana" / "dashboards" / home.name).exists()
