from __future__ import annotations

import random
import uuid

import pytest

from services.users.profile import display_name, made_up_nickname, ownership_id


@pytest.mark.parametrize(
    ("nickname", "name", "shown"),
    [("닉", "이름", "닉"), ("", "이름", "이름"), ("  ", " ", "사용자"), ("", "", "사용자")],
)
def test_the_name_shown_is_never_empty(nickname: str, name: str, shown: str) -> None:
    assert display_name(nickname, name) == shown


def test_a_made_up_nickname_is_an_adjective_and_a_noun() -> None:
    assert len(made_up_nickname(random.Random(1)).split()) == 2


def test_an_ownership_has_one_id_for_user_and_code() -> None:
    user, other = str(uuid.uuid4()), str(uuid.uuid4())
    assert ownership_id(user, "char-eco") == ownership_id(user, "char-eco")
    assert ownership_id(user, "char-eco") != ownership_id(other, "char-eco")
    assert ownership_id(user, "char-eco") != ownership_id(user, "char-petty")
