"""Accepting a message, from the checks on the request to the record in Kafka."""

from __future__ import annotations

import uuid
from datetime import timedelta

from eco2.chat.v1 import chat_service_pb2
from eco2.images.v1 import images_service_pb2_grpc

from services.chat import metrics, refusals, text
from services.chat.announce import Announcer
from services.chat.settings import ChatSettings
from services.chat.store import ChatStore
from services.chat.turn import Picture, Place, Question
from services.chat.turns import Accepted, Key, TurnStore
from services.runtime import idempotency, model_names, pictures, telemetry
from services.runtime.fingerprint import fingerprint
from services.runtime.idempotency import Claim
from services.runtime.outbox import Outbox


class Intake:
    """Takes messages in. The committed row is the acceptance; what follows can't undo it."""

    def __init__(
        self,
        chats: ChatStore,
        turns: TurnStore,
        images: images_service_pb2_grpc.ImagesServiceAsyncStub,
        announcer: Announcer,
        outbox: Outbox,
        settings: ChatSettings,
    ) -> None:
        self._chats = chats
        self._turns = turns
        self._images = images
        self._announcer = announcer
        self._outbox = outbox
        self._settings = settings
        self._time = timedelta(seconds=settings.chat_turn_seconds)
        self._key_ttl = timedelta(seconds=settings.idempotency_seconds)

    async def send(
        self, request: chat_service_pb2.SendMessageRequest, user_id: uuid.UUID, key: str
    ) -> uuid.UUID:
        """Id of the turn that was accepted for this message, now or by an earlier equal one."""
        _check(request.message, request.image_url)
        model_names.check(request.model)
        if not key:
            accepted = await self._turns.accept(await self._question(request, user_id), self._time)
            return await self._announce(accepted)
        taken = Key(key, _fingerprint(request), self._key_ttl)
        claim: Accepted | Claim | None = await self._turns.first(user_id, taken)
        if claim is None:
            question = await self._question(request, user_id)
            claim = await self._turns.accept_once(question, self._time, taken)
        if isinstance(claim, Claim):
            return idempotency.same(claim, taken.fingerprint)
        return await self._announce(claim)

    async def ask(
        self, request: chat_service_pb2.AskOnceRequest, user_id: uuid.UUID, job_id: uuid.UUID
    ) -> None:
        """Accept a question whose asker waits for the answer, as a turn of this id."""
        _check(request.message, request.image_url)
        question = Question(
            job_id=job_id,
            chat_id=uuid.uuid4(),
            user_id=user_id,
            message=text.storable(request.message),
            picture=await self._picture(request.image_url),
            traceparent=telemetry.current_traceparent(),
            awaited=True,
        )
        lifetime = timedelta(seconds=self._settings.chat_ask_seconds)
        await self._announce(await self._turns.accept(question, lifetime))

    async def _question(
        self, request: chat_service_pb2.SendMessageRequest, user_id: uuid.UUID
    ) -> Question:
        """The message with what is known of its picture; DomainError for what is not there."""
        chat_id = uuid.UUID(request.chat_id)
        if await self._chats.get(chat_id, user_id) is None:
            raise refusals.chat_not_found(request.chat_id)
        place = None
        if request.HasField("user_location"):
            place = Place(request.user_location.latitude, request.user_location.longitude)
        return Question(
            job_id=uuid.uuid4(),
            chat_id=chat_id,
            user_id=user_id,
            message=text.storable(request.message),
            picture=await self._picture(request.image_url),
            place=place,
            model=request.model,
            traceparent=telemetry.current_traceparent(),
        )

    async def _picture(self, url: str) -> Picture:
        if not url:
            return Picture()
        found = await pictures.inspect(self._images, url, self._settings.inspect_seconds)
        return Picture(url=url, key=found.key, content_type=found.content_type)

    async def _announce(self, accepted: Accepted) -> uuid.UUID:
        turn = accepted.turn
        metrics.ACCEPTED.labels(
            "yes" if turn.picture.url else "no", "yes" if turn.awaited else "no"
        ).inc()
        await self._announcer.queued(turn)
        await self._outbox.publish(accepted.entries)
        return turn.job_id


def _check(message: str, image_url: str) -> None:
    """DomainError MESSAGE_REQUIRED when there is neither text nor picture."""
    if text.is_blank(message) and not image_url:
        raise refusals.message_required()


def _fingerprint(request: chat_service_pb2.SendMessageRequest) -> bytes:
    where = request.user_location
    return fingerprint(
        request.chat_id.lower(),
        request.message,
        request.image_url,
        request.model,
        f"{where.latitude!r},{where.longitude!r}" if request.HasField("user_location") else "",
    )
