"""Settings of the models: which one is asked, how, how often and for how long."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from services.runtime.settings import Profile, RuntimeSettings

OPENAI_URL: Final = "https://api.openai.com/v1"

OPENAI_MODELS: Final = ("gpt-5.2", "gpt-5.2-pro", "gpt-5.1", "gpt-5", "gpt-5-pro", "gpt-5-mini")
"""Names the app may ask for that OpenAI serves."""

GEMINI_MODELS: Final = (
    "gemini-3-pro-preview",
    "gemini-3-flash-preview",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.0-flash",
    "gemini-2.0-flash-lite",
)
"""Names the app may ask for that Google serves."""


class Provider(StrEnum):
    """Who classifies and answers."""

    AUTO = "auto"
    """``openai`` when there is a key, ``offline`` otherwise."""
    OPENAI = "openai"
    OFFLINE = "offline"


class Api(StrEnum):
    """Which of OpenAI's two interfaces is spoken."""

    AUTO = "auto"
    """``responses`` with OpenAI itself, ``chat`` with any other server."""
    RESPONSES = "responses"
    CHAT = "chat"


class Switch(StrEnum):
    """Whether a server is asked for something not every server has."""

    AUTO = "auto"
    """Yes with OpenAI itself, no with any other server."""
    ON = "on"
    OFF = "off"


class ImageMode(StrEnum):
    """How the model gets the photo."""

    AUTO = "auto"
    """``inline`` when the CDN's host can only be reached from this machine, ``url`` otherwise."""
    URL = "url"
    INLINE = "inline"


