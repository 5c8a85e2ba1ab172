"""Settings of the chat worker: time budgets, pace of the text, length of the memory."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.runtime.settings import RuntimeSettings


class ChatWorkerSettings(RuntimeSettings):
    """What the chat worker reads from the environment."""

    chat_in_flight: int = Field(default=400, ge=1)
    """Turns a process works on at once; a turn mostly waits for a model."""

    chat_lease_seconds: float = Field(default=12.0, gt=0)
    """Life of a turn's lease, renewed at half time (see ``stage_lease_seconds``)."""

    chat_redis_patience_seconds: float = Field(default=5.0, ge=0)
    """How long a turn waits for Redis before it is answered without lease and progress."""

    chat_service_patience_seconds: float = Field(default=60.0, ge=0)
    """How long a turn waits for a chat service or database that is away: above a restart, and
    above a failover to a standby."""

    chat_turn_work_seconds: float = Field(default=300.0, gt=0)
    """Age at which a turn without a deadline of its own is given up."""

    chat_frame_seconds: float = Field(default=0.2, ge=0.1, le=1.0)
    """Shortest time between two frames of text: at most five a second, six or seven tokens of a
    quick model each. The first is sent at once."""

    chat_patience_seconds: float = Field(default=5.0, ge=0)
    """How long a turn waits for leave to call a model that is down or out of quota."""

    chat_intent_seconds: float = Field(default=6.0, gt=0)
    """Time of the classification by a model; then the rules classify."""

    chat_vision_seconds: float = Field(default=30.0, gt=0)
    """Time for looking at a picture; then the turn goes on without."""

    chat_reply_seconds: float = Field(default=120.0, gt=0)
    """Time for wording the answer, all takes together."""

    chat_reply_takes: int = Field(default=2, ge=1, le=4)
    """How often the model may begin an answer. A take that breaks off is replaced by the next."""

    chat_memory_messages: int = Field(default=20, ge=0, le=60)
    """Earlier messages a model is told word for word: ten turns."""

    chat_memory_tokens: int = Field(default=3072, ge=100)
    """Tokens of earlier messages and their summary above which they are summed up; estimated, see
    :mod:`streaming.chat.memory`."""

    chat_memory_kept: int = Field(default=6, ge=0)
    """Latest messages that stay word for word when the others are summed up."""

    chat_summary_seconds: float = Field(default=8.0, gt=0)
    """Time for a summary by a model; then an excerpt takes its place."""

    chat_eval_seconds: float = Field(default=4.0, ge=0)
    """Time for a grade by a model while the user waits for `done`; then the answer is graded by
    rule. 0: by rule at once."""

    chat_pictures_per_day: int = Field(default=30, ge=0)
    """Pictures drawn for a user in any 24 h: about 0.2 USD at the price of the default model. 0: no
    limit."""

    chat_image_detail: Literal["low", "high", "auto"] = "high"
    """Resolution a model looks at a picture in: finer than a scan. A
    scan shows one thing that fills the frame; in a chat it may be a label to be read or one thing
    of many. ``high`` costs several times the tokens of ``low``."""

    chat_image_max_bytes: int = Field(default=10 * 1024 * 1024, gt=0)
    """Largest picture that is read for a model that wants the bytes."""
