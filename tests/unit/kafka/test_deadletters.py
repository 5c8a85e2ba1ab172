from __future__ import annotations

import dataclasses

import pytest

from streaming.kafka import headers as h
from streaming.kafka.deadletters import DeadLetter, Fate, fate, replay_headers
from streaming.kafka.retry import Death
from streaming.kafka.topics import ARCHIVE, REWARD_GRANTED, SCAN_VISION

NOW = 1_000_000.0


def _letter(queue: str = SCAN_VISION.dlq, /, **headers: str) -> DeadLetter:
    return DeadLetter(
        queue=queue,
        partition=0,
        offset=7,
        key=b"k",
        value=b"",
        headers={name.replace("_", "-"): text for name, text in headers.items()},
        timestamp=NOW,
    )


@pytest.mark.parametrize(
    ("death", "expected"),
    [
        (Death.EXHAUSTED, Fate.REPLAY),
        (Death.POISON, Fate.ARCHIVE),
        (Death.DEADLINE, Fate.ARCHIVE),
        (Death.UNDECODABLE, Fate.ARCHIVE),
    ],
)
def test_only_what_ran_out_of_attempts_is_replayed(death: Death, expected: Fate) -> None:
    assert fate(_letter(eco2_dead=death.value), now=NOW, max_rounds=3) is expected


def test_replays_end_with_the_rounds_or_the_deadline() -> None:
    def verdict(**headers: str) -> Fate:
        return fate(_letter(eco2_dead="exhausted", **headers), now=NOW, max_rounds=3)

    assert verdict(eco2_dlq_round="2") is Fate.REPLAY
    assert verdict(eco2_dlq_round="3") is Fate.ARCHIVE
    assert verdict(eco2_deadline=h.millis(NOW + 1)) is Fate.REPLAY
    assert verdict(eco2_deadline=h.millis(NOW)) is Fate.ARCHIVE


def test_a_letter_knows_the_topic_it_came_from() -> None:
    assert _letter().topic == SCAN_VISION.name
    assert _letter(ARCHIVE, eco2_origin="scan.rule:3:14").topic == "scan.rule"
    assert _letter(ARCHIVE, eco2_origin="scan.rule.retry.2:0:1").topic == "scan.rule"
    assert _letter(ARCHIVE).topic == ""


def test_a_replay_is_a_first_attempt_one_round_further() -> None:
    letter = _letter(
        eco2_dead="exhausted",
        eco2_reason="DOWN",
        eco2_attempt="5",
        eco2_not_before="1",
        eco2_failed_at="1",
        eco2_deadline="9",
        eco2_origin="scan.vision:0:1",
        traceparent="t",
        own="kept",
    )
    assert replay_headers(letter, keep_deadline=True) == {
        h.DEADLINE: "9",
        h.ORIGIN: "scan.vision:0:1",
        h.TRACEPARENT: "t",
        h.ROUND: "1",
        "own": "kept",
    }
    assert h.DEADLINE not in replay_headers(letter, keep_deadline=False)


def test_messages_are_shown_decoded_when_they_can_be() -> None:
    message = REWARD_GRANTED.message_type()(user_id="u-1")
    empty = _letter(REWARD_GRANTED.dlq)
    whole = dataclasses.replace(empty, value=message.SerializeToString())
    assert whole.message() == {"user_id": "u-1"}
    assert dataclasses.replace(empty, value=b"\xff\xff").message() is None
    assert dataclasses.replace(empty, value=None).message() is None
    assert _letter("unheard.of.dlq").message() is None
