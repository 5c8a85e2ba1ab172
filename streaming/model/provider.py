"""What a model is to the pipeline: two calls, plain data in and out, one small tree of errors.

A provider looks at a photo (:meth:`ModelProvider.vision`) and words an answer from a rule document
(:meth:`ModelProvider.answer`). It does no retrying beyond its own transport: the error classes tell
the stage that called it whether trying again can help and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from streaming.knowledge import RuleDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one call used, as the provider reports it; zeros where nothing is metered."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    """Part of ``input_tokens`` the provider charges as cached."""

    searches: int = 0
    """Searches of the web, which the provider charges by the piece."""

    latency_seconds: float = 0.0
    """Wall time of the call, the transport's own retries included."""

    def __add__(self, other: Usage) -> Usage:
        """Total of two calls."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            searches=self.searches + other.searches,
            latency_seconds=self.latency_seconds + other.latency_seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The photo: its public URL, and its bytes when the model can't be given a URL."""

    url: str
    data: bytes | None = None
    content_type: str = "image/jpeg"
    detail: str = ""
    """Resolution it is looked at in: ``low``, ``high`` or ``auto``; empty as the settings say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vision:
    """What the photo shows, in the identifiers of the taxonomy."""

    major: str
    """One of the majors, or ``미분류``."""

    middle: str
    """A middle of ``재활용폐기물``; every other major repeats itself here."""

    minor: str | None
    """Item name; None when it can't be told (tag ``미분류_소분류``)."""

    situation_tags: tuple[str, ...] = ()
    confidence: float | None = None
    """0–1; None when the provider gives none."""

    usage: Usage = Usage()
    model: str
    prompt_version: str
    """Version of the prompt, or of the data that stands in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to do with the item, worded in Korean for the user."""

    disposal_steps: tuple[str, ...]
    """In order, at most ten."""

    insufficiencies: tuple[str, ...]
    """What the photographed item still lacks; empty when it is ready to be thrown out."""

    user_answer: str
    """About three sentences at the most."""

    usage: Usage = Usage()
    model: str
    prompt_version: str


@runtime_checkable
class ModelProvider(Protocol):
    """A model the stages can ask. One instance lives as long as the process and is shared."""

    @property
    def name(self) -> str:
        """Name for logs, metrics and settings: ``openai``, ``offline``…"""
        ...

    async def vision(self, image: Image, question: str) -> Vision:
        """Classify the photo, taking the user's words (may be empty) into account.

        Raises one of :class:`ModelError`'s subclasses.
        """
        ...

    async def answer(self, vision: Vision, rule: RuleDocument | None, question: str) -> Answer:
        """Word what to do, from the rule document alone; None when no document fits.

        Raises one of :class:`ModelError`'s subclasses.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and processes. Safe to call twice."""
        ...


class ModelError(Exception):
    """Base of every failure of a provider.

    The message is English, for logs, and never carries a key, a prompt or the user's words.
    """

    retryable: bool = True
    """Whether the same call may succeed later."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        """Earliest sensible moment for the next try, when the provider named one."""


class ModelUnavailable(ModelError):  # noqa: N818 - says what happened to the model
    """Not reachable, overloaded or not installed: nothing is known to be wrong with the input."""


class ModelRateLimited(ModelUnavailable):
    """The provider's quota is used up for now; ``retry_after_seconds`` is usually set."""


class ModelTimeout(ModelError):  # noqa: N818 - says what happened to the model
    """No answer within the time a call may take."""


class ModelNotServed(ModelError):  # noqa: N818 - says what happened to the model
    """The server has no model of the name that a user chose, any more or for this key; said only
    where another one can take its place (:class:`~streaming.model.models.Models` asks it).
    """

    retryable = False


class ModelOutputInvalid(ModelError):  # noqa: N818 - says what happened to the model
    """It answered, but not with what the schema asks for. A further try may do better."""


class ModelRejected(ModelError):  # noqa: N818 - says what happened to the model
    """The input is refused: not an image, too large, against policy, or a request it can't take."""

    retryable = False


class ModelRefused(ModelRejected):
    """The provider won't do what was asked: its policy forbids it."""
