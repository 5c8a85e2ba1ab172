"""Pictures for the user: drawn by the model's server, kept by the images service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eco2.images.v1 import images_service_pb2

from services.runtime.errors import DomainError
from services.runtime.limits import RateLimiter
from streaming.chat.branch import BranchError, BranchResult, ModelCall
from streaming.chat.branches.drawings import Drawings
from streaming.chat.branches.waste_rag import WasteRag
from streaming.chat.feedback import TELLING, level
from streaming.chat.turn import TurnContext
from streaming.chat.untrusted import as_line
from streaming.model.guard import Budget
from streaming.model.provider import ModelRefused, ModelTimeout
from streaming.model.tools import DRAW, Drawing, Painter

if TYPE_CHECKING:
    from eco2.images.v1.images_service_pb2_grpc import ImagesServiceAsyncStub

CHANNEL: Final = "generated"
"""Where the images service keeps them."""

BUDGET: Final = Budget(work_seconds=24.0, patience_seconds=1.0)
STORE_SECONDS: Final = 4.0
"""All together below the branch's time-out (30 s)."""

FACTS_CHARACTERS: Final = 1_500
ALT_CHARACTERS: Final = 60

DRAWN: Final = "부탁하신 그림을 그렸어요!"
MATERIAL: Final = "부탁한 그림은 이미 그려서 이 답 바로 아래에 붙였다. 그렸다고 짧게만 말한다."
REFUSED: Final = (
    "그 그림은 그려 드릴 수 없어요. 실제 인물이나 상표, 폭력적인 내용이 들어 있으면 그릴 수 없으니 "
    "다른 그림을 부탁해 주세요."
)
ENOUGH: Final = "오늘 그릴 수 있는 그림을 모두 그렸어요. 내일 다시 부탁해 주세요."
AWAY: Final = "지금은 그림을 그려 드릴 수 없어요."
INSTEAD: Final = f"{AWAY} 대신 글로 알려 드릴게요."


class ImageGeneration:
    """Draws, stores, and shows the stored picture below the answer."""

    name: Final = "image_generation"

    def __init__(
        self,
        painter: Painter | None,
        images: ImagesServiceAsyncStub,
        rules: WasteRag,
        limiter: RateLimiter,
        drawings: Drawings,
    ) -> None:
        """`painter` is None where no server draws; `limiter` counts a user's pictures, `drawings`
        keeps those that were paid for.
        """
        self._painter = painter
        self._images = images
        self._rules = rules
        self._limiter = limiter
        self._drawings = drawings

    @property
    def connected(self) -> bool:
        """Whether somebody draws."""
        return self._painter is not None

    async def run(self, context: TurnContext) -> BranchResult:
        """A picture of what was asked for.

        It is paid for once: a picture is kept before anything else is done with it, storing it
        twice stores it once, and the turn keeps a checkpoint of the result. A drawing that takes
        too long is not tried again, because the server may charge for both.
        """
        if self._painter is None:
            return self.unavailable(context)
        drawing = await self._drawings.find(context.job_id)
        if drawing is None:
            try:
                await self._limiter.check(context.user_id)
                drawing = await self._painter.draw(self._asked(context), BUDGET)
            except DomainError:
                return BranchResult(context=ENOUGH, answer=ENOUGH, metadata={"limited": True})
            except ModelRefused:
                return BranchResult(context=REFUSED, answer=REFUSED, metadata={"refused": True})
            except ModelTimeout as error:
                raise BranchError(f"drawing: {error}", retryable=False) from error
            await self._drawings.keep(context.job_id, drawing)
        stored = await self._images.UploadBytes(
            images_service_pb2.UploadBytesRequest(
                channel=CHANNEL,
                content_type=drawing.content_type,
                data=drawing.data,
                uploader_id=context.user_id,
            ),
            timeout=STORE_SECONDS,
        )
        self._drawings.forget(context.job_id)
        return BranchResult(
            context=MATERIAL,
            answer=DRAWN,
            attachment=f"![{as_line(context.message, ALT_CHARACTERS)}]({stored.cdn_url})",
            metadata={
                "image_url": stored.cdn_url,
                "size_bytes": stored.size_bytes,
                "prompt_version": drawing.prompt_version,
            },
            calls=(self._bill(drawing),),
        )

    def unavailable(self, context: TurnContext) -> BranchResult:
        """That nothing was drawn, and in words what the documents say of the thing; a picture that
        was drawn and could not be stored is on the bill.
        """
        lost = self._drawings.forget(context.job_id)
        calls = () if lost is None else (self._bill(lost),)
        ours = self._rules.look_up(context)
        if not ours.answer or level(ours.quality or 0.0) not in TELLING:
            return BranchResult(context=AWAY, answer=AWAY, available=False, calls=calls)
        return BranchResult(
            context=f"{INSTEAD}\n{ours.context}",
            answer=f"{INSTEAD}\n\n{ours.answer}",
            citations=ours.citations,
            available=False,
            calls=calls,
        )

    def _asked(self, context: TurnContext) -> dict[str, str]:
        """The request, and how the thing it is about is thrown out, if that is known."""
        ours = self._rules.look_up(context)
        telling = level(ours.quality or 0.0) in TELLING
        return {
            "facts": ours.answer[:FACTS_CHARACTERS] if telling else "",
            "question": context.message,
        }

    def _bill(self, drawing: Drawing) -> ModelCall:
        provider = "" if self._painter is None else self._painter.provider
        return ModelCall(provider, drawing.model, DRAW, drawing.usage)
