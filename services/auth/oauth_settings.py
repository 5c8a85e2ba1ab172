"""Settings of signing in with providers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.auth import origins
from services.auth.providers import PROVIDERS
from services.runtime.ports import port
from services.runtime.settings import Profile, RuntimeSettings

CALLBACK_PATH: Final = "/api/v1/auth/{provider}/callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Our client at a provider, and the provider's endpoints."""

    client_id: str
    client_secret: str
    """Empty when the provider takes none."""
    authorize_url: str
    token_url: str
    profile_url: str
    redirect_uri: str
    """Callback address when a request names none."""
    issuer: str = ""
    """``iss`` of id tokens; empty where there are none."""

    def __repr__(self) -> str:
        return f"Registration(client_id={self.client_id!r})"


class OAuthSettings(RuntimeSettings):
    """Clients, endpoints and limits. A provider without a client id is switched off."""

    oauth_google_client_id: str = ""
    oauth_google_client_secret: SecretStr = SecretStr("")
    oauth_google_authorize_url: str = "https://accounts.google.com/o/oauth2/v2/auth"
    oauth_google_token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
    oauth_google_profile_url: str = "https://www.googleapis.com/oauth2/v3/userinfo"
    oauth_google_issuer: str = "https://accounts.google.com"
    oauth_google_redirect_uri: str = ""
    """Default callback address; the first of ``oauth_redirect_uris`` when empty."""

    oauth_kakao_client_id: str = ""
    oauth_kakao_client_secret: SecretStr = SecretStr("")
    """Optional: Kakao asks for it only when it is switched on in its console."""
    oauth_kakao_authorize_url: str = "https://kauth.kakao.com/oauth/authorize"
    oauth_kakao_token_url: str = "https://kauth.kakao.com/oauth/token"  # noqa: S105  # an address
    oauth_kakao_profile_url: str = "https://kapi.kakao.com/v2/user/me"
    oauth_kakao_redirect_uri: str = ""
    """Default callback address; the first of ``oauth_redirect_uris`` when empty."""

    oauth_naver_client_id: str = ""
    oauth_naver_client_secret: SecretStr = SecretStr("")
    oauth_naver_authorize_url: str = "https://nid.naver.com/oauth2.0/authorize"
    oauth_naver_token_url: str = "https://nid.naver.com/oauth2.0/token"  # noqa: S105  # an address
    oauth_naver_profile_url: str = "https://openapi.naver.com/v1/nid/me"
    oauth_naver_redirect_uri: str = ""
    """Default callback address; the first of ``oauth_redirect_uris`` when empty."""

    oauth_redirect_uris: Annotated[tuple[str, ...], NoDecode] = Field(
        default_factory=lambda: tuple(
            base + CALLBACK_PATH
            for base in (
                f"http://localhost:{port('edge_http')}",
                f"https://localhost:{port('edge_https')}",
                f"http://127.0.0.1:{port('edge_http')}",
                f"https://127.0.0.1:{port('edge_https')}",
                "https://api.dev.growbin.app",
            )
        ),
        min_length=1,
    )
    """Callback addresses a sign-in may name, ``{provider}`` standing for the provider; a comma list
    in the environment. Compared character by character."""

    oauth_state_seconds: int = Field(default=600, ge=30, le=3600)
    """How long a user may take to sign in at the provider."""

    oauth_connect_seconds: float = Field(default=3.0, gt=0)
    """Longest a connection to a provider may take."""

    oauth_request_seconds: float = Field(default=8.0, gt=0, le=8.0)
    """Longest a request to a provider may take as a whole. A callback makes two, within the 25 s
    that the callback has."""

    oauth_max_response_bytes: int = Field(default=65_536, ge=1024)
    """Largest answer of a provider that is read."""

    login_attempts_per_minute: int = Field(default=20, ge=0)
    """Sign-ins that one client address may start in any 60 s, and as many callbacks; what is over
    that is refused with 429, a callback with a redirect to the login page. 0: no limit."""

    @field_validator("oauth_redirect_uris", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        """Accept ``a,b`` from the environment as well as a sequence."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if origins.allowed_origin(self.default_origin, self.cors_origins) is None:
            raise ValueError("ECO2_FRONTEND_ORIGIN must be one of ECO2_CORS_ORIGINS")
        for name in PROVIDERS:
            for kind in ("authorize_url", "token_url", "profile_url"):
                url = str(self._of(name, kind))
                if self.profile is Profile.PRODUCTION and not url.startswith("https://"):
                    variable = f"ECO2_OAUTH_{name}_{kind}".upper()
                    raise ValueError(f"{variable} must be https in production")
            default = str(self._of(name, "redirect_uri"))
            if default and not origins.allowed_redirect(default, name, self.oauth_redirect_uris):
                raise ValueError(
                    f"ECO2_OAUTH_{name.upper()}_REDIRECT_URI must be one of "
                    "ECO2_OAUTH_REDIRECT_URIS"
                )
        return self

    def registration(self, name: str) -> Registration | None:
        """Our client at a provider; None when it is switched off or its secret is missing."""
        client_id = str(self._of(name, "client_id"))
        secret = self._of(name, "client_secret")
        plain = secret.get_secret_value() if isinstance(secret, SecretStr) else ""
        if not client_id or (PROVIDERS[name].secret_required and not plain):
            return None
        return Registration(
            client_id=client_id,
            client_secret=plain,
            authorize_url=str(self._of(name, "authorize_url")),
            token_url=str(self._of(name, "token_url")),
            profile_url=str(self._of(name, "profile_url")),
            redirect_uri=str(self._of(name, "redirect_uri"))
            or origins.redirects(name, self.oauth_redirect_uris)[0],
            issuer=self.oauth_google_issuer if name == "google" else "",
        )

    def _of(self, name: str, kind: str) -> object:
        return getattr(self, f"oauth_{name}_{kind}")
