"""The catalogue of Kafka topics: the one place that names them.

Producers, consumers, ``eco2 topics`` and the cluster's topic resources all read it. A topic that is
worked on (``retry`` not empty, or a dead letter queue) brings derived topics with it: one retry
topic a step of its schedule, ``<topic>.retry.<n>``, and ``<topic>.dlq``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from google.protobuf.message import Message

DAY_SECONDS: Final = 86_400
HOUR_SECONDS: Final = 3_600

MAX_NAME: Final = 249
"""Longest topic name a broker accepts (Kafka's ``Topic.validate``)."""

RETRY_PARTITIONS: Final = 2
"""Partitions of a retry topic. Every assigned partition costs about 10 µs of CPU in each fetch, and
retries are rare: two keep them spread over more than one process and cost next to nothing."""

DLQ_PARTITIONS: Final = 1
"""A dead letter queue is read by people and by one reprocessor, in order."""

DLQ_RETENTION_SECONDS: Final = 7 * DAY_SECONDS
ARCHIVE_RETENTION_SECONDS: Final = 30 * DAY_SECONDS


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic of work or facts, as the catalogue describes it."""

    name: str
    key: str
    """What the record key is, in words: records with the same key keep their order."""
    message: str
    """Full name of the protobuf message in the value, such as ``eco2.pipeline.v1.ScanTask``."""
    partitions: int
    retention_seconds: int
    producer: str
    consumers: tuple[str, ...]
    cleanup: str = "delete"
    """``delete``, ``compact`` or ``compact,delete``."""
    retry: tuple[float, ...] = ()
    """Seconds to wait before the 2nd, 3rd, … attempt; one more attempt than entries is made."""
    in_place: bool = False
    """Wait for the next attempt at the head of the key's lane instead of in a retry topic, so that
    later records of the same key never overtake (turns of one chat)."""
    dead_letter: bool = True
    """False for pure facts (compacted state) that nobody dead-letters."""

    @property
    def attempts(self) -> int:
        """How often a record is tried at the most."""
        return len(self.retry) + 1

    @property
    def dlq(self) -> str:
        """Name of the dead letter queue."""
        return f"{self.name}.dlq"

    def retry_topic(self, step: int) -> str:
        """Name of the topic a record waits in after its `step`-th failure (from 1)."""
        if not 1 <= step <= len(self.retry):
            raise ValueError(f"{self.name} has no retry step {step}")
        return f"{self.name}.retry.{step}"

    @property
    def retry_topics(self) -> tuple[str, ...]:
        """Names of all retry topics; empty when it is retried in place or not at all."""
        if self.in_place:
            return ()
        return tuple(self.retry_topic(step) for step in range(1, len(self.retry) + 1))

    def message_type(self) -> type[Message]:
        """Generated class of the value; LookupError when the generated code lacks it."""
        return _message_type(self.message)


@dataclass(frozen=True, kw_only=True)
class PhysicalTopic:
    """A topic as the broker has to know it: derived ones stand beside those of the catalogue."""

    name: str
    partitions: int
    configs: Mapping[str, str]
    origin: str
    """Name of the catalogue topic it belongs to."""


SCAN_VISION: Final = Topic(
    name="scan.vision",
    key="job_id",
    message="eco2.pipeline.v1.ScanTask",
    partitions=6,
    retention_seconds=DAY_SECONDS,
    producer="scan",
    consumers=("pipeline",),
    retry=(1.0, 5.0, 15.0, 60.0),
)
SCAN_RULE: Final = Topic(
    name="scan.rule",
    key="job_id",
    message="eco2.pipeline.v1.ScanTask",
    partitions=6,
    retention_seconds=DAY_SECONDS,
    producer="pipeline",
    consumers=("pipeline",),
    retry=(1.0, 5.0, 15.0, 60.0),
)
SCAN_ANSWER: Final = Topic(
    name="scan.answer",
    key="job_id",
    message="eco2.pipeline.v1.ScanTask",
    partitions=6,
    retention_seconds=DAY_SECONDS,
    producer="pipeline",
    consumers=("pipeline",),
    retry=(1.0, 5.0, 15.0, 60.0),
)
SCAN_REWARD: Final = Topic(
    name="scan.reward",
    key="job_id",
    message="eco2.pipeline.v1.ScanTask",
    partitions=6,
    retention_seconds=DAY_SECONDS,
    producer="pipeline",
    consumers=("pipeline",),
    retry=(1.0, 5.0, 15.0, 60.0),
)
REWARD_GRANTED: Final = Topic(
    name="reward.granted",
    key="user_id",
    message="eco2.pipeline.v1.RewardGranted",
    partitions=3,
    retention_seconds=7 * DAY_SECONDS,
    producer="pipeline",
    consumers=("ownership",),
    retry=(1.0, 10.0, 60.0, 300.0),
)
SCAN_CORRECTED: Final = Topic(
    name="scan.corrected",
    key="user_id",
    message="eco2.pipeline.v1.ScanCorrected",
    partitions=3,
    retention_seconds=7 * DAY_SECONDS,
    producer="scan",
    consumers=("points",),
    retry=(1.0, 10.0, 60.0, 300.0),
)
AUTH_REVOCATIONS: Final = Topic(
    name="auth.revocations",
    key="session_id",
    message="eco2.pipeline.v1.SessionRevoked",
    partitions=4,
    # A record is needed as long as a token of its session could be valid: refresh tokens live for
    # 30 days, and the auth domain refuses to start with tokens that outlive this.
    retention_seconds=35 * DAY_SECONDS,
    producer="auth",
    consumers=("authz",),
    cleanup="compact,delete",
    dead_letter=False,
)
USER_CREATED: Final = Topic(
    name="user.created",
    key="user_id",
    message="eco2.pipeline.v1.UserCreated",
    partitions=3,
    retention_seconds=7 * DAY_SECONDS,
    producer="users",
    consumers=(),
    dead_letter=False,
)
USER_DELETED: Final = Topic(
    name="user.deleted",
    key="user_id",
    message="eco2.pipeline.v1.UserDeleted",
    partitions=3,
    retention_seconds=7 * DAY_SECONDS,
    producer="users",
    consumers=("erasure",),
    retry=(1.0, 10.0, 60.0, 300.0),
)

CHAT_TURNS: Final = Topic(
    name="chat.turns",
    key="chat_id",
    message="eco2.pipeline.v1.ChatTurn",
    partitions=6,
    retention_seconds=DAY_SECONDS,
    producer="chat",
    consumers=("chat",),
    # in place, so that a later turn of the same chat never overtakes
    retry=(1.0, 2.0, 5.0),
    in_place=True,
)

CHARACTER_CATALOGUE: Final = Topic(
    name="character.catalogue",
    key="code",
    message="eco2.pipeline.v1.CharacterStated",
    # one, so that a reader sees the statements of a change one after the other
    partitions=1,
    retention_seconds=7 * DAY_SECONDS,  # of no effect on what is compacted
    producer="character",
    consumers=("character",),
    cleanup="compact",
    dead_letter=False,
)

CATALOGUE: Final[Mapping[str, Topic]] = MappingProxyType(
    {
        t.name: t
        for t in (
            SCAN_VISION,
            SCAN_RULE,
            SCAN_ANSWER,
            SCAN_REWARD,
            REWARD_GRANTED,
            SCAN_CORRECTED,
            AUTH_REVOCATIONS,
            USER_CREATED,
            USER_DELETED,
            CHAT_TURNS,
            CHARACTER_CATALOGUE,
        )
    }
)

ARCHIVE: Final = "dlq.archive"
"""Where dead letters go that were given up: read by people only."""


def physical(topics: Iterable[Topic]) -> tuple[PhysicalTopic, ...]:
    """Every topic the broker needs for `topics`, the archive of dead letters included."""
    found: list[PhysicalTopic] = []
    for topic in topics:
        found.append(
            PhysicalTopic(
                name=topic.name,
                partitions=topic.partitions,
                configs=_configs(topic.retention_seconds, topic.cleanup),
                origin=topic.name,
            )
        )
        found.extend(
            PhysicalTopic(
                name=name,
                partitions=RETRY_PARTITIONS,
                configs=_configs(max(topic.retention_seconds, DAY_SECONDS)),
                origin=topic.name,
            )
            for name in topic.retry_topics
        )
        if topic.dead_letter:
            found.append(
                PhysicalTopic(
                    name=topic.dlq,
                    partitions=DLQ_PARTITIONS,
                    configs=_configs(DLQ_RETENTION_SECONDS),
                    origin=topic.name,
                )
            )
    found.append(
        PhysicalTopic(
            name=ARCHIVE,
            partitions=DLQ_PARTITIONS,
            configs=_configs(ARCHIVE_RETENTION_SECONDS),
            origin=ARCHIVE,
        )
    )
    return tuple(found)


def _configs(retention_seconds: int, cleanup: str = "delete") -> Mapping[str, str]:
    return MappingProxyType(
        {"cleanup.policy": cleanup, "retention.ms": str(retention_seconds * 1000)}
    )


@cache
def _message_type(full_name: str) -> type[Message]:
    """Find a generated class by its protobuf name in the modules of its package."""
    package_name, _, short = full_name.rpartition(".")
    try:
        package = importlib.import_module(package_name)
    except ImportError as error:
        raise LookupError(f"no generated package {package_name} for {full_name}") from error
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.endswith("_pb2"):
            continue
        found = getattr(importlib.import_module(f"{package_name}.{module.name}"), short, None)
        if isinstance(found, type) and issubclass(found, Message):
            return found
    raise LookupError(f"no generated class for {full_name}")
