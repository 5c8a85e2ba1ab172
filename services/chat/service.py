"""ChatService: owns chats, their messages and their turns."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
from eco2.chat.v1 import chat_service_pb2 as pb
from eco2.chat.v1 import chat_service_pb2_grpc
from google.protobuf import empty_pb2

from services.chat import inputs, metrics, paging, refusals, text, translate
from services.chat.asking import Asking
from services.chat.desk import Desk, job_uuid
from services.chat.erasure import Erasure
from services.chat.settings import ChatSettings
from services.chat.state import Status
from services.chat.store import ChatStore
from services.chat.submission import Intake
from services.chat.waiting import Waits
from services.runtime import idempotency, identity
from services.runtime.limits import RateLimiter
from services.runtime.outbox import Outbox
from services.runtime.timestamps import timestamp
from streaming.progress.endings import Endings
from streaming.progress.scripts import ProgressUnavailable

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

CHATS_A_PAGE: Final = 20
MESSAGES_A_PAGE: Final = 50
"""Page sizes when none is asked for (docs/app.md, "Chats")."""


class ChatService(chat_service_pb2_grpc.ChatServiceServicer):
    """The public and internal RPCs of the chat domain."""

    def __init__(
        self,
        *,
        chats: ChatStore,
        waits: Waits,
        outbox: Outbox,
        intake: Intake,
        asking: Asking,
        desk: Desk,
        endings: Endings,
        erasure: Erasure,
        messages: RateLimiter,
        creates: RateLimiter,
        settings: ChatSettings,
    ) -> None:
        self._chats = chats
        self._waits = waits
        self._outbox = outbox
        self._intake = intake
        self._asking = asking
        self._desk = desk
        self._endings = endings
        self._erasure = erasure
        self._messages = messages
        self._creates = creates
        self._turn_time = timedelta(seconds=settings.chat_turn_seconds)

    async def ListChats(
        self, request: pb.ListChatsRequest, context: Context
    ) -> pb.ListChatsResponse:
        """A page of the caller's chats, the one with the latest message first."""
        user_id = _caller()
        after = paging.chats_after(request.cursor, user_id)
        limit = request.limit or CHATS_A_PAGE
        found = await self._chats.page(user_id, after, limit + 1)
        page = paging.chat_page(found, limit, user_id)
        return pb.ListChatsResponse(
            chats=map(translate.chat_summary, page.chats), next_cursor=page.next_cursor
        )

    async def CreateChat(
        self, request: pb.CreateChatRequest, context: Context
    ) -> pb.CreateChatResponse:
        """An empty chat."""
        user_id = _caller()
        await self._creates.check(str(user_id))
        title = text.storable(request.title)
        chat = await self._chats.create(user_id, None if text.is_blank(title) else title)
        return pb.CreateChatResponse(
            id=str(chat.chat_id),
            title=chat.title,
            created_at=timestamp(chat.created_at),
        )

    async def GetChat(self, request: pb.GetChatRequest, context: Context) -> pb.GetChatResponse:
        """A chat of the caller with its newest messages, or older ones, ascending."""
        chat_id = uuid.UUID(request.chat_id)
        before = paging.messages_before(request.cursor, chat_id)
        chat = await self._chats.get(chat_id, _caller())
        if chat is None:
            raise refusals.chat_not_found(request.chat_id)
        limit = request.limit or MESSAGES_A_PAGE
        found = await self._chats.messages(chat_id, before, limit + 1)
        page = paging.message_page(found, limit, chat_id)
        return pb.GetChatResponse(
            id=str(chat.chat_id),
            title=chat.title,
            created_at=timestamp(chat.created_at),
            messages=map(translate.chat_message, page.messages),
            has_more=page.next_cursor is not None,
            next_cursor=page.next_cursor,
        )

    async def RenameChat(self, request: pb.RenameChatRequest, context: Context) -> empty_pb2.Empty:
        """Give a chat of the caller a title."""
        title = text.storable(request.title)
        if text.is_blank(title):
            raise refusals.invalid("title", "must not be blank")
        if not await self._chats.rename(uuid.UUID(request.chat_id), _caller(), title):
            raise refusals.chat_not_found(request.chat_id)
        return empty_pb2.Empty()

    async def DeleteChat(self, request: pb.DeleteChatRequest, context: Context) -> empty_pb2.Empty:
        """Hide a chat of the caller, cancel its turns and tell their watchers."""
        cancelled = await self._chats.delete(uuid.UUID(request.chat_id), _caller())
        if cancelled is None:
            raise refusals.chat_not_found(request.chat_id)
        if cancelled:
            metrics.ENDED.labels(Status.CANCELLED, "").inc(len(cancelled))
            await self._endings.publish(cancelled, translate.CANCELLED_MESSAGE)
        return empty_pb2.Empty()

    async def SendMessage(
        self, request: pb.SendMessageRequest, context: Context
    ) -> pb.SendMessageResponse:
        """Accept a turn, or repeat the answer to an equal earlier message."""
        user_id = _caller()
        await self._messages.check(str(user_id))
        key = idempotency.key_of(context.invocation_metadata())
        job_id = await self._intake.send(request, user_id, key)
        return pb.SendMessageResponse(
            job_id=str(job_id), stream_url=f"/api/v1/chat/{job_id}/events", status="submitted"
        )

    async def SubmitInput(
        self, request: pb.SubmitInputRequest, context: Context
    ) -> pb.SubmitInputResponse:
        """Let a waiting turn of the caller go on."""
        job_id = job_uuid(request.job_id)
        data = inputs.data_of(request.type, request.data)
        entries = await self._waits.answer(job_id, _caller(), request.type, data, self._turn_time)
        if entries:
            metrics.INPUTS.labels(request.type).inc()
            await self._outbox.publish(entries)
        return pb.SubmitInputResponse(status="received", job_id=str(job_id))

    async def AskOnce(self, request: pb.AskOnceRequest, context: Context) -> pb.AskOnceResponse:
        """Answer one message and wait for it."""
        user_id = _caller()
        await self._messages.check(str(user_id))
        turn = await self._asking.ask(request, user_id)
        return translate.asked(turn)

    async def GetTurn(self, request: pb.GetTurnRequest, context: Context) -> pb.GetTurnResponse:
        """A turn, whoever owns it."""
        turn = await self._desk.get(request.job_id)
        return pb.GetTurnResponse(turn=translate.turn_message(turn))

    async def BeginTurn(
        self, request: pb.BeginTurnRequest, context: Context
    ) -> pb.BeginTurnResponse:
        """A turn and what its worker needs to know of what came before."""
        return translate.begun(*await self._desk.begin(request.job_id, request.max_messages))

    async def AppendTurn(
        self, request: pb.AppendTurnRequest, context: Context
    ) -> pb.AppendTurnResponse:
        """Store the answer of a turn; the first one wins."""
        turn = await self._desk.append(request)
        return pb.AppendTurnResponse(turn=translate.turn_message(turn))

    async def ParkTurn(self, request: pb.ParkTurnRequest, context: Context) -> pb.ParkTurnResponse:
        """Make a turn wait for the user."""
        return pb.ParkTurnResponse(turn=translate.turn_message(await self._desk.park(request)))

    async def FailTurn(self, request: pb.FailTurnRequest, context: Context) -> pb.FailTurnResponse:
        """End a turn with a reason, unless it has ended already."""
        return pb.FailTurnResponse(turn=translate.turn_message(await self._desk.fail(request)))

    async def EraseUser(
        self, request: pb.EraseUserRequest, context: Context
    ) -> pb.EraseUserResponse:
        """Remove everything kept of a user."""
        try:
            erased = await self._erasure.erase(uuid.UUID(request.user_id))
        except ProgressUnavailable as error:
            raise refusals.redis_away() from error
        return pb.EraseUserResponse(erased=erased)


def _caller() -> uuid.UUID:
    return uuid.UUID(identity.require_user())
