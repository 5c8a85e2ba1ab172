from __future__ import annotations

import dataclasses

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from streaming.kafka import topics
from streaming.kafka.admin import Present, compare
from streaming.kafka.topics import CATALOGUE, Topic, physical


@pytest.mark.parametrize("topic", CATALOGUE.values(), ids=lambda t: t.name)
def test_every_topic_carries_a_generated_message(topic: Topic) -> None:
    assert topic.message_type().DESCRIPTOR.full_name == topic.message


def test_names_are_unique_and_legal() -> None:
    names = [topic.name for topic in physical(CATALOGUE.values())]
    assert len(names) == len(set(names))
    for name in names:
        assert len(name) <= topics.MAX_NAME
        assert name.replace(".", "").replace("-", "").isalnum()


def test_derived_topics_follow_the_schedule() -> None:
    topic = topics.REWARD_GRANTED
    assert topic.attempts == len(topic.retry) + 1
    assert topic.retry_topics[0] == "reward.granted.retry.1"
    assert topic.retry_topics[-1] == f"reward.granted.retry.{len(topic.retry)}"
    assert topic.dlq == "reward.granted.dlq"
    with pytest.raises(ValueError, match="no retry step"):
        topic.retry_topic(len(topic.retry) + 1)


def test_a_topic_retried_in_place_has_no_retry_topics() -> None:
    topic = dataclasses.replace(topics.SCAN_VISION, in_place=True)
    assert topic.retry_topics == ()
    assert {p.name for p in physical([topic])} == {topic.name, topic.dlq, topics.ARCHIVE}


def test_an_unknown_message_is_named() -> None:
    topic = dataclasses.replace(topics.SCAN_VISION, message="eco2.nowhere.v1.Nothing")
    with pytest.raises(LookupError, match=r"eco2\.nowhere\.v1"):
        topic.message_type()


def test_any_generated_message_is_found_by_its_name() -> None:
    topic = dataclasses.replace(topics.SCAN_VISION, message="google.protobuf.StringValue")
    assert topic.message_type() is StringValue


def test_differences_name_what_can_be_repaired() -> None:
    topic = dataclasses.replace(topics.SCAN_VISION, retry=(), dead_letter=False)
    wanted = [p for p in physical([topic]) if p.name == topic.name]
    there = Present(partitions=topic.partitions, replication=1, configs=dict(wanted[0].configs))
    assert compare(wanted, {topic.name: there}, 1) == ()
    assert [d.what for d in compare(wanted, {}, 1)] == ["missing"]

    fewer = dataclasses.replace(there, partitions=1)
    more = dataclasses.replace(there, partitions=99)
    assert [d.repairable for d in compare(wanted, {topic.name: fewer}, 1)] == [True]
    assert [d.repairable for d in compare(wanted, {topic.name: more}, 1)] == [False]

    assert [(d.what, d.repairable) for d in compare(wanted, {topic.name: there}, 3)] == [
        ("replication", False)
    ]
    kept_forever = dataclasses.replace(there, configs={**there.configs, "retention.ms": "-1"})
    assert [(d.what, d.repairable) for d in compare(wanted, {topic.name: kept_forever}, 1)] == [
        ("retention.ms", True)
    ]
