"""Cursors lead back to where they were made, and nowhere else."""

from __future__ import annotations

import string
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.cursor import Cursor

USER = "9b2f6f0e-8f39-4c83-a3a9-0c9a3f1f7f11"
times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
cursors = st.builds(Cursor, times, st.uuids())


@given(cursors, st.uuids())
def test_cursor_comes_back_as_it_was(cursor: Cursor, user: uuid.UUID) -> None:
    text = cursor.encode(str(user))
    assert Cursor.decode(text, str(user)) == cursor
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")
    assert len(text) == 44


@given(cursors, st.integers(0, 43), st.characters(codec="ascii"))
def test_changed_cursor_is_refused_or_means_the_same(
    cursor: Cursor, position: int, character: str
) -> None:
    text = cursor.encode(USER)
    changed = text[:position] + character + text[position + 1 :]
    try:
        assert Cursor.decode(changed, USER) == cursor
    except ValueError:
        return
    assert changed.translate(str.maketrans("+/", "-_")) == text


@given(cursors)
def test_cursor_of_another_list_is_refused(cursor: Cursor) -> None:
    with pytest.raises(ValueError, match="not a cursor of this list"):
        Cursor.decode(cursor.encode(USER), str(uuid.uuid4()))
    with pytest.raises(ValueError, match="not a cursor of this list"):
        Cursor.decode(cursor.encode(USER), f"points:{USER}")


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda raw: raw.hex())))
def test_garbage_is_refused_without_a_fault(text: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        Cursor.decode(text, USER)
