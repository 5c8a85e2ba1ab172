from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from typer.testing import CliRunner

from services.cli.main import app
from streaming.kafka import headers as h
from streaming.kafka.admin import AdminError, ensure_topics
from streaming.kafka.producer import Producer
from streaming.kafka.topics import CATALOGUE, SCAN_VISION, physical
from tests.integration.kafka.conftest import Topics
from tests.wait import until

pytestmark = pytest.mark.parts


async def test_topics_are_made_and_grown_and_set_right_but_never_shrunk(topics: Topics) -> None:
    topic = await topics.make(partitions=2, retry=())
    assert (await ensure_topics(topics.bootstrap, topics=[topic])).changed == ()

    more = dataclasses.replace(topic, partitions=5, retention_seconds=7200)
    checked = await ensure_topics(topics.bootstrap, topics=[more], check=True)
    assert {(d.what, d.expected, d.actual) for d in checked.drift} == {
        ("partitions", "5", "2"),
        ("retention.ms", "7200000", "3600000"),
    }
    done = await ensure_topics(topics.bootstrap, topics=[more])
    assert len(done.changed) == 2
    assert done.drift == ()
    assert (await ensure_topics(topics.bootstrap, topics=[more], check=True)).drift == ()

    left = await ensure_topics(topics.bootstrap, topics=[topic])
    assert [d.what for d in left.drift] == ["partitions"]


async def test_settings_that_are_not_the_catalogues_survive(topics: Topics) -> None:
    topic = await topics.make(retry=())
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.bootstrap)
    await admin.start()
    try:
        configs = {"retention.ms": "1000", "max.message.bytes": "2000000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs)])

        async def drifted() -> bool:
            return bool((await ensure_topics(topics.bootstrap, topics=[topic], check=True)).drift)

        await until(drifted, what="the brokers reporting the change")
        await ensure_topics(topics.bootstrap, topics=[topic])
        described = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.name)]
        )
    finally:
        await admin.close()
    entries = {entry[0]: entry[1] for entry in described[0].resources[0][4]}
    assert entries["retention.ms"] == "3600000"
    assert entries["max.message.bytes"] == "2000000"


async def test_no_broker_is_one_clear_error() -> None:
    with pytest.raises(AdminError, match="127"):
        await ensure_topics("127.0.0.1:1")


def _eco2(*words: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == exit_code, result.output
    return result.stdout


async def _in_a_thread(*words: str, exit_code: int = 0) -> str:
    """The commands run an event loop of their own."""
    return await asyncio.to_thread(_eco2, *words, exit_code=exit_code)


async def test_the_commands_make_topics_and_handle_dead_letters(
    kafka_bootstrap: str, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECO2_KAFKA_BOOTSTRAP", kafka_bootstrap)
    await _in_a_thread("topics")
    assert json.loads(await _in_a_thread("topics", "--check", "--json", "apply")) == {
        "topics": len(physical(CATALOGUE.values())),
        "changed": [],
        "drift": [],
    }
    assert "scan.vision.retry.1" in await _in_a_thread("topics", "ls")

    value = SCAN_VISION.message_type()(job_id="job-1").SerializeToString()
    for reason in ("MODEL_DOWN", "MODEL_DOWN", "OTHER"):
        await producer.forward(
            SCAN_VISION.dlq, b"job-1", value, {h.DEAD: "exhausted", h.REASON: reason}
        )
    queues = {row["queue"]: row for row in json.loads(await _in_a_thread("dlq", "ls", "--json"))}
    before = queues[SCAN_VISION.dlq]
    assert before["reasons"] == {"MODEL_DOWN": 2, "OTHER": 1}
    assert before["waiting"] == 3

    listed = json.loads(await _in_a_thread("dlq", "show", "scan.vision", "--json"))
    place = listed[-1]["record"]
    assert listed[-1]["message"] == {"job_id": "job-1"}
    whole = json.loads(
        await _in_a_thread("dlq", "show", "scan.vision", "--record", place, "--json")
    )
    assert whole == listed[-1]
    assert "OTHER" in await _in_a_thread("dlq", "show", "scan.vision.dlq")

    one = await _in_a_thread("dlq", "replay", "scan.vision", "--record", place, "--json")
    assert json.loads(one)["replayed"] == 1
    everything = await _in_a_thread("dlq", "replay", "scan.vision", "--all", "--json")
    assert json.loads(everything)["replayed"] == 3
    after = {row["queue"]: row for row in json.loads(await _in_a_thread("dlq", "ls", "--json"))}
    assert after[SCAN_VISION.dlq]["waiting"] == 0
    assert after[SCAN_VISION.dlq]["kept"] == before["kept"]


@pytest.mark.parametrize(
    "words",
    [
        ("show", "nothing"),
        ("show", "scan.vision", "--record", "7"),
        ("replay", "scan.vision"),
        ("replay", "scan.vision", "--all", "--record", "0:1"),
    ],
)
def test_wrong_words_are_explained_without_asking_a_broker(words: tuple[str, ...]) -> None:
    _eco2("dlq", *words, exit_code=2)
