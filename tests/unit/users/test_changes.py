from __future__ import annotations

import random
import uuid

import pytest
from eco2.errors.v1.error_reason_pb2 import ErrorReason
from eco2.users.v1 import users_service_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.errors import DomainError
from services.users.profile import chosen_nickname, given_nickname, point_entry_id
from services.users.service import changes_of


def refusal(**fields: str) -> str:
    with pytest.raises(DomainError) as refused:
        changes_of(pb.UpdateMeRequest(**fields))
    return ErrorReason.Name(refused.value.reason).removeprefix("ERROR_REASON_")


def test_surrounding_white_space_is_dropped() -> None:
    assert changes_of(pb.UpdateMeRequest(nickname="  초록 씨앗\t\n")) == ("초록 씨앗", None)


def test_only_what_is_given_changes() -> None:
    assert changes_of(pb.UpdateMeRequest(phone_number="+82 10-1234-5678")) == (
        None,
        "010-1234-5678",
    )


def test_nothing_given_is_no_change() -> None:
    assert refusal() == "NO_CHANGES_PROVIDED"


@pytest.mark.parametrize(
    "nickname",
    [" ", "\t\n", "\u3000", "\u200b\u200d", "\u3164", "\ufeff", "\u0301", "a\0b", "a\x1b[31m"],
)
def test_a_nickname_that_shows_nothing_or_controls_is_refused(nickname: str) -> None:
    assert refusal(nickname=nickname, phone_number="01012345678") == "VALIDATION_FAILED"


@pytest.mark.parametrize("nickname", ["🌱", "👩‍🌾 농부", "🇰🇷", "e\u0301", "씨앗❤️", "!", "ㅋ"])
def test_emoji_and_marks_are_kept_as_typed(nickname: str) -> None:
    assert chosen_nickname(nickname) == nickname


@given(st.text(max_size=60))
def test_an_accepted_nickname_is_trimmed_and_never_empty(text: str) -> None:
    try:
        kept = chosen_nickname(text)
    except ValueError:
        return
    assert kept
    assert kept == kept.strip() == chosen_nickname(kept)
    assert "\0" not in kept


def test_a_number_that_is_none_is_refused() -> None:
    assert refusal(phone_number="1234567890") == "INVALID_PHONE_NUMBER"


@pytest.mark.parametrize("told", ["", "   ", "a\0b"])
def test_a_provider_without_a_usable_nickname_gets_a_made_up_one(told: str) -> None:
    assert len(given_nickname(told, random.Random(1)).split()) == 2


def test_bookings_differ_by_user_reason_and_reference() -> None:
    users = [uuid.uuid4(), uuid.uuid4()]
    ids = {
        point_entry_id(user, reason, reference)
        for user in users
        for reason in ("scan", "correction")
        for reference in ("a", "b")
    }
    assert len(ids) == 8
    assert point_entry_id(users[0], "scan", "a") in ids
