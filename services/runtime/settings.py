"""Settings common to every process, read from ``ECO2_*`` environment variables.

A process has one frozen settings object: :class:`RuntimeSettings`, extended by the settings of what
it serves (``services/<domain>/settings.py`` and so on). Secrets are :class:`pydantic.SecretStr`, so
that printing a model never shows them. ``eco2 config`` prints the effective values.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.runtime.ports import HOST, port


class Profile(StrEnum):
    """Where a process runs; ``production`` refuses conveniences meant for one machine."""

    LOCAL = "local"
    TEST = "test"
    PRODUCTION = "production"


class RuntimeSettings(BaseSettings):
    """What every process of eco2 needs to know."""

    model_config = SettingsConfigDict(
        env_prefix="ECO2_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # a start that fails must not print the keys it was given
    )

    profile: Profile = Profile.LOCAL
    """``local``, ``test`` or ``production``."""

    log_level: str = "INFO"
    """Lowest level that is written: DEBUG, INFO, WARNING or ERROR."""

    bind_host: str = HOST
    """Address every listener binds to; ``0.0.0.0`` inside a container."""

    postgres_url: str = Field(
        default_factory=lambda: f"postgresql://{HOST}:{port('postgres')}/eco2"
    )
    """Server and database, without user or password: each domain connects with its own role."""

    postgres_admin_user: str = "eco2_admin"
    """Owner of the database; used by ``eco2 migrate`` only."""

    postgres_password: SecretStr = SecretStr("eco2-local")
    """Password of the admin and of every domain role (one secret locally; the cluster sets one
    each with ``ECO2_POSTGRES_PASSWORD`` per workload)."""

    postgres_pool_max: int = Field(default=8, ge=1, le=200)
    """Connections a domain's pool opens at the most."""

    redis_url: SecretStr = Field(
        default_factory=lambda: SecretStr(f"redis://{HOST}:{port('redis')}/0")
    )
    """Redis for progress streams, leases and caches."""

    kafka_bootstrap: str = Field(default_factory=lambda: f"{HOST}:{port('kafka')}")
    """Comma list of brokers."""

    otlp_endpoint: str = ""
    """OTLP/HTTP base URL of the trace collector; empty switches exporting off."""

    trace_sample_ratio: float = Field(default=0.1, ge=0, le=1)
    """Share of requests without a sampled parent that are traced."""

    drain_seconds: float = Field(default=20.0, ge=0)
    """How long calls and streams in flight may go on after SIGTERM."""

    default_deadline_seconds: float = Field(default=15.0, gt=0)
    """Server-side deadline of a unary RPC that states none of its own."""

    jwt_issuer: str = "api.dev.growbin.app/api/v1/auth"
    """``iss`` of every token; the app's deployment carries no scheme in it."""

    jwt_audience: str = "api"
    """``aud`` of every token."""

    cors_origins: Annotated[tuple[str, ...], NoDecode] = (
        "https://frontend.dev.growbin.app",
        "https://frontend1.dev.growbin.app",
        "https://frontend2.dev.growbin.app",
        "https://growbin.app",
        "https://www.growbin.app",
        "https://api.dev.growbin.app",
        "http://localhost:5173",
        "https://localhost:5173",
        "http://localhost:3000",
    )
    """Front-end origins (scheme://host[:port]) that may call with credentials; a comma list in the
    environment. Default: every origin the app is served from."""

    frontend_origin: str = ""
    """Where a browser goes after a sign-in that named no origin or is unknown; one of
    ``cors_origins``, the first when empty."""

    cdn_base_url: str = Field(
        default_factory=lambda: f"http://localhost:{port('edge_http')}/images"
    )
    """Public base URL of uploaded images, without a trailing slash."""

    playground: bool = True
    """Whether the edge serves the playground at its root, with a sign-in that asks for no password.
    The production profile serves neither, whatever this says."""

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        """Accept ``a,b`` from the environment as well as a sequence."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def default_origin(self) -> str:
        """The front-end of browsers that named none; empty when there is none at all."""
        return self.frontend_origin or next(iter(self.cors_origins), "")

    @property
    def playground_served(self) -> bool:
        """Whether the playground and its sign-in exist in this process."""
        return self.playground and self.profile is not Profile.PRODUCTION