class ModelSettings(RuntimeSettings):
    """What the model package reads from the environment."""

    # `populate_by_name`: two names are those every OpenAI client uses, without our prefix.
    model_config = SettingsConfigDict(populate_by_name=True, protected_namespaces=())

    model_provider: Provider = Provider.AUTO
    """``auto``, ``openai`` or ``offline``."""

    model_fallback: Annotated[str, Field(pattern="^(offline)?$")] = ""
    """``offline``: answered by the offline reader while the model is down. Empty: jobs wait."""

    openai_api_key: SecretStr = Field(default=SecretStr(""), validation_alias="OPENAI_API_KEY")
    """Key of the server at ``OPENAI_BASE_URL``."""

    openai_base_url: str = Field(default=OPENAI_URL, validation_alias="OPENAI_BASE_URL")
    """Any server that speaks OpenAI's API."""

    gemini_api_key: SecretStr = Field(default=SecretStr(""), validation_alias="GEMINI_API_KEY")
    """Key for the ``gemini-…`` names; without it such a request gets the default model."""

    gemini_base_url: str = "https://generativelanguage.googleapis.com/v1beta/openai"
    """Google's OpenAI-compatible interface."""

    model: str = "gpt-5.2"
    """Name asked for when a scan or a message names none, and in place of one that its server does
    not have any more: models are shut down while apps still offer them (those that ``gpt-5``,
    ``gpt-5-mini`` and ``gpt-5-pro`` have meant so far on 2026-12-11,
    https://developers.openai.com/api/docs/deprecations). This one has to be served."""

    model_names: Annotated[tuple[str, ...], NoDecode] = ()
    """Further names the server at ``OPENAI_BASE_URL`` serves; a comma list. Empty: the app's list
    with OpenAI itself, only ``ECO2_MODEL`` with any other server."""

    model_api: Api = Api.AUTO
    """``auto``, ``responses`` or ``chat``."""

    model_image: ImageMode = ImageMode.AUTO
    """``auto``, ``url`` or ``inline``."""

    model_image_detail: Annotated[str, Field(pattern="^(low|high|auto)$")] = "low"
    """Resolution the model looks at: a scan shows one thing that fills the frame, for which
    ``low`` is enough."""

    model_reasoning_effort: Annotated[str, Field(pattern="^(none|minimal|low|medium|high)?$")] = ""
    """Passed on when set; empty leaves the model's own default."""

    model_max_output_tokens: int = Field(default=2048, ge=64)
    """Tokens a call may write, reasoning included."""

    model_connect_timeout_seconds: float = Field(default=5.0, gt=0)
    """Time to reach the server."""

    model_call_timeout_seconds: float = Field(default=30.0, gt=0)
    """Time from sending a call to its whole answer."""

    model_stream_idle_seconds: float = Field(default=10.0, gt=0)
    """Silence within a streamed reply after which it is given up."""

    model_web_search: Switch = Switch.AUTO
    """``auto``, ``on`` or ``off``: whether the server at ``OPENAI_BASE_URL`` searches the web
    (``/responses`` with the ``web_search`` tool)."""

    model_search_name: str = ""
    """Name asked to search the web; empty: ``ECO2_MODEL``."""

    model_search_context: Annotated[str, Field(pattern="^(low|medium|high)$")] = "low"
    """How much of the pages found the model reads: more takes longer than the branch has (10 s)."""

    model_pictures: Switch = Switch.AUTO
    """``auto``, ``on`` or ``off``: whether that server draws (``/images/generations``)."""

    model_picture_name: str = "gpt-image-2.5-flare"
    """Name asked to draw. ``gpt-image-1`` was shut down on 2026-10-23, its successors named 1.5 and
    ``mini`` are on 2026-12-01 (https://developers.openai.com/api/docs/deprecations)."""

    model_picture_quality: Annotated[str, Field(pattern="^(low|medium|high|auto)?$")] = "low"
    """About 0.6 cents a picture when low, 1.3 when medium, 5.3 when high; higher ones may take
    longer than the branch has (30 s). Empty: not sent, for servers that don't know it."""

    model_call_attempts: int = Field(default=2, ge=1, le=5)
    """Calls a stage makes in place before it hands the record to a retry topic."""

    model_concurrency: int = Field(default=400, ge=1)
    """Calls in flight per process and server. 400 calls of 5.6 s (the mean of a vision and an
    answer call at the app's first backend) are 71 calls/s, 2,100 scans/min."""

    model_requests_per_minute: float | None = Field(default=None, gt=0)
    """Ceiling of calls started per process and server; None paces only after a 429."""

    model_breaker_window: int = Field(default=20, ge=1)
    """How many latest calls the circuit breaker looks at."""

    model_breaker_failures: int = Field(default=10, ge=1)
    """Failures among them that open it."""

    model_breaker_open_seconds: float = Field(default=2.0, gt=0)
    """Pause before the first probe; it doubles with every failed probe."""

    model_breaker_open_max_seconds: float = Field(default=15.0, gt=0)
    """Longest pause between probes."""

    model_price_input_usd: float | None = Field(default=None, ge=0)
    """USD per million input tokens, for models that are not in the price table."""

    model_price_cached_usd: float | None = Field(default=None, ge=0)
    """USD per million cached input tokens; the input price when unset."""

    model_price_output_usd: float | None = Field(default=None, ge=0)
    """USD per million output tokens."""

    @field_validator("model_names", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def effective_provider(self) -> Provider:
        """The provider that ``auto`` stands for.

        ValueError when production would be left with the offline reader alone, or when ``openai``
        is asked for without a key.
        """
        has_key = bool(self.openai_api_key.get_secret_value())
        chosen = self.model_provider
        if chosen is Provider.AUTO:
            chosen = Provider.OPENAI if has_key else Provider.OFFLINE
        if chosen is Provider.OPENAI and not has_key:
            raise ValueError("ECO2_MODEL_PROVIDER=openai needs OPENAI_API_KEY")
        if chosen is Provider.OFFLINE and self.profile is Profile.PRODUCTION:
            raise ValueError("production needs a model: set OPENAI_API_KEY (and OPENAI_BASE_URL)")
        return chosen

    @property
    def is_openai(self) -> bool:
        """Whether the server is OpenAI's own."""
        return urlsplit(self.openai_base_url).hostname == urlsplit(OPENAI_URL).hostname

    @property
    def effective_api(self) -> Api:
        """The interface that ``auto`` stands for."""
        if self.model_api is not Api.AUTO:
            return self.model_api
        return Api.RESPONSES if self.is_openai else Api.CHAT

    @property
    def served_names(self) -> frozenset[str]:
        """Names the server at ``OPENAI_BASE_URL`` is asked for."""
        offered = OPENAI_MODELS if self.is_openai and not self.model_names else self.model_names
        return frozenset((self.model, *offered))

    @property
    def searches(self) -> bool:
        """Whether the server is asked to search the web."""
        return self._has(self.model_web_search)

    @property
    def draws(self) -> bool:
        """Whether the server is asked to draw."""
        return self._has(self.model_pictures)

    def _has(self, switch: Switch) -> bool:
        return self.is_openai if switch is Switch.AUTO else switch is Switch.ON

    @property
    def sends_inline(self) -> bool:
        """Whether photos travel inside the call."""
        if self.model_image is ImageMode.AUTO:
            return is_private_host(urlsplit(self.cdn_base_url).hostname or "")
        return self.model_image is ImageMode.INLINE


def is_private_host(host: str) -> bool:
    """Whether a server on the Internet can't reach `host`: localhost or a non-public address."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or not host:
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False
