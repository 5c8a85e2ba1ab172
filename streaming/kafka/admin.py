"""Brings the brokers' topics in line with the catalogue."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streaming.kafka.connection import Connection
from streaming.kafka.topics import CATALOGUE, PhysicalTopic, Topic, physical

VISIBLE_WITHIN_SECONDS: Final = 15.0
"""A created topic shows up in every broker's metadata a moment later."""


_SET_ON_TOPIC: Final = 1
"""Config source ``DYNAMIC_TOPIC_CONFIG`` (org.apache.kafka DescribeConfigsResponse)."""


class AdminError(Exception):
    """The brokers are away, or refused a change; the text says which."""


@dataclass(frozen=True, kw_only=True)
class Present:
    """A topic as a broker reports it."""

    partitions: int
    replication: int
    configs: Mapping[str, str]
    """All of them, defaults included."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Those set on the topic itself."""
    led: bool = True
    """Whether every partition has a leader."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One way in which a topic is not as the catalogue says."""

    topic: str
    what: str
    """``missing``, ``partitions``, ``replication`` or the name of a config."""
    expected: str
    actual: str

    @property
    def repairable(self) -> bool:
        """Whether :func:`ensure_topics` changes it; partitions never shrink, and replicas are
        moved by the cluster's operator.
        """
        if self.what == "partitions":
            return int(self.actual) < int(self.expected)
        return self.what != "replication"


def compare(
    wanted: Iterable[PhysicalTopic], present: Mapping[str, Present], replication: int
) -> tuple[Difference, ...]:
    """How `present` differs from `wanted`."""
    found: list[Difference] = []
    for topic in wanted:
        there = present.get(topic.name)
        if there is None:
            found.append(
                Difference(
                    topic=topic.name,
                    what="missing",
                    expected=f"{topic.partitions} partitions",
                    actual="",
                )
            )
            continue
        pairs = [
            ("partitions", str(topic.partitions), str(there.partitions)),
            ("replication", str(replication), str(there.replication)),
            *((name, value, there.configs.get(name, "")) for name, value in topic.configs.items()),
        ]
        found.extend(
            Difference(topic=topic.name, what=what, expected=expected, actual=actual)
            for what, expected, actual in pairs
            if expected != actual
        )
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What :func:`ensure_topics` found and did."""

    topics: int
    changed: tuple[Difference, ...]
    drift: tuple[Difference, ...]
    """What is left: not repairable, or everything when only checking."""


async def ensure_topics(
    connection: Connection | str,
    replication: int = 1,
    *,
    topics: Iterable[Topic] | None = None,
    check: bool = False,
) -> Outcome:
    """Create what is missing, add partitions, set configs; idempotent. With `check` nothing is
    changed. Raises :class:`AdminError`.
    """
    wanted = physical(CATALOGUE.values() if topics is None else topics)
    client = AIOKafkaAdminClient(**Connection.of(connection).client_options())
    try:
        await client.start()
        present = await _present(client, wanted)
        differences = compare(wanted, present, replication)
        if check:
            return Outcome(topics=len(wanted), changed=(), drift=differences)
        changed = tuple(difference for difference in differences if difference.repairable)
        await _repair(client, wanted, present, changed, replication)
        if changed:
            await _visible(client, wanted, replication)
        drift = tuple(difference for difference in differences if not difference.repairable)
        return Outcome(topics=len(wanted), changed=changed, drift=drift)
    except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
        raise AdminError(str(error) or type(error).__name__) from error
    finally:
        await client.close()


async def _repair(
    client: AIOKafkaAdminClient,
    wanted: Iterable[PhysicalTopic],
    present: Mapping[str, Present],
    changed: Iterable[Difference],
    replication: int,
) -> None:
    by_name = {topic.name: topic for topic in wanted}
    missing: list[NewTopic] = []
    grow: dict[str, NewPartitions] = {}
    reset: set[str] = set()
    for difference in changed:
        topic = by_name[difference.topic]
        if difference.what == "missing":
            missing.append(
                NewTopic(
                    topic.name, topic.partitions, replication, topic_configs=dict(topic.configs)
                )
            )
        elif difference.what == "partitions":
            grow[topic.name] = NewPartitions(total_count=topic.partitions)
        else:
            reset.add(topic.name)
    if missing:
        response = await client.create_topics(missing)
        for name, code, *_ in response.topic_errors:
            error = kafka_errors.for_code(code)
            if error not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
                raise AdminError(f"creating {name} was refused: {error.__name__}")
    if grow:
        await client.create_partitions(grow)
    if reset:
        responses = await client.alter_configs(
            [
                # this request resets what it does not name
                ConfigResource(
                    ConfigResourceType.TOPIC,
                    name,
                    {**present[name].overrides, **by_name[name].configs},
                )
                for name in sorted(reset)
            ]
        )
        for response in responses:
            for code, message, _, name in response.resources:
                if code:
                    raise AdminError(f"configuring {name} was refused: {message}")


async def _present(
    client: AIOKafkaAdminClient, wanted: Iterable[PhysicalTopic]
) -> dict[str, Present]:
    """Those of `wanted` that exist. Asked for all topics: naming an unknown one can create it."""
    names = {topic.name for topic in wanted}
    described: list[dict[str, Any]] = [
        topic for topic in await client.describe_topics() if topic["topic"] in names
    ]
    if not described:
        return {}
    configs: dict[str, dict[str, str]] = {}
    overrides: dict[str, dict[str, str]] = {}
    for response in await client.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic["topic"]) for topic in described]
    ):
        for code, message, _, name, entries in response.resources:
            if code:
                raise AdminError(f"describing {name} was refused: {message}")
            configs[name] = {entry[0]: entry[1] for entry in entries}
            overrides[name] = {e[0]: e[1] for e in entries if e[3] == _SET_ON_TOPIC}
    return {
        topic["topic"]: Present(
            partitions=len(topic["partitions"]),
            replication=min(len(part["replicas"]) for part in topic["partitions"]),
            configs=configs.get(topic["topic"], {}),
            overrides=overrides.get(topic["topic"], {}),
            led=all(part["leader"] >= 0 for part in topic["partitions"]),
        )
        for topic in described
    }


async def _visible(
    client: AIOKafkaAdminClient, wanted: tuple[PhysicalTopic, ...], replication: int
) -> None:
    """Wait until the brokers report what was changed, and a leader for every partition."""
    async with asyncio.timeout(VISIBLE_WITHIN_SECONDS):
        while True:
            present = await _present(client, wanted)
            if all(topic.led for topic in present.values()) and not any(
                difference.repairable for difference in compare(wanted, present, replication)
            ):
                return
            await asyncio.sleep(0.05)
