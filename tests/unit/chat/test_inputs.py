"""What a waiting turn takes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.chat.inputs import data_of, fingerprint, fits
from services.chat.state import Status
from services.runtime.errors import DomainError
from tests.unit.chat.stored import turn

KINDS = ("location", "confirmation", "selection", "cancel")


def struct(**members: Any) -> struct_pb2.Struct:
    data = struct_pb2.Struct()
    data.update(members)
    return data


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        (
            "location", {"latitude": 37, "longitude": -1.5, "x": 1},
            {"latitude": 37.0, "longitude": -1.5},
        ),
        ("confirmation", {"confirmed": False, "value": "x"}, {"confirmed": False}),
        ("selection", {"value": "소파"}, {"value": "소파"}),
        ("cancel", {"latitude": "anything"}, {}),
    ],
)  # fmt: skip
def test_each_type_keeps_its_members_and_nothing_else(
    kind: str, members: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert json.loads(data_of(kind, struct(**members))) == expected


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("location", {}),
        ("location", {"latitude": 90.1, "longitude": 0}),
        ("location", {"latitude": 0, "longitude": -180.1}),
        ("location", {"latitude": True, "longitude": 0}),
        ("location", {"latitude": "37.5", "longitude": 127}),
        ("location", {"latitude": float("nan"), "longitude": 127}),
        ("location", {"latitude": float("inf"), "longitude": 127}),
        ("confirmation", {"confirmed": "yes"}),
        ("confirmation", {}),
        ("selection", {"value": ""}),
        ("selection", {"value": "가" * 501}),
        ("selection", {"value": ["소파"]}),
    ],
)
def test_other_shapes_are_refused(kind: str, members: dict[str, Any]) -> None:
    with pytest.raises(DomainError) as refused:
        data_of(kind, struct(**members))
    assert refused.value.reason == ErrorReason.ERROR_REASON_VALIDATION_FAILED


def refusal(**changes: Any) -> DomainError:
    with pytest.raises(DomainError) as refused:
        fits(turn(**changes), "location", "{}")
    assert refused.value.reason == ErrorReason.ERROR_REASON_TURN_NOT_WAITING
    return refused.value


def test_waiting_turn_takes_what_it_asks_for_or_a_no() -> None:
    waiting = turn(status=Status.WAITING, input_type="location", round=1)
    assert fits(waiting, "location", "{}")
    assert fits(waiting, "cancel", "{}")
    for kind in ("confirmation", "selection"):
        with pytest.raises(DomainError):
            fits(waiting, kind, "{}")


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.WAITING])
def test_repeat_of_the_last_input_is_accepted_and_does_nothing(status: Status) -> None:
    same = fingerprint("location", "{}")
    assert not fits(turn(status=status, last_input=same), "location", "{}")
    assert refusal(status=status, last_input=fingerprint("cancel", "{}")).metadata["status"]
    assert refusal(status=status).metadata["status"] == status


@given(st.tuples(st.sampled_from(KINDS), st.text(max_size=5)),
       st.tuples(st.sampled_from(KINDS), st.text(max_size=5)))  # fmt: skip
def test_inputs_are_the_same_exactly_when_all_of_them_is(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (fingerprint(*one) == fingerprint(*other)) == (one == other)
