"""Pages of chats and of messages, and the cursors that lead to the next ones. Pure.

A cursor is opaque and names the row itself: a time would lose rows that share it, and chats without
messages have none.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from services.chat import refusals
from services.chat.store import After
from services.chat.turn import Chat, StoredMessage
from services.runtime import paging
from services.runtime.cursor import Cursor


class ChatPage(NamedTuple):
    """A page of the list."""

    chats: Sequence[Chat]
    next_cursor: str | None


class MessagePage(NamedTuple):
    """A page of a chat, ascending."""

    messages: Sequence[StoredMessage]
    next_cursor: str | None
    """Leads to older messages."""


def chats_after(text: str, user_id: uuid.UUID) -> After | None:
    """Where a page of the list begins; DomainError INVALID_CURSOR."""
    if not text:
        return None
    for spoken in (True, False):
        try:
            return After(Cursor.decode(text, _list(user_id, spoken=spoken)), spoken)
        except ValueError:
            continue
    raise refusals.invalid_cursor()


def chat_page(found: Sequence[Chat], limit: int, user_id: uuid.UUID) -> ChatPage:
    """The page of the first `limit` of the chats found; one more says that it goes on."""
    page = found[:limit]
    if len(found) <= limit:
        return ChatPage(page, None)
    last = page[-1]
    at = last.last_message_at or last.created_at
    scope = _list(user_id, spoken=last.last_message_at is not None)
    return ChatPage(page, Cursor(at, last.chat_id).encode(scope))


def messages_before(text: str, chat_id: uuid.UUID) -> uuid.UUID | None:
    """The message a page ends before; DomainError INVALID_CURSOR."""
    after = paging.after(text, str(chat_id))
    return None if after is None else after.row_id


def message_page(found: Sequence[StoredMessage], limit: int, chat_id: uuid.UUID) -> MessagePage:
    """The page of the `limit` newest of the messages found, which come newest first."""
    page = found[:limit]
    next_cursor = None
    if len(found) > limit:
        oldest = page[-1]
        next_cursor = Cursor(oldest.created_at, oldest.message_id).encode(str(chat_id))
    return MessagePage(page[::-1], next_cursor)


def _list(user_id: uuid.UUID, *, spoken: bool) -> str:
    """Scope of the cursors of one half of a user's list."""
    return f"{'spoken' if spoken else 'silent'} {user_id}"
